"""Where a bucket's mass is taken to lie."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from detectors.profiles.ordering import keys_of, values_of
from detectors.profiles.points import last_keys, midpoints, quantile, spread
from tests.detectors import strategies as some


@given(st.lists(some.finite, min_size=1), st.integers(0, 63))
def test_a_midpoint_is_within_its_bucket(values: list[float], shift: int) -> None:
    keys = np.unique(keys_of(np.array(values)) >> np.uint64(shift) << np.uint64(shift))
    shifts = np.full(len(keys), shift, np.uint8)
    points = midpoints(keys, shifts)
    assert np.isfinite(points).all()
    first, last = values_of(keys), values_of(last_keys(keys, shifts))
    assert not (points < first).any()  # beyond the finite, a key is that of no number, and compares as false
    assert not (points > last).any()


@given(st.lists(some.finite, min_size=1))
def test_a_bucket_of_one_float_is_at_that_float(values: list[float]) -> None:
    keys = np.unique(keys_of(np.array(values)))
    assert midpoints(keys, np.zeros(len(keys), np.uint8)).tolist() == values_of(keys).tolist()


def test_the_quantile_is_the_least_point_with_that_share_at_or_below() -> None:
    points, counts = np.array([1.0, 2.0, 3.0, 4.0]), np.array([1, 1, 1, 1])
    assert [quantile(points, counts, share) for share in (0.0, 0.25, 0.5, 0.51, 1.0)] == [1.0, 1.0, 2.0, 3.0, 4.0]


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        (np.random.default_rng(0).normal(5.0, 3.0, 20_000), 3.0),
        (np.append(np.random.default_rng(0).normal(5.0, 3.0, 20_000), 1e12), 3.0),
        (np.array([0.0] * 90 + [10.0] * 10), 3.0),
        (np.array([7.0] * 10), 1.0),
        (np.array([-1.7e308, 0.0, 1.7e308]), 1.0),
    ],
)
def test_the_spread_is_robust_and_never_nought(values: np.ndarray, expected: float) -> None:
    points, counts = np.unique(values, return_counts=True)
    assert spread(points, counts) == pytest.approx(expected, rel=0.03)
