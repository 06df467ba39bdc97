"""Baselines that are learned from the first windows: what is learned, what is judged by it, and how it is kept."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest

from detectors.baselines.baseline import Baseline, BaselineGroup, baseline_of
from detectors.groups.group import GroupProfile
from detectors.groups.wire import encode_group
from pipeline.history.local import LocalIngest, closed_windows, closings
from pipeline.monitor import keeping
from pipeline.monitor.closing import Closing
from pipeline.monitor.keeping import (
    baseline_totals,
    baseline_windows,
    kept_of,
    outdated,
    partition_record,
    state_records,
    thing_of,
)
from pipeline.monitor.memory import GroupMemory, PartitionMemory
from pipeline.monitor.partition_monitor import PartitionMonitor
from pipeline.monitor.standards import Key, Standards
from schemas import codec
from schemas.config import Config
from schemas.errors import StateError
from schemas.group import Group, Segment
from schemas.packet import Packet
from schemas.verdict import State
from schemas.window import WindowRecord
from tests.pipeline.events import START_MS, encode, loans
from tests.pipeline.logs import log_of

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
    profiles = [
        (group.segment, window.start_ms, part.profile)
        for window in windows
        for group, part in window.models["loan"].in_order()
    ]
    return baseline_of("loan", WINDOW_MS, profiles)


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


def test_without_models_in_the_configuration_each_model_learns() -> None:
    auto = Config.from_mapping({"window": {"length": "100s", "allowed_lateness": "1s"}})
    both = [e for pair in zip(some_loans(4), some_loans(4, model="card"), strict=True) for e in pair]
    found = closed(auto, both)
    for model in ("loan", "card"):
        records = records_of(found, Group(model, "1"))
        assert [(r.state, r.learned_windows, r.baseline_events) for r in records] == [
            (State.LEARNING, n, n * PER_WINDOW) for n in (1, 2, 3, 4)
        ]


def by_itself(data: bytes) -> Any:
    """A record or an alert without what the windows before it say: only against a file do those have scores."""
    found = codec.decode(data)
    for some in found.get("signals", [found]):
        key = "verdicts" if "verdicts" in some else "evidence"
        some[key] = [verdict for verdict in some.get(key, ()) if verdict["detector"] != "sustained"]
    return found


def test_a_learned_baseline_judges_as_one_built_from_the_same_events_does() -> None:
    events = some_loans(LEARNED + 5, drift_at=LEARNED + 2)
    cfg = config(segments=["tags.country"])
    built = file_of(cfg, events[: LEARNED * PER_WINDOW])
    models = [{"name": "loan", "baseline": "loan.json", "segments": ["tags.country"]}]
    from_file = closed(config(models=models), events, {"loan": built})[LEARNED:]
    learned = closed(cfg, events)[LEARNED:]
    for mine, theirs in zip(learned, from_file, strict=True):
        assert [by_itself(r.encode()) for r in mine.records] == [by_itself(r.encode()) for r in theirs.records]
        assert [by_itself(a.encode()) for a in mine.alerts] == [by_itself(a.encode()) for a in theirs.alerts]
    assert sum(len(c.alerts) for c in learned) > 0


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


class Tables:
    """The monitor's tables of one partition, as generations of workers fill them."""

    def __init__(self) -> None:
        self.state: dict[bytes, bytes] = {}
        self.baselines: dict[bytes, bytes] = {}

    def keep(self, some: Sequence[Closing], generation: int = 1, partition: int = 0) -> "Tables":
        for closing in some:
            self.state.update(state_records(partition, generation, closing))
            self.baselines.update(baseline_windows(partition, generation, closing))
            self.baselines.update(baseline_totals(partition, generation, closing))
        return self

    def learned(self, partition: int = 0) -> dict[Key, dict[int | None, bytes]]:
        """The bytes of each baseline: its windows by their start, its total under None."""
        return shapes(kept_of(partition, self.state, self.baselines).baselines)


def shapes(learned: dict[Key, BaselineGroup]) -> dict[Key, dict[int | None, bytes]]:
    return {key: {None: encode_group(group.total)} | dict(group.windows) for key, group in learned.items()}


def after(some: Sequence[Closing]) -> dict[Key, dict[int | None, bytes]]:
    return shapes(learned_by(some))


def test_a_learned_baseline_comes_back_as_it_was(windows: list[Closing]) -> None:
    for n in (1, 3, LEARNED, LEARNED + 3):
        assert Tables().keep(windows[:n]).learned() == after(windows[:n])
    assert {len(windows) for windows in after(windows).values()} == {LEARNED + 1}
    assert set(after(windows)) == {TOTAL, ("loan", DE.segment), ("loan", Segment("tags.country", "FR"))}


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
    assert tables.learned() == shapes({key: wide})
    damaged = {key: value[:-9] + b"ruined***" for key, value in tables.baselines.items()}
    with pytest.raises(StateError, match="a learned baseline is damaged"):
        kept_of(0, tables.state, damaged)


def test_what_no_message_holds_is_said_clearly(windows: list[Closing], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keeping, "MOST_BYTES", 100)
    with pytest.raises(
        StateError, match=r"the baseline that loan learns has \d signals and takes .* list fewer signals"
    ):
        baseline_totals(0, 1, windows[0])


def test_of_two_generations_the_one_that_got_further_counts(windows: list[Closing]) -> None:
    """A frozen worker thaws, and writes again what it last knew."""
    for older, newer in ((1, 2), (9, 10)):
        tables = Tables().keep(windows[:2], older).keep(windows[1:4], newer).keep(windows[1:2], older)
        assert tables.learned() == after(windows[:4])
        behind = Tables().keep(windows[:4], older).keep(windows[2:3], newer)
        assert behind.learned() == after(windows[:4])


def test_a_window_newer_than_the_total_is_not_part_of_it_yet(windows: list[Closing]) -> None:
    """A worker died between the two writes; the window is closed again, and learned again."""
    tables = Tables().keep(windows[:3])
    tables.baselines.update(baseline_windows(0, 2, windows[3]))
    assert tables.learned() == after(windows[:3])
    alone = Tables()
    alone.baselines.update(baseline_windows(0, 1, windows[0]))
    assert alone.learned() == {}


def test_the_windows_of_a_total_may_stand_in_any_generation(windows: list[Closing]) -> None:
    tables = Tables()
    for generation, closing in enumerate(windows[:LEARNED]):
        tables.keep([closing], generation)
    assert tables.learned() == after(windows)


def test_partitions_do_not_see_each_other(windows: list[Closing]) -> None:
    tables = Tables().keep(windows[:2], partition=0).keep(windows[:4], partition=1)
    assert tables.learned(0) == after(windows[:2])
    assert tables.learned(1) == after(windows[:4])
    assert tables.learned(2) == {}


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
    assert tables.learned() == after(windows[:4])


def test_a_damaged_record_is_a_state_error(windows: list[Closing]) -> None:
    for name in ("state", "baselines"):
        tables = Tables().keep(windows[:2])
        table: dict[bytes, bytes] = getattr(tables, name)
        for key, value in list(table.items()):
            table[key] = value[:-9] + bytes([value[-9] ^ 1]) + value[-8:]
            with pytest.raises(StateError, match="damaged"):
                kept_of(0, tables.state, tables.baselines)
            table[key] = value
