"""A baseline with a season that is learned: its hours, and how they are kept while it is and once it is."""

from collections.abc import Mapping
from functools import cache

import numpy as np
import pytest

from detectors.baselines.baseline import Baseline
from detectors.baselines.baseline_group import COUNTED, BaselineGroup
from detectors.baselines.hour_totals import whole_hours
from detectors.groups.group import GroupProfile
from detectors.groups.wire import encode_group
from detectors.profiles.profile import COARSE
from detectors.references.footings import measured
from detectors.references.gathering import Gathering
from detectors.references.taking import KEPT
from detectors.statistics.settings import Settings
from pipeline.monitor.closing import Closing
from pipeline.monitor.incidents.forgetting import Forgotten
from pipeline.monitor.standards.standards import Standards
from pipeline.monitor.tables.hour_record import encode_hour
from schemas.config import Config
from schemas.errors import StateError
from schemas.group import Group
from schemas.season import HOUR_MS, Season
from schemas.window import Completeness
from tests.detectors.daily import MONDAY_MS, window
from tests.pipeline.tables import Tables

MODEL, KEY = Group("m", "1"), ("m", None)
LEARNED, SIGNALS = 480, ["s0", "s1"]


def config(season: str, windows: int = LEARNED) -> Config:
    models = [{"name": "m", "baseline": {"learn": {"windows": windows}, "season": season}}]
    return Config.from_mapping({"window": {"length": "1h"}, "models": models})


@cache
def windows() -> Mapping[int, GroupProfile]:
    rng = np.random.default_rng(35)
    drawn = {MONDAY_MS + at * HOUR_MS: window(rng, at % 24) for at in range(LEARNED)}
    return {
        start: GroupProfile.of(one.count, {n: one.signals[n] for n in SIGNALS}, COARSE) for start, one in drawn.items()
    }


def learn(standards: Standards, start_ms: int) -> Closing | None:
    """Closes a window: what it changes of the baseline."""
    group = standards.learn("m", None, start_ms, windows()[start_ms])
    if group is None:
        return None
    return Closing(start_ms, start_ms + HOUR_MS, Completeness.COMPLETE, {}, baselines={KEY: group})


def again(tables: Tables, season: str) -> Standards:
    """Those of a worker that begins with what the tables hold."""
    return Standards(config(season), {}, tables.kept().baselines)


def shape(group: BaselineGroup) -> dict[object, object]:
    """All that a baseline says, hour by hour."""
    of_hours = {hour: (encode_group(part.total), part.measured) for hour, part in group.hours.items()}
    totals = {hour: (total.windows, encode_group(total.profile)) for hour, total in group.hour_totals.items()}
    whole = (encode_group(group.total), group.measured, dict(group.windows))
    return {None: whole, "hours": of_hours, "totals": totals}


@cache
def course(season: str) -> tuple[list[Tables], Standards]:
    """What the tables hold after each window, and the baselines after the last."""
    standards, tables = Standards(config(season), {}), Tables()
    found = [Tables()]
    for start in windows():
        closing = learn(standards, start)
        assert closing is not None
        tables.keep([closing])
        found.append(copy_of(tables))
    return found, standards


def copy_of(tables: Tables) -> Tables:
    return Tables(dict(tables.state), dict(tables.baselines))


def learned_through(at: int, season: str = "hour_of_day") -> tuple[Standards, Tables]:
    tables = course(season)[0][at]
    return again(tables, season), copy_of(tables)


def group_of(standards: Standards) -> BaselineGroup:
    found = standards.find(MODEL)
    assert found is not None
    return found.group


def names(standards: Standards, hour: int) -> set[str]:
    """What the signals are compared with in that hour of the day after."""
    standard = standards.find(MODEL)
    assert standard is not None
    found = standards.references(standard, SIGNALS, MONDAY_MS + (LEARNED + hour) * HOUR_MS)
    return {reference.name for reference in found}


