"""A run length that is set is realised: 50 values of N(0, 1) to a false alarm, and few to see N(1, 1). alibi-detect's
detectors realise 48.5 and 51.6."""

import numpy as np
import pytest

from detectors.sequence import registry
from schemas.verdict import State

pytestmark = pytest.mark.yardstick

RUN_LENGTH, RUNS = 50, 10_000


def mean_wait(mean: float) -> float:
    """Values to the alarm, that one included, over `RUNS` runs that begin with the change."""
    rng, total = np.random.default_rng(29), 0
    for _ in range(RUNS):
        detector = registry.build("cusum", run_length=RUN_LENGTH, mean=0.0, spread=1.0)
        total += 1
        while detector.update(rng.normal(mean)).state != State.DRIFT:
            total += 1
    return total / RUNS


def test_the_run_length_is_realised_to_5_percent_and_the_delay_is_at_most_6_6() -> None:
    realised, up, down = (mean_wait(mean) for mean in (0.0, 1.0, -1.0))
    print(f"\nrun length {RUN_LENGTH}: realised {realised:.2f}, delay {up:.2f} up, {down:.2f} down")
    assert realised == pytest.approx(RUN_LENGTH, rel=0.05)
    assert up <= 6.6
    assert down <= 6.6


@pytest.mark.parametrize("shift", [0.5, 1.0, 2.0])
def test_other_run_lengths_are_realised_too(shift: float) -> None:
    rng, detector, alarms, values = np.random.default_rng(31), None, 0, 400_000
    detector = registry.build("cusum", run_length=400, shift=shift, mean=0.0, spread=1.0)
    for x in rng.normal(size=values).tolist():
        alarms += detector.update(x).state == State.DRIFT
    assert values / alarms == pytest.approx(400, rel=0.1)
