"""Sums are exact: equal to those of fractions, whatever the values, the order or the grouping."""

from fractions import Fraction

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from detectors.profiles.exact import DIGIT_BITS, ExactSums
from tests.detectors import strategies as some

CELLS = 3

cells_and_values = st.lists(st.tuples(st.integers(0, CELLS - 1), some.finite), max_size=50)


def sums_of(pairs: list[tuple[int, float]]) -> ExactSums:
    cells = np.array([cell for cell, _ in pairs], np.intp)
    return ExactSums.of(np.array([value for _, value in pairs], np.float64), cells, CELLS)


def fractions_of(sums: ExactSums) -> list[Fraction]:
    weights = [Fraction(2) ** (DIGIT_BITS * (sums.low + j)) for j in range(sums.digits.shape[1])]
    return [sum((d * w for d, w in zip(row, weights, strict=True)), Fraction()) for row in sums.digits.tolist()]


def expected_of(pairs: list[tuple[int, float]]) -> list[Fraction]:
    return [sum((Fraction(value) for at, value in pairs if at == cell), Fraction()) for cell in range(CELLS)]


@given(cells_and_values)
def test_sums_equal_those_of_fractions(pairs: list[tuple[int, float]]) -> None:
    assert fractions_of(sums_of(pairs)) == expected_of(pairs)


@given(cells_and_values, cells_and_values)
def test_merged_sums_equal_those_of_fractions(mine: list[tuple[int, float]], theirs: list[tuple[int, float]]) -> None:
    assert fractions_of(sums_of(mine).merge(sums_of(theirs))) == expected_of([*mine, *theirs])


@given(cells_and_values)
def test_the_total_equals_that_of_fractions(pairs: list[tuple[int, float]]) -> None:
    assert fractions_of(sums_of(pairs).total()) == [sum(expected_of(pairs), Fraction())]


@given(cells_and_values)
def test_values_are_the_nearest_floats(pairs: list[tuple[int, float]]) -> None:
    for value, exact in zip(sums_of(pairs).values().tolist(), expected_of(pairs), strict=True):
        try:
            assert value == float(exact)
        except OverflowError:
            assert value == (np.inf if exact > 0 else -np.inf)


def test_cancellation_leaves_what_is_left() -> None:
    assert sums_of([(0, 1e308), (0, 5e-324), (0, -1e308)]).values().tolist() == [5e-324, 0.0, 0.0]


def test_many_values_in_one_cell() -> None:
    values = np.random.default_rng(3).normal(size=100_000) * 1e3
    sums = ExactSums.of(values, np.zeros(len(values), np.intp), 1)
    assert fractions_of(sums) == [sum(map(Fraction, values.tolist()), Fraction())]
