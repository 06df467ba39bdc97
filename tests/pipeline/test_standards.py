"""Baselines that are learned from the first windows: what is learned, what is judged by it, and how it is kept."""

from collections.abc import Sequence
from dataclasses import replace
from math import log10
from typing import Any

import pytest

from detectors.baselines.baseline import Baseline
from detectors.baselines.baseline_group import BaselineGroup
from detectors.groups.group import GroupProfile
from detectors.groups.wire import encode_group
from detectors.references.footings import measured
from detectors.statistics.settings import Settings
from pipeline.history.baseline_build import model_windows
from pipeline.history.local import LocalIngest, closed_windows, closings
from pipeline.monitor.closing import Closing
from pipeline.monitor.incidents.memory import GroupMemory, PartitionMemory
from pipeline.monitor.partition_monitor import PartitionMonitor
from pipeline.monitor.standards.learning import learning_note
from pipeline.monitor.standards.standards import Key, Standards, settings_of
from pipeline.monitor.tables import baseline_table
from pipeline.monitor.tables.keeping import kept_of, partition_record
from pipeline.monitor.tables.learned_record import decode_learned
from pipeline.monitor.tables.table_keys import outdated, thing_of
from schemas.basis import Basis
from schemas.config import Config
from schemas.errors import StateError
from schemas.group import Group, Segment
from schemas.packet import Packet
from schemas.verdict import State
from schemas.window import WindowRecord
from tests.detectors.gathered import gathered
from tests.pipeline.events import START_MS, encode, loans
from tests.pipeline.logs import log_of
from tests.pipeline.tables import Tables

WINDOW_MS, PER_WINDOW, LEARNED = 100_000, 100, 24
WHOLE, DE = Group("loan", "1"), Group("loan", "1", Segment("tags.country", "DE"))
TOTAL: Key = ("loan", None)


def config(windows: int = LEARNED, segments: Sequence[str] = (), **more: Any) -> Config:
    models = [{"name": "loan", "baseline": {"learn": {"windows": windows}}, "segments": list(segments)}]
    return Config.from_mapping({"window": {"length": "100s", "allowed_lateness": "1s"}, "models": models} | more)


def some_loans(windows: int, drift_at: int | None = None, model: str = "loan") -> list[dict[str, Any]]:
    n = windows * PER_WINDOW
    return list(loans(n, n if drift_at is None else drift_at * PER_WINDOW, model))


def closed(cfg: Config, events: Sequence[dict[str, Any]], files: dict[str, Baseline] | None = None) -> list[Closing]:
    return list(closings(cfg, files or {}, LocalIngest(cfg).messages([list(map(encode, events))])))


def records_of(some: Sequence[Closing], group: Group = WHOLE) -> list[WindowRecord]:
    return [record for closing in some for record in closing.records if record.group == group]


def learned_by(some: Sequence[Closing]) -> dict[Key, BaselineGroup]:
    """What was learned, as the last of the closings has it."""
    return {key: group for closing in some for key, group in closing.baselines.items()}


def file_of(cfg: Config, events: Sequence[dict[str, Any]]) -> Baseline:
    """The baseline as it is built from a file."""
    windows = closed_windows(cfg, LocalIngest(cfg).messages([list(map(encode, events))]))
    return gathered("loan", WINDOW_MS, model_windows(windows, "loan"), settings_of(cfg))


@pytest.fixture(scope="module")
def windows() -> list[Closing]:
    """Those that are learned, two that are well, and three that drift."""
    return closed(config(segments=["tags.country"]), some_loans(LEARNED + 5, drift_at=LEARNED + 2))


def test_the_first_windows_are_learned_and_the_next_are_judged(windows: list[Closing]) -> None:
    for group in (WHOLE, DE):
        records = records_of(windows, group)
        assert [r.learned_windows for r in records] == [*range(1, LEARNED + 1), *[None] * 5]
        assert [r.state is State.LEARNING for r in records] == [True] * LEARNED + [False] * 5
        events = [sum(r.events for r in records[: n + 1]) for n in range(LEARNED)]
        assert [r.baseline_events for r in records] == events + [events[-1]] * 5
    judged = {signal.name: signal.state for signal in records_of(windows)[LEARNED + 2].signals}
    assert (judged["grade"], judged["term"]) == (State.DRIFT, State.OK)
    assert {s.state for r in records_of(windows)[:LEARNED] for s in r.signals} == {State.LEARNING}


