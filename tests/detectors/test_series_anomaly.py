"""The anomaly score of series: no look-ahead, whatever the values; what it finds and what it leaves alone."""

import math

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from detectors.series.anomaly import ALARM, AnomalyScorer
from detectors.series.nearest import NearestAtPhase, NearestStretch
from detectors.series.past import RecentPeak, SortedPast

Floats = npt.NDArray[np.float64]

MINUTE_MS, DAY_MS = 60_000, 86_400_000
STEP_MS = 5 * MINUTE_MS
A_DAY = DAY_MS // STEP_MS

any_series = st.lists(st.floats(), max_size=300)
tame = st.lists(st.integers(-50, 50).map(float), min_size=150, max_size=300)


def scores(values: Floats | list[float], step_ms: int = STEP_MS) -> Floats:
    return AnomalyScorer().update_many(range(0, step_ms * len(values), step_ms), values)


def daily(days: int, seed: int = 0) -> Floats:
    """A load that is 20 by night and 80 by day, with noise."""
    hour = np.arange(days * A_DAY) % A_DAY / 12
    return np.where((hour >= 9) & (hour < 18), 80.0, 20.0) + np.random.default_rng(seed).normal(size=days * A_DAY)


def noise(rows: int, seed: int) -> Floats:
    return np.random.default_rng(seed).normal(size=rows)


@given(any_series, st.integers(0, 300))
def test_scores_of_a_beginning_are_the_beginning_of_the_scores(values: list[float], rows: int) -> None:
    assert scores(values[:rows]).tolist() == scores(values)[:rows].tolist()


@given(any_series)
def test_every_score_is_between_0_and_1(values: list[float]) -> None:
    found = scores(values)
    assert np.isfinite(found).all()
    assert ((found >= 0) & (found <= 1)).all()


@settings(max_examples=25)
@given(tame, st.sampled_from([2.0**-40, 0.5, 2.0, 2.0**70]))
def test_scores_do_not_depend_on_the_unit(values: list[float], unit: float) -> None:
    assert scores([unit * v for v in values]).tolist() == pytest.approx(scores(values).tolist(), rel=1e-9, abs=1e-12)


@settings(max_examples=25)
@given(tame, st.integers(-1000, 1000))
def test_scores_do_not_depend_on_where_zero_is(values: list[float], shift: int) -> None:
    assert scores([v + shift for v in values]).tolist() == pytest.approx(scores(values).tolist(), rel=1e-9, abs=1e-12)


@settings(max_examples=25)
@given(tame, st.lists(st.integers(0, 149), max_size=20))
def test_missing_values_score_0_and_change_nothing_else(values: list[float], gaps: list[int]) -> None:
    times = list(range(0, STEP_MS * len(values), STEP_MS))
    with_gaps = [(t, v) for t, v in zip(times, values, strict=True)]
    for place in sorted(gaps, reverse=True):
        with_gaps.insert(place, (times[place], math.nan))
    found = AnomalyScorer().update_many(*zip(*with_gaps, strict=True))
    missing = np.isnan([v for _, v in with_gaps])
    assert not found[missing].any()
    assert found[~missing].tolist() == AnomalyScorer().update_many(times, values).tolist()


@pytest.mark.parametrize("value", [0.0, 0.1, -1e300, 1e-300])
def test_a_constant_series_scores_0(value: float) -> None:
    assert not scores([value] * 1000).any()


def test_rounding_on_a_constant_series_is_no_anomaly() -> None:
    values = [0.3] * 1000
    values[500] = 0.1 + 0.2
    assert not scores(values).any()


def test_the_first_step_of_a_constant_series_is_an_anomaly_and_what_follows_is_none() -> None:
    found = scores([1.0] * 500 + [2.0] * 500)
    assert found[500] >= 0.9
    assert (np.delete(found, 500) < ALARM).all()


def test_a_spike_is_found_in_its_row() -> None:
    values = noise(3000, seed=1)
    values[2000] += 12
    found = scores(values)
    assert found[2000] >= ALARM
    assert found[2000] == found.max()


def test_a_burst_is_reported_once() -> None:
    values = noise(3000, seed=2)
    values[2000:2040] += 12
    assert np.flatnonzero(scores(values)[1990:2140] >= ALARM).tolist() == [10]


def test_what_recurs_scores_less_each_time() -> None:
    values = noise(4000, seed=3)
    peaks = range(1000, 4000, 500)
    for number, row in enumerate(peaks):
        values[row] += 20 * 1.3**number
    found = [float(scores(values)[row]) for row in peaks]
    assert found[0] > found[2] > found[-1]


