"""The rolling baseline: what is in it, what it finds that the frozen one does not, and that a restart changes nothing."""

from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from itertools import count, islice

import numpy as np
import pytest

from detectors.baselines.baseline import Baseline
from detectors.baselines.baseline_group import BaselineGroup
from detectors.comparisons.comparison import compare_all
from detectors.groups.group import GroupProfile, merged_groups
from detectors.groups.wire import encode_group
from detectors.profiles.profile import COARSE
from detectors.statistics.settings import Settings
from pipeline.ingest.segments import GroupSet, Part
from pipeline.monitor.closing import Closer, Closing
from pipeline.monitor.collect import OpenWindow
from pipeline.monitor.incidents.memory import GroupMemory
from pipeline.monitor.standards.rolling import Rolled, Rolling
from pipeline.monitor.standards.standards import Standards
from pipeline.monitor.tables.keeping import kept_of
from pipeline.monitor.tables.table_keys import beyond, outdated, thing_of
from schemas import codec
from schemas.config import Config
from schemas.group import Group
from schemas.verdict import State
from schemas.window import Completeness
from tests.detectors import strategies as some
from tests.pipeline.tables import Tables

MODEL, WINDOW_MS, EVENTS, BUILT, MOST = Group("m", "1"), 300_000, 150, 60, 40
SIGNALS = ["x", "y"]
SETTINGS = Settings()


def window(rng: np.random.Generator, mean: float, signals: Sequence[str] = SIGNALS) -> GroupProfile:
    """The first signal has that mean, the others none."""
    drawn = {
        name: some.profile_of_numbers(rng.normal(mean if name == signals[0] else 0.0, 1.0, EVENTS), COARSE)
        for name in signals
    }
    return GroupProfile.of(EVENTS, drawn, COARSE)


@cache
def frozen() -> BaselineGroup:
    """The mean of `x` is anywhere between -1 and 1, in no order."""
    rng = np.random.default_rng(41)
    windows = {at * WINDOW_MS: window(rng, rng.uniform(-1.0, 1.0)).collapsed() for at in range(BUILT)}
    return BaselineGroup(
        merged_groups(list(windows.values())), {start: encode_group(one) for start, one in windows.items()}
    )


def config(rolling: int | None = MOST) -> Config:
    baseline = {"file": "m.json", "rolling": None if rolling is None else {"windows": rolling}}
    return Config.from_mapping({"models": [{"name": "m", "baseline": baseline}]})


def opened(means: Sequence[float]) -> Iterator[OpenWindow]:
    """The windows after the baseline's, of these means."""
    for at, mean in enumerate(means):
        start_ms = (BUILT + at) * WINDOW_MS
        groups = GroupSet({})
        groups.add(MODEL, Part(window(np.random.default_rng([42, at]), mean), 0, EVENTS))
        yield OpenWindow(start_ms, start_ms + WINDOW_MS, 0, {"m": groups})


def closer(
    cfg: Config,
    memories: Mapping[Group, GroupMemory] | None = None,
    rolled: Mapping[Group, Mapping[int, Rolled]] | None = None,
) -> Closer:
    standards = Standards(cfg, {"m": Baseline("m", WINDOW_MS, {None: frozen()})})
    return Closer(cfg, standards, memories, rolled)


@cache
def closed(means: tuple[float, ...], rolling: int | None = MOST) -> list[Closing]:
    one = closer(config(rolling))
    return [closing for opening in opened(means) for closing in one.close(opening)]


QUIET_THEN_MOVED = (-0.8,) * MOST + (0.8,) * 4 + (-0.8,) * 6
"""Well within what the baseline's windows did, and nothing like the last ones."""


def verdict_of(closing: Closing, detector: str) -> dict[str, object] | None:
    [x] = [signal for signal in closing.records[0].signals if signal.name == "x"]
    return next((verdict for verdict in x.verdicts if verdict["detector"] == detector), None)


def test_what_the_frozen_baseline_allows_the_rolling_one_finds_and_the_alert_names_it() -> None:
    found = closed(QUIET_THEN_MOVED)
    alerts = [alert for closing in found for alert in closing.alerts]
    assert [(str(alert.state), alert.signal) for alert in alerts] == [("firing", "x"), ("resolved", "x")]
    assert alerts[0].start_ms == (BUILT + MOST) * WINDOW_MS
    assert f", against the last {MOST} windows, not the baseline;" in alerts[0].summary
    other = verdict_of(found[MOST], "frozen")
    assert other is not None
    assert (other["state"], other["note"]) == ("ok", "against the baseline")
    assert [alert for closing in closed(QUIET_THEN_MOVED, None) for alert in closing.alerts] == []