@pytest.mark.parametrize("windows", [2, 19])
def test_too_few_windows_to_learn_from_are_said_to_be_too_few(windows: int) -> None:
    assert learning_note(config(windows)) == (
        f"no baseline: loan learns one from its first {windows} windows, too few for verdicts: at least 20; "
        "set baseline.learn.windows"
    )
    assert (learning_note(config(20)) or "").startswith("no baseline: loan learns one from its first 20 windows (2000s")


def test_without_models_in_the_configuration_each_model_learns() -> None:
    auto = Config.from_mapping({"window": {"length": "100s", "allowed_lateness": "1s"}})
    both = [e for pair in zip(some_loans(4), some_loans(4, model="card"), strict=True) for e in pair]
    found = closed(auto, both)
    for model in ("loan", "card"):
        records = records_of(found, Group(model, "1"))
        assert [(r.state, r.learned_windows, r.baseline_events) for r in records] == [
            (State.LEARNING, n, n * PER_WINDOW) for n in (1, 2, 3, 4)
        ]


def test_a_learned_baseline_judges_as_one_built_from_the_same_events_does() -> None:
    events = some_loans(LEARNED + 5, drift_at=LEARNED + 2)
    cfg = config(segments=["tags.country"])
    built = file_of(cfg, events[: LEARNED * PER_WINDOW])
    models = [{"name": "loan", "baseline": "loan.json", "segments": ["tags.country"]}]
    from_file = closed(config(models=models), events, {"loan": built})[LEARNED:]
    learned = closed(cfg, events)[LEARNED:]
    surprises = []
    for mine, theirs in zip(learned, from_file, strict=True):
        assert [shown(r) for r in mine.records] == [shown(r) for r in theirs.records]
        surprises += [
            (-log10(a.p_value), -log10(b.p_value))
            for r, s in zip(mine.records, theirs.records, strict=True)
            for a, b in zip(r.signals, s.signals, strict=True)
            if a.p_value and b.p_value
        ]
    assert [a for a, _ in surprises] == [pytest.approx(b, rel=0.2, abs=0.5) for _, b in surprises]
    assert max(a for a, _ in surprises) > 5.0


def shown(record: WindowRecord) -> list[Any]:
    """What a record says but for how far apart its baseline's windows are: that is measured in other cells."""
    return [(s.name, s.effect, s.cells, s.level, s.budget_basis) for s in record.signals]


@pytest.mark.parametrize("kept", [1, 3, LEARNED])
def test_a_window_that_is_part_of_a_baseline_is_never_judged_by_it_nor_learned_again(kept: int) -> None:
    """Not while it is learned, nor when it is closed again after a restart that had kept the baseline."""
    cfg = config()
    events = some_loans(LEARNED + 3, drift_at=LEARNED - 1)
    once = closed(cfg, events)
    again = PartitionMonitor(cfg, Standards(cfg, {}, learned_by(once[:kept])))
    messages = LocalIngest(cfg).messages([list(map(encode, events))])
    twice = [c for number, message in enumerate(messages) for c in again.take(message, number)]
    assert [r.state is State.LEARNING for r in records_of(twice)] == [True] * LEARNED + [False] * 3
    assert [bool(c.baselines) for c in twice] == [kept <= number < LEARNED for number in range(LEARNED + 3)]
    assert shapes(learned_by([*once[:kept], *twice])) == shapes(learned_by(once))
    assert [r.encode() for r in records_of(twice)[LEARNED:]] == [r.encode() for r in records_of(once)[LEARNED:]]


def test_a_baseline_tells_which_windows_it_judges() -> None:
    cfg = config()
    learned = learned_by(closed(cfg, some_loans(LEARNED)))
    standard = Standards(cfg, {}, learned).find(WHOLE)
    assert standard is not None
    starts = [START_MS + i * WINDOW_MS for i in range(LEARNED + 3)]
    assert [standard.judges(start) for start in starts] == [False] * LEARNED + [True] * 3
    assert [standard.learned_before(start) for start in starts] == [*range(1, LEARNED + 1), *[LEARNED] * 3]


