"""Quantiles of many signals are those of each, and near those of the values."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from detectors.profiles.grid import Caps
from detectors.profiles.points import midpoints, quantiles
from detectors.profiles.profile import Profile, Resolution
from detectors.profiles.quantiles import quantiles_of
from tests.detectors.strategies import profile_of

SHARES = (0.0, 0.05, 0.5, 0.95, 1.0)
RESOLUTION = Resolution(Caps(16, 512), 256, 100)


@given(st.lists(st.lists(st.floats(-1e300, 1e300), max_size=30), max_size=5))
def test_many_at_once_are_as_one_by_one(columns: list[list[float]]) -> None:
    profiles = [profile_of(column, RESOLUTION) for column in columns]
    found = quantiles_of(profiles, SHARES)
    assert found.shape == (len(columns), len(SHARES))
    for row, profile in zip(found, profiles, strict=True):
        grid = profile.numbers
        if not len(grid.keys):
            assert np.isnan(row).all()
            continue
        alone = quantiles(midpoints(grid.keys, grid.shifts), grid.counts, SHARES)
        assert row.tolist() == np.clip(alone, profile.least, profile.greatest).tolist()
        assert (np.diff(row) >= 0).all()


def test_of_many_values_they_are_near_those_of_the_values() -> None:
    values = np.random.default_rng(1).lognormal(3, 1, 50_000)
    [row] = quantiles_of([profile_of(values.tolist(), RESOLUTION)], SHARES)
    assert row.tolist() == pytest.approx(np.quantile(values, SHARES).tolist(), rel=0.02)
    assert (row[0], row[-1]) == (pytest.approx(values.min(), rel=0.01), pytest.approx(values.max(), rel=0.01))


def test_of_none_there_is_nothing() -> None:
    assert quantiles_of([], SHARES).shape == (0, 5)
    assert quantiles_of([Profile.empty(1)], ()).shape == (1, 0)
