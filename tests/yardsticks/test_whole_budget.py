"""The false-alarm budget with every detector on, through the monitor that a worker runs."""

import numpy as np
import pytest

from tests.yardsticks.whole_months import months_of

pytestmark = [pytest.mark.yardstick, pytest.mark.timeout(7200)]

BASELINES, EACH = 9, 5
LEAST, MOST, FIRING = 0.2, 1.05, 0.005


def test_months_with_every_detector_on() -> None:
    """45 months of 50 signals, hourly windows, autocorrelation 0.9, baselines of 60 days; within two standard errors."""
    tally = sum((months_of(seed, EACH) for seed in range(1, BASELINES)), months_of(0, EACH))
    print(f"\n{tally.months} months: incidents {tally.incidents}, firing {100.0 * tally.firing_share:.2f} % of hours")
    error = 2.0 * np.sqrt(tally.months * np.array([LEAST, MOST]))
    assert tally.months * LEAST - error[0] <= tally.incidents <= tally.months * MOST + error[1]
    assert tally.firing_share <= FIRING