def test_it_says_what_a_file_of_the_same_windows_says() -> None:
    gathering = Gathering("m", HOUR_MS, Settings(), Season.HOUR_OF_DAY)
    for start, profile in windows().items():
        gathering.add(None, start, profile)
    built = Baseline.decode(gathering.baseline().encode()).groups[None]
    learned = group_of(course("hour_of_day")[1])
    assert shape(learned) == shape(built)
    assert len(learned.hours) == 24


def test_its_windows_are_compared_by_the_hour_at_once_and_after_a_restart() -> None:
    found, standards = course("hour_of_day")
    tables = found[-1]
    begun = again(tables, "hour_of_day")
    assert (names(standards, 14), names(begun, 14)) == ({"hour 14 of the day"}, {"hour 14 of the day"})
    assert shape(group_of(begun)) == shape(group_of(standards))
    assert begun.complaints() == []
    assert not tables.kept().useless
    assert len(tables.baselines) == 1 + 24


def test_most_of_its_windows_are_counted() -> None:
    standards, _ = learned_through(KEPT + 20)
    kept = group_of(standards).windows.values()
    assert [data[:1] == COUNTED for data in kept] == [False] * KEPT + [True] * 20


@pytest.mark.parametrize("at", [0, 24, KEPT, LEARNED - 1])
def test_a_worker_that_dies_between_any_two_steps_loses_no_window_of_an_hour(at: int) -> None:
    """The window is closed again by the next, and then a day of them."""
    starts = list(windows())
    before, tables = learned_through(at)
    closing = learn(before, starts[at])
    assert closing is not None
    whole, _ = learned_through(min(at + 25, LEARNED))
    for step in tables.steps(closing, 1):
        left = copy_of(tables)
        standards = again(left, "hour_of_day")
        for start in starts[at : at + 25]:
            found = learn(standards, start)
            if found is not None:
                left.keep([found], 2)
        assert shape(group_of(standards)) == shape(group_of(whole)), step
        assert shape(group_of(again(left, "hour_of_day"))) == shape(group_of(whole)), step


def test_a_season_named_before_windows_are_counted_is_learned() -> None:
    """Of the windows there are profiles, so the hours are merged of these, again at each start until all are kept."""
    _, tables = learned_through(5, "none")
    for at in range(5, 60):
        closing = learn(again(tables, "hour_of_day"), list(windows())[at])
        assert closing is not None
        tables.keep([closing])
    assert shape(group_of(again(tables, "hour_of_day"))) == shape(group_of(learned_through(60)[0]))


def test_the_first_window_that_is_counted_after_an_upgrade_loses_no_hour(monkeypatch: pytest.MonkeyPatch) -> None:
    """An older version kept all windows as profiles, and no hours. The worker dies before it writes one."""
    monkeypatch.setattr("pipeline.monitor.standards.standards.KEPT", 30)
    starts = list(windows())
    held = BaselineGroup(GroupProfile.empty(COARSE))
    tables = Tables()
    for start in starts[:40]:
        held = held.add(start, windows()[start])
        tables.keep([Closing(start, start + HOUR_MS, Completeness.COMPLETE, {}, baselines={KEY: held})])
    assert not any(b'"hour"' in key for key in tables.baselines)
    closing = learn(again(tables, "hour_of_day"), starts[40])
    assert closing is not None
    tables.keep_until("baseline_totals", closing)
    standards = again(tables, "hour_of_day")
    assert [data[:1] == COUNTED for data in group_of(standards).windows.values()] == [False] * 40 + [True]
    for start in starts[40:70]:
        found = learn(standards, start)
        assert found is not None
        tables.keep([found], 2)
    for group in (group_of(standards), group_of(again(tables, "hour_of_day"))):
        assert sum(total.windows for total in group.hour_totals.values()) == 70
        assert len(whole_hours(group)) == 24


