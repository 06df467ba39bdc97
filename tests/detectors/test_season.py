"""Baselines by the hour: whose windows a window is compared with, what that finds, and at what level."""

from random import Random

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from detectors.baselines.baseline_group import BaselineGroup
from detectors.baselines.season import Hour
from detectors.comparisons.comparison import Comparison, compare_all
from detectors.groups.group import GroupProfile, merged_groups
from detectors.groups.wire import encode_group
from detectors.profiles.profile import Resolution
from detectors.references.footings import group_footings
from detectors.references.prepared import Prepared
from detectors.references.reference import Reference
from detectors.statistics.settings import Settings
from schemas.season import DAY_MS, HOUR_MS, Season
from tests.detectors import strategies as some
from tests.detectors.daily import MONDAY_MS, SIGNALS, baseline, window

SETTINGS = Settings()


def of_hour(hour: int) -> Prepared:
    found = Hour.of(Season.HOUR_OF_DAY, MONDAY_MS + hour * HOUR_MS)
    assert found is not None
    part = baseline().of_hour(found)
    assert part is not None
    return Prepared(part, SETTINGS, str(found))


def compared(references: list[Reference], found: GroupProfile, level: float) -> list[Comparison]:
    return compare_all(references, [found.signals[name] for name in SIGNALS], SETTINGS, level)


@pytest.mark.parametrize(
    ("season", "after_ms", "text"),
    [
        (Season.HOUR_OF_DAY, 0, "hour 0 of the day"),
        (Season.HOUR_OF_DAY, 14 * HOUR_MS + 1, "hour 14 of the day"),
        (Season.HOUR_OF_DAY, DAY_MS - 1, "hour 23 of the day"),
        (Season.HOUR_OF_DAY, -1, "hour 23 of the day"),
        (Season.HOUR_OF_WEEK, 0, "hour 0 of Monday"),
        (Season.HOUR_OF_WEEK, 3 * DAY_MS + 5 * HOUR_MS, "hour 5 of Thursday"),
        (Season.HOUR_OF_WEEK, -1, "hour 23 of Sunday"),
    ],
)
def test_a_window_is_of_the_hour_that_it_begins_in(season: Season, after_ms: int, text: str) -> None:
    hour = Hour.of(season, MONDAY_MS + after_ms)
    assert str(hour) == text
    assert Hour.of(season, MONDAY_MS + after_ms + 5 * season.cycle_ms) == hour
    assert Hour.of(season, MONDAY_MS + after_ms + HOUR_MS) != hour


def test_without_a_season_there_are_no_hours() -> None:
    assert Hour.of(Season.NONE, MONDAY_MS) is None


def test_an_hour_has_its_own_windows_and_their_merge() -> None:
    hour = Hour(Season.HOUR_OF_DAY, 14)
    part = baseline(3).of_hour(hour)
    assert part is not None
    starts = [MONDAY_MS + day * DAY_MS + 14 * HOUR_MS for day in range(3)]
    assert dict(part.windows) == {start: baseline(3).windows[start] for start in starts}
    one, two, three = part.profiles()
    assert encode_group(part.total) == encode_group(one.merge(two).merge(three))


def test_windows_say_the_same_however_many_signals_are_open_together(monkeypatch: pytest.MonkeyPatch) -> None:
    group = BaselineGroup(baseline(2).total, baseline(2).windows)
    at_once = group_footings(group, SETTINGS)
    monkeypatch.setattr("detectors.references.footings._OPEN", 3)
    assert len(SIGNALS) > 6
    assert group_footings(group, SETTINGS) == at_once


def test_an_hour_takes_two_cycles() -> None:
    assert baseline(1).of_hour(Hour(Season.HOUR_OF_DAY, 14)) is None
    assert baseline(3).of_hour(Hour(Season.HOUR_OF_DAY, 14)) is not None
    assert baseline(3).of_hour(Hour(Season.HOUR_OF_WEEK, 14)) is None


@given(st.lists(some.rows, min_size=1, max_size=5), some.resolutions, st.randoms())
def test_groups_merge_at_once_as_they_do_one_by_one(
    parts: list[list[dict[str, object]]], resolution: Resolution, random: Random
) -> None:
    groups = [some.group_of_rows(rows, resolution).collapsed() for rows in parts]
    assert encode_group(merged_groups(groups)) == encode_group(some.merged_in_any_tree(groups, random))


def test_a_shift_in_one_hour_is_found_by_the_hour_and_not_without() -> None:
    """By 0.8 deviations, at two in the afternoon: well within what the day does by itself."""
    rng, level = np.random.default_rng(32), 1e-5
    moved = window(rng, 14, shift=0.8)
    by_hour = compared(of_hour(14).references(SIGNALS), moved, level)
    whole = compared(Prepared(baseline(), SETTINGS).references(SIGNALS), moved, level)
    assert [str(one.state) for one in by_hour] == ["drift"] * len(SIGNALS)
    assert {str(one.state) for one in whole} == {"ok"}
    assert max(one.minimum_detectable_effect or 0.0 for one in by_hour) < 0.45
    assert min(one.minimum_detectable_effect or 0.0 for one in whole) > 0.7
    note = by_hour[0].verdict("g")
    assert note is not None
    assert note.note.startswith("among 28 windows of hour 14 of the day, worth 2")


@pytest.mark.parametrize("level", [0.05, 0.01])
def test_the_level_by_the_hour_is_at_most_twice_the_nominal_one(level: float) -> None:
    rng, hits, done = np.random.default_rng(33), 0, 0
    for hour in range(24):
        references = of_hour(hour).references(SIGNALS)
        for _ in range(6):
            found = compared(references, window(rng, hour), level)
            hits += sum(one.p_value is not None and one.p_value <= level for one in found)
            done += len(found)
    assert hits / done <= 2.0 * level