def test_versions_share_what_is_learned() -> None:
    events = [event | {"version": str(i % 2)} for i, event in enumerate(some_loans(LEARNED + 2))]
    found = closed(config(), events)
    for version in ("0", "1"):
        records = records_of(found, Group("loan", version))
        assert [r.baseline_events for r in records] == [100 * min(n, LEARNED) for n in range(1, LEARNED + 3)]
        assert [r.learned_windows for r in records] == [*range(1, LEARNED + 1), None, None]


def test_a_segment_that_comes_later_learns_from_its_own_first_windows() -> None:
    events = some_loans(LEARNED + 7)
    for event in events[: 4 * PER_WINDOW]:
        event["tags"] = {"country": "FR"}
    found = closed(config(segments=["tags.country"]), events)
    learned = [r.learned_windows for r in records_of(found, DE)]
    assert learned == [*range(1, LEARNED + 1), None, None, None]
    assert records_of(found)[LEARNED].learned_windows is None


def test_the_budget_is_shared_out_over_what_is_judged() -> None:
    cfg = config(segments=["tags.country"])
    standards = Standards(cfg, {})
    levels = []
    for window in closed_windows(cfg, LocalIngest(cfg).messages([list(map(encode, some_loans(LEARNED + 2)))])):
        levels.append(standards.level("loan", window.start_ms))
        for group, part in window.models["loan"].in_order():
            if group.segment is None or window.start_ms > START_MS:
                standards.learn("loan", group.segment, window.start_ms, part.profile)
    whole, segments = 4, 2 * 4
    assert levels[:LEARNED] == [levels[0]] * LEARNED
    assert levels[LEARNED] == pytest.approx(levels[0] / whole, rel=1e-6)
    assert levels[LEARNED + 1] == pytest.approx(levels[0] / (whole + segments), rel=1e-6)


def test_where_an_alert_takes_two_windows_of_three_each_is_tested_at_two_thirds_of_the_level() -> None:
    fire = {"detection": {"fire": {"windows": 2, "of": 3}}}
    once, twice = (Standards(cfg, {}).level("loan", START_MS) for cfg in (config(), config(**fire)))
    assert twice == pytest.approx(once * 2 / 3)


@pytest.mark.parametrize("kept", [3, LEARNED])
def test_a_model_that_is_listed_no_longer_is_not_judged_and_one_that_is_again_finds_its_baseline(kept: int) -> None:
    """Its baseline is in the table, and windows of it were open when the configuration changed."""
    events, others = some_loans(kept + 2), config(models=[{"name": "card"}])
    tables = Tables().keep(closed(config(), events)[:kept])
    before = tables.kept()
    monitor = PartitionMonitor(others, Standards(others, {}, before.baselines), None, before.groups)
    messages = LocalIngest(config()).messages([list(map(encode, events[kept * PER_WINDOW :]))])
    found = [closing for number, message in enumerate(messages) for closing in monitor.take(message, number)]
    assert [r.state for r in records_of(found)] == [State.NO_DATA] * 2
    assert learned_in(tables.keep(found)) == shapes(before.baselines)


def test_incomplete_windows_are_neither_learned_nor_judged() -> None:
    cfg = config(segments=["tags.country"])
    events = some_loans(LEARNED + 4)
    log = log_of(cfg, list(map(encode, events)), [event["ts"] for event in events])
    lost = [
        next(m for m in log if isinstance(m, Packet) and m.header.window_start_ms == start and m.header.group == DE)
        for start in (START_MS + 2 * WINDOW_MS, START_MS + (LEARNED + 2) * WINDOW_MS)
    ]
    monitor = PartitionMonitor(cfg, Standards(cfg, {}))
    kept = [message for message in log if message not in lost]
    records = records_of([c for number, message in enumerate(kept) for c in monitor.take(message, number)])
    assert [r.learned_windows for r in records] == [1, 2, None, *range(3, LEARNED + 1), None, None, None]
    assert [r.state for r in records if r.completeness == "incomplete"] == [State.NO_DATA] * 2
    assert [r.start_ms for r in records if r.completeness == "incomplete"] == [m.header.window_start_ms for m in lost]