def test_a_day_without_its_load_is_found_by_the_time_of_day() -> None:
    values = daily(14)
    values[12 * A_DAY : 13 * A_DAY] = values[12 * A_DAY : 12 * A_DAY + 96].mean() + noise(A_DAY, seed=4)
    nine = 12 * A_DAY + 9 * 12
    assert scores(values)[nine : nine + 12].max() >= ALARM
    assert scores(values)[6 * A_DAY : nine].max() < ALARM


def test_alarms_on_stationary_noise_are_about_one_in_a_thousand_rows() -> None:
    """Normal, and with heavy tails; beyond the first 1,000 rows, in which records are common."""
    draws = np.random.default_rng(5)
    alarms = [
        int((scores(values)[1000:] >= ALARM).sum())
        for values in (*draws.normal(size=(5, 5000)), *draws.exponential(size=(5, 5000)))
    ]
    assert 0.0003 <= sum(alarms) / 40_000 <= 0.002


def test_scores_are_what_they_always_were() -> None:
    values = np.round(daily(8, seed=6), 6)
    values[2000], values[2100:2110] = 120.0, 50.0
    found = scores(values)
    rows = np.flatnonzero(found >= 0.3)
    assert [(int(row), round(float(found[row]), 6)) for row in rows] == GOLDEN


GOLDEN = [(217, 0.300334), (1467, 0.712277), (1740, 0.402081), (1925, 0.48859), (2000, 0.963038)]


def test_history_is_bounded_and_order_within_it_is_kept() -> None:
    past = SortedPast(3)
    for value in (5.0, 1.0, 4.0, 2.0):
        past.add(value)
    assert (len(past), past.nearest(5.0), past.count_from(2.0)) == (3, 1.0, 2)


@given(st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=60), st.integers(1, 60), st.floats(0, 1))
def test_quantiles_are_those_of_the_last_values(values: list[float], size: int, share: float) -> None:
    past = SortedPast(size)
    for value in values:
        past.add(value)
    assert past.quantile(share) == pytest.approx(float(np.quantile(values[-size:], share)), rel=1e-9, abs=1e-9)


@given(st.lists(st.floats(0, 1e6), max_size=60), st.integers(1, 20))
def test_the_recent_peak_is_the_greatest_of_the_last_rows(values: list[float], rows: int) -> None:
    peak = RecentPeak(rows)
    for place, value in enumerate(values):
        assert peak.value == max(values[max(0, place - rows) : place], default=0.0)
        peak.add(value)


@settings(max_examples=50)
@given(st.lists(st.integers(-9, 9), min_size=1, max_size=40), st.sampled_from([1, 2, 4, 8]), st.integers(8, 20))
def test_the_nearest_stretch_is_that_of_a_search_through_all(values: list[int], length: int, history: int) -> None:
    nearest = NearestStretch(length, history)
    for row, value in enumerate(values):
        stretch = values[row - length + 1 : row + 1]
        distances = [
            sum(abs(a - b) for a, b in zip(stretch, values[row - length + 1 - lag : row + 1 - lag], strict=True))
            / length
            for lag in range(length, history + 1)
            if row - length + 1 - lag >= 0
        ]
        assert nearest.update(float(value)) == pytest.approx(min(distances, default=math.inf))


def test_the_nearest_at_a_phase_looks_at_this_time_of_other_days_only() -> None:
    nearest = NearestAtPhase(DAY_MS, 24, 0, 1000)
    hour = DAY_MS // 24
    for day in range(2):
        for at in range(24):
            nearest.update(day * DAY_MS + at * hour, float(at))
    assert nearest.update(2 * DAY_MS + 5 * hour, 7.5) == 2.5


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: SortedPast(0), "size must be at least 1, got 0"),
        (lambda: RecentPeak(0), "rows must be at least 1, got 0"),
        (lambda: NearestStretch(3, 10), "length must be a power of two, got 3"),
        (lambda: NearestStretch(8, 4), "history must be at least the length 8, got 4"),
        (lambda: NearestAtPhase(10, 24, 0, 9), "period_ms must be at least the number of bins 24, got 10"),
        (lambda: NearestAtPhase(DAY_MS, 24, 12, 9), r"reach must be in \[0, 12\), got 12"),
    ],
)
def test_a_parameter_out_of_bounds_is_named_with_its_value(make, message: str) -> None:  # type: ignore[no-untyped-def]  # any
    with pytest.raises(ValueError, match=message):
        make()
