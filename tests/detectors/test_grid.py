"""Grids: how far keys are coarsened."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from detectors.profiles.ordering import least_shift, least_shifts


@given(st.lists(st.lists(st.integers(0, 64), min_size=1, max_size=40), min_size=1, max_size=9), st.integers(1, 9))
def test_the_shifts_of_many_runs_are_those_of_each(runs: list[list[int]], cap: int) -> None:
    gaps = np.array([gap for run in runs for gap in run], np.uint8)
    ends = np.cumsum([len(run) for run in runs])
    starts = ends - [len(run) for run in runs]
    alone = [least_shift(np.array(run, np.uint8), cap) for run in runs]
    assert least_shifts(gaps, starts, ends, cap).tolist() == alone