# How a learned baseline is kept.


def learned_in(tables: Tables, partition: int = 0) -> dict[Key, dict[Any, Any]]:
    """The bytes of each baseline: its windows by their start, its total under None."""
    return shapes(tables.kept(partition).baselines)


def shapes(learned: dict[Key, BaselineGroup]) -> dict[Key, dict[Any, Any]]:
    return {
        key: {None: encode_group(group.total), "measured": group.measured} | dict(group.windows)
        for key, group in learned.items()
    }


def after(some: Sequence[Closing]) -> dict[Key, dict[Any, Any]]:
    return shapes(learned_by(some))


def test_a_learned_baseline_comes_back_as_it_was(windows: list[Closing]) -> None:
    for n in (1, 3, LEARNED, LEARNED + 3):
        assert learned_in(Tables().keep(windows[:n])) == after(windows[:n])
    assert {len(kept) for kept in after(windows[: LEARNED - 1]).values()} == {LEARNED - 1 + 2}
    assert set(after(windows)) == {TOTAL, ("loan", DE.segment), ("loan", Segment("tags.country", "FR"))}


def test_once_it_is_learned_what_its_windows_said_is_kept_in_their_place(windows: list[Closing]) -> None:
    learning, whole = Tables().keep(windows[: LEARNED - 1]), Tables().keep(windows[:LEARNED])
    assert (len(learning.baselines), len(whole.baselines)) == (3 * LEARNED, 3)
    for group in whole.kept().baselines.values():
        assert group.measured is not None
        assert [*group.starts] == [START_MS + at * WINDOW_MS for at in range(LEARNED)]
        assert {footing.windows for footing in group.measured.footings.values()} == {LEARNED}
        assert not group.windows


def test_a_worker_that_dies_before_the_windows_are_deleted_leaves_nothing_that_counts(windows: list[Closing]) -> None:
    tables = Tables().keep(windows[: LEARNED - 1], 1).keep(windows[LEARNED - 2 : LEARNED - 1], 2)
    tables.keep_until("learned", windows[LEARNED - 1], 2)
    assert learned_in(tables) == after(windows)
    kept = tables.kept()
    assert set(kept.useless) == {key for key in tables.baselines if b'"learned"' not in key}
    assert not kept.watched


def compared(records: Sequence[WindowRecord]) -> list[tuple[float | None, ...]]:
    return [(s.p_value, s.level, s.effect, s.minimum_detectable_effect) for r in records for s in r.signals]


def test_a_baseline_that_was_learned_whole_by_an_older_version_is_measured_at_the_next_window() -> None:
    """Its windows are kept one by one, though they are all there."""
    cfg, events = config(), some_loans(LEARNED + 2)
    held = learned_by(closed(config(LEARNED + 1), events[: LEARNED * PER_WINDOW]))
    assert all(len(group.windows) == LEARNED for group in held.values())
    monitor = PartitionMonitor(cfg, Standards(cfg, {}, held))
    messages = LocalIngest(cfg).messages([list(map(encode, events[LEARNED * PER_WINDOW :]))])
    later = [c for number, message in enumerate(messages) for c in monitor.take(message, number)]
    once = closed(cfg, events)
    assert shapes(learned_by(later)) == shapes(learned_by(once))
    assert compared(records_of(later)) == compared(records_of(once)[-2:])


def seasonal() -> Config:
    models = [{"name": "loan", "baseline": {"learn": {"windows": 480}, "season": "hour_of_day"}}]
    return config(window={"length": "1h"}, models=models)


