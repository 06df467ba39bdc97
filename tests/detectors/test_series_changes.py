"""Changes in series: no look-ahead, nothing taken back; what is found, and what is left alone."""

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from detectors.series.changes import ChangeDetector
from detectors.series.segments import LONGEST, Opening, residuals_of_endings

Floats = npt.NDArray[np.float64]
any_series = st.lists(st.floats(), max_size=120)


def found(values: Floats | list[float]) -> list[tuple[int, int]]:
    """The changes, each with the row in which it was told."""
    detector = ChangeDetector()
    told = [(detector.update([value]), row) for row, value in enumerate(values)]
    return [(change, row) for change, row in told if change is not None]


def noise(rows: int, seed: int) -> Floats:
    return np.random.default_rng(seed).normal(size=rows)


@settings(max_examples=50)
@given(any_series, st.integers(0, 120))
def test_what_a_beginning_tells_is_the_beginning_of_what_is_told(values: list[float], rows: int) -> None:
    assert found(values[:rows]) == [(change, row) for change, row in found(values) if row < rows]


@settings(max_examples=50)
@given(any_series)
def test_changes_ascend_and_lie_in_the_past(values: list[float]) -> None:
    told = found(values)
    places = [change for change, _ in told]
    assert places == sorted(set(places))
    assert all(0 < change < row for change, row in told)


@settings(max_examples=15)
@given(st.integers(0, 1000), st.sampled_from([2.0**-30, 4.0, 2.0**40]), st.sampled_from([-64.0, 0.0, 1024.0]))
def test_neither_unit_nor_zero_matters(seed: int, unit: float, shift: float) -> None:
    values = np.round(noise(120, seed) + 5 * (np.arange(120) >= 60), 2)
    assert found(unit * (values + shift)) == found(values)


@pytest.mark.parametrize("value", [0.0, 0.1, 1e300])
def test_a_constant_series_has_no_change(value: float) -> None:
    assert found([value] * 1000) == []


@pytest.mark.parametrize(
    "values",
    [0.01 * np.arange(1000) + noise(1000, 1), noise(2000, 2), np.cumsum(np.ones(300)), 1e-4 * np.arange(300.0) ** 2],
    ids=["a noisy line", "noise", "a line", "a parabola"],
)
def test_a_steady_course_has_no_change(values: Floats) -> None:
    assert found(values) == []


@pytest.mark.parametrize("height", [-4.0, 1.0, 2.0, 10.0])
def test_a_step_is_found_within_three_rows_of_where_it_is(height: float) -> None:
    values = noise(1200, seed=3) + height * (np.arange(1200) >= 800)
    told = found(values)
    assert len(told) == 1
    assert told[0][0] == pytest.approx(800, abs=3)
    assert told[0][1] <= 800 + 100


def test_a_bend_is_found() -> None:
    values = np.concatenate([np.arange(200.0), 200 - 2 * np.arange(100.0)]) + noise(300, seed=4)
    ((change, row),) = found(values)
    assert change == pytest.approx(200, abs=5)
    assert row < 240


def test_an_outlier_is_no_change() -> None:
    values = noise(800, seed=11)
    values[[100, 300, 600]] += (15, -20, 200)
    assert found(values) == []


def test_a_step_back_is_a_change_too() -> None:
    values = noise(900, seed=5)
    values[300:600] += 6
    assert [change for change, _ in found(values)] == [300, 600]


def test_rows_with_a_value_missing_are_counted_and_passed_over() -> None:
    values = noise(400, seed=6) + 6 * (np.arange(400) >= 200)
    with_gaps = np.insert(values, [50] * 30, np.nan)
    assert [change for change, _ in found(with_gaps)] == [change + 30 for change, _ in found(values)]


def test_columns_are_read_together() -> None:
    steady, stepped = noise(600, seed=7), noise(600, seed=8) + 6 * (np.arange(600) >= 300)
    detector = ChangeDetector(columns=2)
    told = [detector.update(row) for row in zip(steady.tolist(), stepped.tolist(), strict=True)]
    assert [change for change in told if change is not None] == [300]


def test_a_change_is_found_however_long_the_series_was_steady() -> None:
    values = noise(4000, seed=9) + 8 * (np.arange(4000) >= 3500)
    assert [change for change, _ in found(values)] == [3500]


def test_changes_are_where_they_always_were() -> None:
    values = np.round(noise(500, seed=10), 6)
    values[150:] += 3
    values[300:] += 0.05 * np.arange(200)
    values[420:] -= 12
    assert found(values) == GOLDEN


GOLDEN = [(151, 164), (420, 431)]


@settings(max_examples=50)
@given(st.lists(st.integers(-20, 20), min_size=4, max_size=40))
def test_residuals_are_those_of_least_squares(values: list[int]) -> None:
    array = np.array(values, np.float64)
    endings, opening = residuals_of_endings(array[None, :])[0], Opening()
    opened = [opening.update(value) for value in values]
    for rows in range(4, len(values) + 1):
        for degree in range(3):
            last, first = (_least_squares(part, degree) for part in (array[-rows:], array[:rows]))
            assert endings[degree, rows - 1] == pytest.approx(last, abs=1e-6)
            assert opened[rows - 1][degree] == pytest.approx(first, abs=1e-6)


def _least_squares(values: Floats, degree: int) -> float:
    powers = np.vander(np.linspace(-1, 1, len(values)), degree + 1)
    rest = values - powers @ np.linalg.lstsq(powers, values, rcond=None)[0]
    return float(rest @ rest)


def test_wrong_numbers_of_columns_are_named() -> None:
    with pytest.raises(ValueError, match="columns must be at least 1, got 0"):
        ChangeDetector(0)
    with pytest.raises(ValueError, match="there must be 2 values, got 1"):
        ChangeDetector(2).update([1.0])


def test_a_change_beyond_reach_is_not_invented() -> None:
    assert residuals_of_endings(np.ones((1, LONGEST))).max() == 0.0
