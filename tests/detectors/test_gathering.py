"""Baselines gathered of windows that are then given up: what is left says what the windows said."""

from functools import cache

import numpy as np
import pytest

from detectors.baselines.baseline import Baseline
from detectors.baselines.baseline_group import BaselineGroup
from detectors.baselines.season import Hour
from detectors.comparisons.comparison import compare_all
from detectors.groups.group import GroupProfile
from detectors.groups.packed import opened_group
from detectors.groups.wire import encode_group
from detectors.profiles.profile import COARSE, FINE
from detectors.references import gathering
from detectors.references.footings import group_footings
from detectors.references.gathering import Gathering
from detectors.references.prepared import Prepared
from detectors.statistics.settings import Settings
from schemas.group import Segment
from schemas.season import HOUR_MS, Season
from tests.detectors import strategies as some
from tests.detectors.daily import DAYS, MONDAY_MS, SIGNALS, baseline, window

SETTINGS = Settings()


@cache
def gathered(season: Season = Season.HOUR_OF_DAY, kept: int = gathering.KEPT) -> Baseline:
    """That of `daily.baseline`, of which the first windows are kept as they are."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(gathering, "KEPT", kept)
        found = Gathering("m", HOUR_MS, SETTINGS, season)
        for start, profile in zip(baseline().windows, baseline().profiles(), strict=True):
            found.add(None, start, profile)
        return found.baseline()


def whole(found: Baseline) -> BaselineGroup:
    return found.groups[None]


def test_the_total_and_the_hours_are_merges_of_their_windows_as_bytes() -> None:
    assert encode_group(opened_group(whole(gathered()).total)) == encode_group(baseline().total)
    hours = whole(gathered()).hours
    assert sorted(hours) == [Hour(Season.HOUR_OF_DAY, number) for number in range(24)]
    for hour, part in hours.items():
        held = baseline().of_hour(hour)
        assert held is not None
        assert encode_group(opened_group(part.total)) == encode_group(held.total)
        assert list(part.starts) == list(held.starts)


def test_what_all_windows_said_is_what_they_say_when_they_are_held() -> None:
    found = whole(gathered(kept=24 * DAYS))
    assert not found.windows
    assert dict(group_footings(found, SETTINGS)) == dict(group_footings(baseline(), SETTINGS))
    for hour, part in found.hours.items():
        held = baseline().of_hour(hour)
        assert held is not None
        assert dict(group_footings(part, SETTINGS)) == dict(group_footings(held, SETTINGS))


@pytest.mark.parametrize("kept", [48, gathering.KEPT])
def test_windows_that_were_counted_say_nearly_the_same(kept: int) -> None:
    """The scores of windows, by their deviation. An hour has 28 windows, and of the cells of all it has a few."""
    found = whole(gathered(kept=kept))
    pairs = [(found, baseline())]
    pairs += [(part, held) for hour, part in found.hours.items() if (held := baseline().of_hour(hour)) is not None]
    ratios = [
        counted.spread.deviation / held.spread.deviation
        for one, other in pairs
        for counted, held in zip(
            group_footings(one, SETTINGS).values(), group_footings(other, SETTINGS).values(), strict=True
        )
        if counted.spread is not None and held.spread is not None
    ]
    assert len(ratios) == 25 * len(SIGNALS)
    assert np.median(ratios) == pytest.approx(1.0, abs=0.03)
    assert np.quantile(np.abs(np.log(ratios)), 0.95) < np.log(1.3)


def test_the_level_in_hours_of_counted_windows_is_that_of_held_ones() -> None:
    rng = np.random.default_rng(5)
    windows = [(hour, window(rng, hour.number)) for hour in whole(gathered(kept=48)).hours for _ in range(8)]
    exceeded = []
    for of_hour in (baseline().of_hour, whole(gathered(kept=48)).of_hour):
        found = 0
        for hour, one in windows:
            part = of_hour(hour)
            assert part is not None
            references = Prepared(part, SETTINGS).references(SIGNALS)
            compared = compare_all(references, [one.signals[name] for name in SIGNALS], SETTINGS, 1e-5)
            found += sum(v.p_value < 0.05 for c in compared for v in c.verdicts if v.detector == "g")
        exceeded.append(found / len(windows) / len(SIGNALS))
    held, counted = exceeded
    assert 0.02 < counted < 0.06
    assert counted == pytest.approx(held, abs=0.01)


def test_a_file_of_it_says_the_same_and_is_small() -> None:
    data = gathered().encode()
    read = Baseline.decode(data)
    assert read.encode() == data
    assert read.season is Season.HOUR_OF_DAY
    assert whole(read).hours.keys() == whole(gathered()).hours.keys()
    assert dict(group_footings(whole(read), SETTINGS)) == dict(group_footings(whole(gathered()), SETTINGS))
    assert len(data) < sum(map(len, baseline().windows.values())) / 10


def test_an_hour_of_fewer_cycles_than_it_takes_is_left_out() -> None:
    found = Gathering("m", HOUR_MS, SETTINGS, Season.HOUR_OF_DAY)
    for start, profile in list(zip(baseline().windows, baseline().profiles(), strict=True))[:30]:
        found.add(None, start, profile)
    assert sorted(hour.number for hour in whole(found.baseline()).hours) == [0, 1, 2, 3, 4, 5]


def test_segments_have_windows_of_their_own() -> None:
    segment = Segment("tags.country", "DE")
    found = Gathering("m", HOUR_MS, SETTINGS)
    profile = GroupProfile.of(40, {"x": some.profile_of_numbers(np.arange(40.0), FINE)}, FINE)
    for at in range(50):
        found.add(None, MONDAY_MS + at * HOUR_MS, profile)
        if at % 2:
            found.add(segment, MONDAY_MS + at * HOUR_MS, profile)
    groups = found.baseline().groups
    assert {key: (len(group.starts), group.total.count) for key, group in groups.items()} == {
        None: (50, 2000),
        segment: (25, 1000),
    }
    assert groups[None].total.resolution.numbers == FINE.numbers != COARSE.numbers