def test_a_season_named_while_windows_are_counted_has_come_too_late() -> None:
    """Some windows are counted already, so all are, and what they say is kept as without one."""
    first = closed(config(480), some_loans(12))
    standards = Standards(seasonal(), {}, learned_by(first))
    [complaint] = standards.complaints()
    assert "was learned without that season" in complaint
    profile, hours = learned_by(first[:1])[TOTAL].total, range(1, 470)
    last = [standards.learn("loan", None, START_MS + hour * 3_600_000, profile) for hour in hours][467]
    assert last is not None
    assert last.measured is not None
    assert len(last.starts) == 480


def test_a_season_asked_for_once_the_windows_are_gone_is_refused_in_words(windows: list[Closing]) -> None:
    standards = Standards(seasonal(), {}, learned_by(windows))
    [complaint] = standards.complaints()
    assert complaint.startswith("loan: its baseline was learned without that season, and has none")
    assert Standards(config(), {}, learned_by(windows)).complaints() == []


def test_under_other_bins_a_learned_baseline_warns_until_new_windows_say_how_far_apart_they_are() -> None:
    more = {"detection": {"bins": 8}}
    events = some_loans(LEARNED + 56, drift_at=LEARNED + 54)
    learned = learned_by(closed(config(), events[: LEARNED * PER_WINDOW]))
    cfg, tables, found = config(**more), Tables(), list[Closing]()
    tables.baselines = Tables().keep(closed(config(), events[: LEARNED * PER_WINDOW])).baselines
    monitor = PartitionMonitor(cfg, Standards(cfg, {}, learned))
    messages = LocalIngest(cfg).messages([list(map(encode, events[LEARNED * PER_WINDOW :]))])
    for number, message in enumerate(messages):
        for closing in monitor.take(message, number):
            tables.keep([closing])
            found.append(closing)
            if len(found) == 30:
                kept = tables.kept()
                standards = Standards(cfg, {}, kept.baselines, kept.watched)
                assert ["next 20 windows" in complaint for complaint in standards.complaints()] == [True]
                monitor = PartitionMonitor(cfg, standards, monitor.memory(), kept.groups)
    bases = [{signal.budget_basis for signal in record.signals} for record in records_of(found)]
    assert bases[:50] == [{Basis.ASSUMED}] * 50
    assert bases[50] == {Basis.THIN}
    kept = tables.kept()
    assert Standards(cfg, {}, kept.baselines, kept.watched).complaints() == []
    assert {alert.start_ms for closing in found for alert in closing.alerts} == {START_MS + (LEARNED + 54) * WINDOW_MS}
    assert Standards(config(), {}, tables.kept().baselines, tables.kept().watched).complaints() == []


def test_large_profiles_are_kept_deflated_and_come_back(windows: list[Closing]) -> None:
    """A message holds ten megabytes, and a thousand signals take as much."""
    [(key, group)] = [(key, group) for key, group in windows[0].baselines.items() if key == TOTAL]
    many = {f"{name}-{at}": p for name, p in group.total.signals.items() for at in range(460)}
    profile = GroupProfile.of(group.total.count, many, group.total.resolution)
    wide = BaselineGroup(GroupProfile.empty(profile.resolution)).add(windows[0].start_ms, profile)
    closing = replace(windows[0], baselines={key: wide})
    assert len(encode_group(wide.total)) > 1 << 20
    tables = Tables().keep([closing])
    assert max(map(len, tables.baselines.values())) < 1 << 20
    assert learned_in(tables) == shapes({key: wide})
    whole = replace(closing, baselines={key: measured(wide, Settings())})
    [record] = Tables().keep([whole]).baselines.values()
    assert len(record) < 1 << 20
    assert shapes({key: decode_learned(record)}) == shapes(whole.baselines)
    damaged = {key: value[:-9] + b"ruined***" for key, value in tables.baselines.items()}
    with pytest.raises(StateError, match="a learned baseline is damaged"):
        kept_of(0, tables.state, damaged)