def test_a_file_named_while_hours_are_learned_writes_none_of_them_anew() -> None:
    """Its probation takes the windows that there are, and its own after them."""
    _, tables = learned_through(30)
    few = BaselineGroup(GroupProfile.empty(COARSE))
    for start in list(windows())[:3]:
        few = few.add(start, windows()[start])
    models = [{"name": "m", "baseline": {"file": "m.json", "season": "hour_of_day"}}]
    named = Config.from_mapping({"window": {"length": "1h"}, "models": models})
    file = Baseline("m", HOUR_MS, {None: measured(few, Settings())})
    standards = Standards(named, {"m": file}, tables.kept().baselines)
    start = list(windows())[30]
    kept = standards.watch("m", None, start, windows()[start])
    assert kept is not None
    assert start in kept.windows
    assert not kept.hour_totals


def test_a_season_that_was_taken_away_while_windows_were_counted_is_gone() -> None:
    _, tables = learned_through(KEPT + 2)
    without = again(tables, "none")
    for at in range(KEPT + 2, KEPT + 30):
        closing = learn(without, list(windows())[at])
        assert closing is not None
        tables.keep([closing])
    begun = again(tables, "hour_of_day")
    [complaint] = begun.complaints()
    assert complaint.startswith("m: its baseline was learned without that season, and has none")


@pytest.mark.parametrize("restarts", [(), (1,), (1, 30)])
def test_an_hour_that_lacks_a_window_is_no_part_of_what_is_learned(restarts: tuple[int, ...]) -> None:
    """The season was away for one window, the last before the worker ended."""
    _, tables = learned_through(KEPT + 2)
    closing = learn(again(tables, "none"), list(windows())[KEPT + 2])
    assert closing is not None
    standards = again(tables.keep([closing]), "hour_of_day")
    for at in range(KEPT + 3, LEARNED):
        if at - KEPT - 3 in restarts:
            standards = again(tables, "hour_of_day")
        found = learn(standards, list(windows())[at])
        assert found is not None
        tables.keep([found])
    assert {hour.number for hour in group_of(standards).hours} == set(range(24)) - {(KEPT + 2) % 24}
    [complaint] = standards.complaints()
    assert complaint.startswith(
        "m: of 24 hours of its baseline's season 1 are missing, and their windows are compared with"
    )