def test_what_both_find_is_said_of_both() -> None:
    alerts = [alert for closing in closed((-0.8,) * MOST + (3.0,)) for alert in closing.alerts]
    assert [alert.summary.split(", against ")[1].split(";")[0] for alert in alerts] == [
        f"the baseline, and the last {MOST} windows"
    ]


def test_a_slow_drift_is_the_business_of_the_frozen_one() -> None:
    """Windows that drift are worth few, and bear no verdict."""
    found = closed((0.0,) * 24 + tuple(0.05 * at for at in range(60)))
    alerts = [alert for closing in found for alert in closing.alerts]
    assert [(str(alert.state), alert.signal) for alert in alerts] == [("firing", "x")]
    assert f"the last {MOST} windows, not" not in alerts[0].summary


def test_it_is_tested_once_it_has_20_windows_and_counts_in_the_budget_from_the_first() -> None:
    found, alone = closed((0.0,) * 24), closed((0.0,) * 24, None)
    assert [verdict_of(closing, "rolling") is not None for closing in found] == [False] * 20 + [True] * 4
    levels = [[closing.records[0].signals[0].level for closing in some_closings] for some_closings in (found, alone)]
    assert levels[0] == [level / 2 for level in levels[1] if level]


def test_windows_of_an_incident_are_not_taken_in() -> None:
    found = closed(QUIET_THEN_MOVED)
    resolved = next(at for at, closing in enumerate(found) if any(a.state == "resolved" for a in closing.alerts))
    assert [bool(closing.rolled) for closing in found] == [
        not MOST <= at < resolved for at in range(len(QUIET_THEN_MOVED))
    ]
    numbers = [closing.rolled[MODEL].number for closing in found if closing.rolled]
    assert numbers == list(range(1, len(numbers) + 1))


def test_without_a_rolling_baseline_nothing_is_kept() -> None:
    assert [closing.rolled for closing in closed((0.0,) * 3, None)] == [{}] * 3


def test_it_holds_the_last_windows_and_is_taken_anew_every_twentieth_of_them() -> None:
    rolling, rng = Rolling(MOST, SETTINGS), np.random.default_rng(43)
    names = []
    for at in range(3 * MOST):
        ready = rolling.before(at * WINDOW_MS)
        names.append(None if ready is None else (max(ready.group.windows), len(ready.group.windows)))
        rolling.add(at * WINDOW_MS, window(rng, 0.0))
        assert len(rolling.windows) <= MOST + MOST // 20
    step = MOST // 20
    for at, found in enumerate(names):
        through = at // step * step
        assert found == (None if through < 20 else ((through - 1) * WINDOW_MS, min(through, MOST)))


def test_a_window_is_not_compared_with_itself_nor_taken_in_twice() -> None:
    rolling, rng = Rolling(MOST, SETTINGS), np.random.default_rng(44)
    for at in range(24):
        assert rolling.add(at * WINDOW_MS, window(rng, 0.0)) is not None
    assert rolling.add(23 * WINDOW_MS, window(rng, 0.0)) is None
    ready = rolling.before(21 * WINDOW_MS)
    assert ready is not None
    assert max(ready.group.windows) < 21 * WINDOW_MS


def test_the_level_of_the_rolling_test_is_at_most_twice_the_nominal_one() -> None:
    rng, signals = np.random.default_rng(45), [f"s{i}" for i in range(8)]
    rolling = Rolling(MOST, SETTINGS)
    p_values: list[float] = []
    for at in range(4 * MOST):
        found = window(rng, 0.0, signals)
        ready = rolling.before(at * WINDOW_MS)
        if ready is not None:
            compared = compare_all(ready.references(signals), [found.signals[s] for s in signals], SETTINGS, 0.01)
            p_values += [one.p_value for one in compared if one.p_value is not None]
        rolling.add(at * WINDOW_MS, found)
    assert len(p_values) > 1000
    for level in (0.05, 0.01):
        assert np.mean(np.array(p_values) <= level) <= 2.0 * level


