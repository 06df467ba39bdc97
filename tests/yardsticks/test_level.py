"""The level of the primary test at 1e-4: realised over nominal, by importance sampling.

Both samples are drawn from one distribution. Windows are drawn from shares that vary about the true ones, so that large
G come often, and each is weighed by how much less likely it is under the true shares (a mixture, so that no weight is
above ten).
"""

import numpy as np
import pytest
from scipy.special import gammaln

from detectors.statistics import distances, significance
from detectors.statistics.tables import Tables

pytestmark = [pytest.mark.yardstick, pytest.mark.timeout(3600)]

LEVEL, DRAWS, TOGETHER, BASELINES = 1e-4, 400_000, 50_000, 20
PLAIN, SPREAD = 0.1, 4.0
SHARES = {
    "10 equal": np.full(10, 0.1),
    "3 equal": np.full(3, 1.0 / 3.0),
    "30 equal": np.full(30, 1.0 / 30.0),
    "10 that halve": 0.5 ** np.arange(1.0, 11.0),
    "10 by Zipf": 1.0 / np.arange(1.0, 11.0),
    "30 by Zipf": 1.0 / np.arange(1.0, 31.0),
    "one of 0.9 and nine": np.array([0.9, *[0.1 / 9.0] * 9]),
    "a fifth and the rest": np.array([0.2, 0.8]),
}


def realised(shares: np.ndarray, events: int) -> tuple[float, float]:
    """How often p is at most the level, over the level, and its standard error."""
    rng = np.random.default_rng([events, len(shares)])
    concentration = (events - 1.0) / (SPREAD - 1.0) - 1.0
    weighed = []
    for _ in range(DRAWS // TOGETHER):
        drawn = rng.dirichlet(concentration * shares, TOGETHER)
        drawn[rng.random(TOGETHER) < PLAIN] = shares
        window = rng.multinomial(events, drawn / drawn.sum(axis=1, keepdims=True))
        tables, scarcity = Tables.of_rows(rng.multinomial(BASELINES * events, shares, TOGETHER), window).merged()
        p = significance.g_p(distances.g_of(tables), tables.k, tables.n, tables.m, scarcity)
        weighed.append(weights(window, shares, concentration) * (p <= LEVEL))
    found = np.concatenate(weighed) / LEVEL
    return float(found.mean()), float(found.std() / np.sqrt(DRAWS))


def weights(window: np.ndarray, shares: np.ndarray, concentration: float) -> np.ndarray:
    """Multinomial over the mixture that windows were drawn from."""
    spread = concentration * shares
    varied = gammaln(concentration) - gammaln(window.sum(axis=1) + concentration)
    varied = varied + (gammaln(window + spread) - gammaln(spread)).sum(axis=1)
    return 1.0 / (PLAIN + (1.0 - PLAIN) * np.exp(varied - window @ np.log(shares)))


@pytest.mark.parametrize("events", [100, 1_000, 100_000])
@pytest.mark.parametrize("name", SHARES)
def test_the_level_holds(name: str, events: int) -> None:
    found, error = realised(SHARES[name] / SHARES[name].sum(), events)
    print(f"\n{name}, {events:,} events: {found:.2f} +- {error:.2f} of the level")
    assert found + 2.0 * error >= 0.5
    assert found - 2.0 * error <= 2.0
