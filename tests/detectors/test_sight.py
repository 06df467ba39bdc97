"""What a test would have found, and between what bounds that lies which it found: by the laws, and by simulation."""

import numpy as np
import pytest
from scipy import special

from detectors.comparisons.comparison import compare
from detectors.profiles.profile import FINE
from detectors.references.reference import Reference
from detectors.statistics import distances
from detectors.statistics.interval import ks_bounds, total_variation_bounds
from detectors.statistics.power import Law, minimum_detectable, noncentrality
from detectors.statistics.settings import Settings
from detectors.statistics.tables import Tables
from tests.detectors import strategies as some


@pytest.mark.parametrize("freedom", [1.0, 2.0, 9.0, 30.0])
@pytest.mark.parametrize("level", [1e-3, 1e-5, 1e-7])
def test_the_noncentrality_is_that_of_chi_square(freedom: float, level: float) -> None:
    threshold = special.chdtri(freedom, level)
    found = noncentrality(np.array([threshold]), Law(np.ones(1), np.array([freedom]), np.ones(1)))[0]
    assert 0.8 <= 1.0 - special.chndtr(threshold, freedom, found) <= 0.82


def test_it_scales_with_the_law() -> None:
    one, ten = Law(np.ones(1), np.full(1, 4.0), np.ones(1)), Law(np.full(1, 10.0), np.full(1, 4.0), np.full(1, 10.0))
    assert noncentrality(np.full(1, 300.0), ten) == pytest.approx(10.0 * noncentrality(np.full(1, 30.0), one))


def least(n: int, m: int, threshold: float = 40.0, floor: float = 0.05, along: float = 1.0) -> float:
    law = Law(np.ones(1), np.full(1, 9.0), np.full(1, along))
    found = minimum_detectable(np.full(1, threshold), law, np.array([n]), np.array([m]), np.full(1, floor))
    return float(found[0])


def test_more_events_see_more_until_the_effect_is_too_small_to_matter() -> None:
    sizes = [least(10**9, m) for m in (100, 1_000, 10_000, 100_000, 10**9)]
    assert sizes == sorted(sizes, reverse=True)
    assert sizes[-1] == pytest.approx(0.05, abs=1e-3)
    assert sizes[-1] >= 0.05


def test_what_cannot_be_found_is_1() -> None:
    assert least(1_000, 30, threshold=np.inf) == 1.0
    assert least(1_000, 30, threshold=1e6) == 1.0


def test_windows_that_vary_hide_more() -> None:
    assert least(10**6, 1_000, along=9.0) > least(10**6, 1_000)


@pytest.mark.parametrize("effect", [0.0, 0.02, 0.1, 0.3])
@pytest.mark.parametrize("events", [200, 5_000])
def test_the_true_effect_lies_between_its_bounds(effect: float, events: int) -> None:
    """In at least 95 % of samples, less three standard errors."""
    rng = np.random.default_rng(8)
    before = np.full(10, 0.1)
    after = before + np.repeat([-effect, effect], 5) / 5.0
    tables = Tables.of_rows(rng.multinomial(20_000, before, 2_000), rng.multinomial(events, after, 2_000))
    low, high = total_variation_bounds(tables, distances.total_variation_of(tables), np.ones(2_000))
    covered = float(((low <= effect) & (effect <= high)).mean())
    assert covered >= 0.95 - 3.0 * np.sqrt(0.95 * 0.05 / 2_000)


@pytest.mark.parametrize("shift", [0.0, 0.5])
def test_the_true_distance_lies_between_its_bounds(shift: float) -> None:
    rng = np.random.default_rng(9)
    true = 2.0 * special.ndtr(shift / 2.0) - 1.0
    covered = 0
    for _ in range(300):
        a, b = np.sort(rng.normal(size=2_000)), np.sort(rng.normal(size=300) + shift)
        at = np.concatenate([a, b])
        found = np.abs(a.searchsorted(at, "right") / len(a) - b.searchsorted(at, "right") / len(b)).max()
        low, high = ks_bounds(np.array([found]), np.zeros(1), np.array([2_000]), np.array([300]), np.ones(1))
        covered += bool(low[0] <= true <= high[0])
    assert covered >= 300 * (0.95 - 3.0 * np.sqrt(0.95 * 0.05 / 300))


@pytest.mark.parametrize("primary", ["g", "ks", "psi", "js"])
def test_a_comparison_says_both(primary: str) -> None:
    rng, settings = np.random.default_rng(10), Settings(primary=primary)  # type: ignore[arg-type]  # a name of those
    reference = Reference.of(some.profile_of_numbers(rng.normal(size=20_000), FINE), settings)
    window = some.profile_of_numbers(rng.normal(size=1_000) + 0.4, FINE)
    found = compare(reference, window, settings, 1e-5)
    assert found.effect is not None
    assert found.effect_low is not None
    assert found.effect_high is not None
    assert found.minimum_detectable_effect is not None
    assert 0.0 < found.effect_low < found.effect < found.effect_high < 1.0
    assert settings.minimum_effect < found.minimum_detectable_effect < 0.2


def test_a_signal_that_is_not_judged_sees_nothing() -> None:
    settings = Settings()
    reference = Reference.of(some.profile_of_numbers(np.arange(500.0), FINE), settings)
    found = compare(reference, some.profile_of_numbers(np.arange(10.0), FINE), settings, 1e-5)
    assert (found.minimum_detectable_effect, found.effect_low, found.effect_high) == (None, None, None)