@pytest.mark.parametrize("whole", [True, False])
def test_a_worker_that_begins_again_after_any_window_comes_to_the_same(whole: bool) -> None:
    """From its tables; where not `whole`, it died when the group's record was written, and its window was not."""
    cfg, once = config(), closed(QUIET_THEN_MOVED)
    tables = Tables()
    for at, opening in enumerate(opened(QUIET_THEN_MOVED)):
        kept = tables.kept()
        [again] = closer(cfg, kept.groups, kept.rolled).close(opening)
        assert [record.encode() for record in again.records] == [record.encode() for record in once[at].records]
        assert [alert.encode() for alert in again.alerts] == [alert.encode() for alert in once[at].alerts]
        tables.keep_until("groups", again, at % 3)
        if not whole:
            kept = tables.kept()
            [again] = closer(cfg, kept.groups, kept.rolled).close(opening)
            assert again.records == []
        assert again.rolled == once[at].rolled
        tables.keep([again], at % 3)


def test_a_slot_written_over_counts_by_what_came_last_and_its_old_records_are_found() -> None:
    rolling, rng = Rolling(20, SETTINGS), np.random.default_rng(46)
    tables = [Tables(), Tables()]
    for at in range(30):
        closing = Closing(at * WINDOW_MS, (at + 1) * WINDOW_MS, Completeness.COMPLETE, {})
        rolled = rolling.add(at * WINDOW_MS, window(rng, 0.0))
        assert rolled is not None
        closing.rolled[MODEL] = rolled
        tables[at >= 21].keep([closing], 1 + (at >= 21))
    older, newer = (one.baselines for one in tables)
    assert (len(older), len(newer)) == (21, 9)
    kept = kept_of(0, {}, older | newer).rolled[MODEL]
    assert sorted(kept) == list(range(10, 31))
    assert kept == rolling.windows
    assert len(outdated(0, 2, older | newer)) == 21
    assert {thing_of(key) for key in newer} < outdated(0, 2, older).keys()


def begun(most: int, tables: Tables) -> Rolling:
    """That of a worker that begins with these tables."""
    rolling = Rolling.of(most, SETTINGS, tables.kept().rolled.get(MODEL, {}))
    tables.drop(beyond(0, {MODEL: rolling.slots}, tables.baselines))
    return rolling


def taken(rolling: Rolling, at: int) -> Closing:
    """The closing of a window that is taken in."""
    closing = Closing(at * WINDOW_MS, (at + 1) * WINDOW_MS, Completeness.COMPLETE, {})
    rolled = rolling.add(closing.start_ms, window(np.random.default_rng(47), 0.0))
    assert rolled is not None
    closing.rolled[MODEL] = rolled
    return closing


@pytest.mark.parametrize("sizes", [(20, 30, 20), (30, 20, 30)])
def test_a_worker_that_begins_again_holds_the_same_where_the_windows_are_changed(sizes: tuple[int, ...]) -> None:
    tables, ats = Tables(), count()
    for generation, most in enumerate(sizes):
        rolling = begun(most, tables)
        for at in islice(ats, most + 15):
            before = begun(most, tables)
            closing = taken(rolling, at)
            assert taken(before, at).rolled == closing.rolled, "it died before the window was kept"
            tables.keep([closing], generation)
            assert begun(most, tables).windows == rolling.windows
            assert len({codec.decode(key)[3] for key in tables.baselines}) == len(rolling.windows)


def test_windows_beyond_those_that_are_kept_are_deleted_wherever_a_worker_dies() -> None:
    tables, rolling = Tables(), Rolling(40, SETTINGS)
    for at in range(60):
        tables.keep([taken(rolling, at)], at % 2)
    lowered = Rolling.of(20, SETTINGS, tables.kept().rolled[MODEL])
    keys = beyond(0, {MODEL: lowered.slots}, tables.baselines)
    assert keys
    assert beyond(0, {}, tables.baselines) == beyond(1, {MODEL: ()}, tables.baselines) == []
    for key in keys:
        tables.drop([key])
        assert Rolling.of(20, SETTINGS, tables.kept().rolled[MODEL]).windows == lowered.windows
    assert len({codec.decode(key)[3] for key in tables.baselines}) == len(lowered.windows)


def test_the_states_are_those_of_one_signal() -> None:
    """One record and one alert for each signal, whichever baseline they come of."""
    for closing in closed(QUIET_THEN_MOVED):
        assert [signal.name for signal in closing.records[0].signals] == SIGNALS
        assert {signal.state for signal in closing.records[0].signals} <= {State.OK, State.WARNING, State.DRIFT}
