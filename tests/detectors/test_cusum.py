"""CUSUM: its run length is the one asked for."""

import numpy as np
import pytest

from detectors.sequence.cusum import Cusum, limit_for, one_sided_run_length
from schemas.verdict import State


def waits(run_length: float, mean: float, runs: int, seed: int = 0) -> np.ndarray:
    """Values until the alarm, by the detector, in each run."""
    rng, found = np.random.default_rng(seed), []
    for _ in range(runs):
        detector = Cusum(run_length=run_length, mean=0.0, spread=1.0)
        found.append(next(n for n in range(1, 10**6) if detector.update(rng.normal(mean)).state == State.DRIFT))
    return np.array(found)


def test_run_lengths_are_those_of_the_tables() -> None:
    """Montgomery, Introduction to Statistical Quality Control, table 9.3: slack 0.5, both sides."""
    for limit, both in ((4.0, 168.0), (5.0, 465.0)):
        assert one_sided_run_length(limit, 0.5) / 2.0 == pytest.approx(both, rel=0.01)


@pytest.mark.parametrize(("run_length", "shift"), [(10, 1.0), (50, 0.25), (1e3, 1.0), (1e6, 0.5), (1e9, 4.0)])
def test_the_limit_gives_the_run_length(run_length: float, shift: float) -> None:
    limit = limit_for(run_length, 0.5 * shift)
    assert one_sided_run_length(limit, 0.5 * shift) / 2.0 == pytest.approx(run_length, rel=1e-6)


def test_the_run_length_is_realised_and_a_shift_is_found() -> None:
    assert waits(50, 0.0, 1_500).mean() == pytest.approx(50.0, rel=0.08)
    assert waits(50, 1.0, 1_500).mean() < 6.6


def test_both_sides_are_found_alike() -> None:
    values = np.random.default_rng(1).normal(size=200) + np.repeat([0.0, 2.0], 100)
    up, down = ([Cusum(1e4, mean=0.0, spread=1.0)] for _ in range(2))
    one = [up[0].update(x).state for x in values.tolist()]
    assert State.DRIFT in one[100:]
    assert one == [down[0].update(-x).state for x in values.tolist()]


def test_slices_alarm_no_more_often_than_values() -> None:
    rng, alarms = np.random.default_rng(2), 0
    detector = Cusum(run_length=200, mean=3.0, spread=2.0)
    for _ in range(4_000):
        values = rng.normal(3.0, 2.0, 10)
        alarms += detector.update(float(values.sum()), 10).state == State.DRIFT
    assert 10 <= alarms <= 200


def test_a_reference_is_learned_from_values_and_from_slices() -> None:
    rng = np.random.default_rng(3)
    for size in (1, 20):
        detector = Cusum(reference=1_000)
        for mean, state in ((7.0, State.OK), (9.0, State.DRIFT)):
            found = set()
            for _ in range(1_200 // size):
                values = rng.normal(mean, 2.0, size)
                found.add(detector.update(float(values.sum()), size, float(values @ values)).state)
            assert state in found
            assert (State.DRIFT in found) == (state == State.DRIFT)


def test_mean_and_spread_go_together() -> None:
    with pytest.raises(ValueError, match=r"mean and spread must be given both or neither, got 1\.0 and None"):
        Cusum(mean=1.0)
    with pytest.raises(ValueError, match=r"spread must be above 0 and finite, got 0\.0"):
        Cusum(mean=1.0, spread=0.0)