def test_what_no_message_holds_is_said_clearly(windows: list[Closing], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(baseline_table, "MOST_BYTES", 100)
    with pytest.raises(
        StateError, match=r"the baseline that loan learns has \d signals and takes .* list fewer signals"
    ):
        Tables().keep(windows[:1])


def test_of_two_generations_the_one_that_got_further_counts(windows: list[Closing]) -> None:
    """A frozen worker thaws, and writes again what it last knew."""
    for older, newer in ((1, 2), (9, 10)):
        tables = Tables().keep(windows[:2], older).keep(windows[1:4], newer).keep(windows[1:2], older)
        assert learned_in(tables) == after(windows[:4])
        behind = Tables().keep(windows[:4], older).keep(windows[2:3], newer)
        assert learned_in(behind) == after(windows[:4])


def test_a_window_newer_than_the_total_is_not_part_of_it_yet(windows: list[Closing]) -> None:
    """A worker died between the two writes; the window is closed again, and learned again."""
    tables = Tables().keep(windows[:3])
    tables.keep_until("baseline_windows", windows[3], 2)
    assert learned_in(tables) == after(windows[:3])
    alone = Tables()
    alone.keep_until("baseline_windows", windows[0])
    assert learned_in(alone) == {}


def test_what_is_left_of_a_baseline_that_was_being_forgotten_is_no_part_of_the_next(windows: list[Closing]) -> None:
    """A worker died between the deletions, of which the total's is the first."""
    tables = Tables().keep(windows[:12])
    tables.baselines = {key: value for key, value in tables.baselines.items() if b'"total"' not in key}
    kept = tables.kept()
    assert not kept.baselines
    for key in kept.useless:
        del tables.baselines[key]
    again = closed(config(segments=["tags.country"]), some_loans(15)[12 * PER_WINDOW :])
    assert learned_in(tables.keep(again, 2)) == after(again)


def test_the_windows_of_a_total_may_stand_in_any_generation(windows: list[Closing]) -> None:
    tables = Tables()
    for generation, closing in enumerate(windows[:LEARNED]):
        tables.keep([closing], generation)
    assert learned_in(tables) == after(windows)


def test_partitions_do_not_see_each_other(windows: list[Closing]) -> None:
    tables = Tables().keep(windows[:2], partition=0).keep(windows[:4], partition=1)
    assert learned_in(tables, 0) == after(windows[:2])
    assert learned_in(tables, 1) == after(windows[:4])
    assert learned_in(tables, 2) == {}


def test_memories_come_back_and_the_one_that_closed_most_counts(windows: list[Closing]) -> None:
    tables = Tables().keep(windows, 2).keep(windows[:1], 3)
    tables.state.update([partition_record(0, 3, PartitionMemory(closed_through_ms=7))])
    tables.state.update([partition_record(0, 2, PartitionMemory(closed_through_ms=9))])
    kept = kept_of(0, tables.state, tables.baselines)
    assert kept.groups == {g: GroupMemory.decode(m.encode()) for g, m in windows[-1].memories.items()}
    assert kept.memory == PartitionMemory(closed_through_ms=9)
    assert kept_of(5, tables.state, tables.baselines).groups == {}


def test_what_other_generations_wrote_of_a_thing_is_found_by_its_name(windows: list[Closing]) -> None:
    old, new = Tables().keep(windows[:2], 1), Tables().keep(windows[:2], 2)
    found = outdated(0, 2, [*old.state, *new.state, *Tables().keep(windows[:1], 1, partition=1).state])
    assert found == {thing_of(key): [before] for key, before in zip(new.state, old.state, strict=True)}
    assert len(found) == 3
    assert outdated(0, 2, new.state) == {}


def test_a_deleted_record_is_none(windows: list[Closing]) -> None:
    tables = Tables().keep(windows[:2], 1).keep(windows[:4], 2)
    deleted: dict[bytes, Any] = dict.fromkeys(Tables().keep(windows[:2], 1).baselines)
    tables.baselines.update(deleted)
    assert learned_in(tables) == after(windows[:4])


def test_a_damaged_record_is_a_state_error(windows: list[Closing]) -> None:
    for name in ("state", "baselines"):
        tables = Tables().keep(windows[:2])
        table: dict[bytes, bytes] = getattr(tables, name)
        for key, value in list(table.items()):
            table[key] = value[:-9] + bytes([value[-9] ^ 1]) + value[-8:]
            with pytest.raises(StateError, match="damaged"):
                kept_of(0, tables.state, tables.baselines)
            table[key] = value