@pytest.mark.parametrize("at", [11, 12, 13, 30, 36])
def test_a_worker_that_dies_at_the_first_window_of_an_hour_loses_no_hour(
    at: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Windows are counted from the twelfth on, so of most hours there never is a profile."""
    monkeypatch.setattr("pipeline.monitor.standards.standards.KEPT", 12)
    starts = list(windows())
    whole, tables = Standards(config("hour_of_day"), {}), Tables()
    for start in starts[:at]:
        closing = learn(whole, start)
        assert closing is not None
        tables.keep([closing])
    closing = learn(whole, starts[at])
    assert closing is not None
    left = list[Tables]()
    for _ in tables.steps(closing):
        left.append(copy_of(tables))
    for start in starts[at + 1 : at + 26]:
        learn(whole, start)
    for some_left in left:
        standards = again(some_left, "hour_of_day")
        assert standards.complaints() == []
        for start in starts[at : at + 26]:
            found = learn(standards, start)
            if found is not None:
                some_left.keep([found], 2)
        assert shape(group_of(standards)) == shape(group_of(whole))
        assert shape(group_of(again(some_left, "hour_of_day"))) == shape(group_of(whole))


def test_hours_are_those_of_the_baseline_that_was_learned() -> None:
    """A worker died after it had written hours, or another baseline is in their place."""
    before, tables = learned_through(LEARNED - 1)
    closing = learn(before, list(windows())[LEARNED - 1])
    assert closing is not None
    tables.keep_until("learned_hours", closing)
    hours = {key for key in tables.baselines if b'"learned_hour"' in key}
    assert len(hours) == 24
    assert hours <= set(tables.kept().useless)
    learned = course("hour_of_day")[0][-1]
    group = measured(group_of(learned_through(240)[0]), Settings())
    other = Closing(0, HOUR_MS, Completeness.COMPLETE, {}, baselines={KEY: group})
    tables = Tables({}, {key: value for key, value in learned.baselines.items() if key in hours}).keep([other])
    kept = tables.kept()
    assert not kept.baselines[KEY].hours
    assert set(kept.useless) == hours


def test_under_other_bins_windows_are_compared_with_the_whole_and_that_is_said() -> None:
    raw = {"window": {"length": "1h"}, "detection": {"bins": 8}}
    models = [{"name": "m", "baseline": {"learn": {"windows": LEARNED}, "season": "hour_of_day"}}]
    tables = course("hour_of_day")[0][-1]
    begun = Standards(Config.from_mapping(raw | {"models": models}), {}, tables.kept().baselines)
    season, bins = begun.complaints()
    assert season == (
        "m: its season was learned under other detection.bins or detection.minimum_events, and all windows are compared with "
        "the whole baseline: build a file with driftline baseline build, and name it under models"
    )
    assert "for its next 50 windows" in bins
    assert names(begun, 14) == {"the baseline"}


def test_a_baseline_that_is_forgotten_leaves_no_hours() -> None:
    standards, tables = learned_through(30)
    learned = standards.forget(MODEL)
    assert learned is not None
    forgotten = Forgotten(MODEL, learned=tuple(learned.windows), hours=tuple(learned.hour_totals))
    end_ms = MONDAY_MS + 31 * HOUR_MS
    closing = Closing(end_ms - HOUR_MS, end_ms, Completeness.COMPLETE, {}, forgotten=[forgotten])
    assert not copy_of(tables).keep([closing]).baselines
    tables.baselines = {key: value for key, value in tables.baselines.items() if b'"total"' not in key}
    kept = tables.kept()  # of a worker that died when the total was deleted, which is the first
    assert not kept.baselines
    assert set(kept.useless) == set(tables.baselines)
    assert len(kept.useless) == 30 + 24


def test_hours_of_a_baseline_before_are_no_part_of_the_next() -> None:
    _, before = learned_through(30)
    stale = {key: value for key, value in before.baselines.items() if b'"hour"' in key}
    standards, tables = Standards(config("hour_of_day"), {}), Tables()
    for start in list(windows())[30:60]:
        closing = learn(standards, start)
        assert closing is not None
        tables.keep([closing], 2)
    tables.baselines |= stale
    kept = tables.kept()
    assert set(kept.useless) == set(stale)
    assert shape(kept.baselines[KEY]) == shape(group_of(standards))


def test_a_learned_baseline_of_an_older_version_that_holds_its_windows_is_measured_by_the_hour() -> None:
    group = BaselineGroup(GroupProfile.empty(COARSE))
    for start, profile in windows().items():
        group = group.add(start, profile)
    standards = Standards(config("hour_of_day"), {}, {KEY: group})
    assert names(standards, 14) == {"hour 14 of the day"}
    start_ms = MONDAY_MS + LEARNED * HOUR_MS
    found = standards.learn("m", None, start_ms, window(np.random.default_rng(36), 0))
    assert found is not None
    assert (found.measured is None, len(found.hours)) == (False, 24)
    assert names(standards, 14) == {"hour 14 of the day"}


def test_damaged_hours_are_told() -> None:
    standards, tables = learned_through(30)
    [total, *_] = group_of(standards).hour_totals.values()
    good = encode_hour(MONDAY_MS, total)
    [key, *_] = [key for key in tables.baselines if b'"hour"' in key]
    for value in (good[:-5] + b"x" + good[-4:], good[:3], b"\x02" + good[1:]):
        tables.baselines[key] = value
        with pytest.raises(StateError, match=r"damaged|version 02"):
            tables.kept()
    tables.baselines = {key.replace(b"hour_of_day", b"hour_of_dog"): good}
    with pytest.raises(StateError, match="no season 'hour_of_dog'"):
        tables.kept()
