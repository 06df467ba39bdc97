"""The null widened by the baseline's windows: its level, its power, and what it does to small windows among large."""

import numpy as np
import pytest
from scipy import stats

from detectors.statistics.spread import LEAST_WINDOWS, Excess, Excesses, Spread, spreads_of
from detectors.statistics.tables import Tables

CELLS = np.full(10, 0.1)


def windows(rng: np.random.Generator, sizes: np.ndarray, within: float) -> np.ndarray:
    """Counts by window and cell, shape (w, 10); events of one window are correlated by `within`."""
    if within == 0.0:
        return np.array([rng.multinomial(n, CELLS) for n in sizes])
    shares = rng.dirichlet(CELLS * (1.0 - within) / within, len(sizes))
    return np.array([rng.multinomial(n, p) for n, p in zip(sizes, shares, strict=True)])


def spread_of(baseline: np.ndarray) -> Spread:
    total = baseline.sum(axis=0)
    return spreads_of({"x": Excesses.of(Tables.of([total - window for window in baseline], list(baseline)))})["x"]


def p_of(spread: Spread, baseline: np.ndarray, window: np.ndarray) -> float:
    excess = Excess.of(baseline.sum(axis=0), window)
    assert excess is not None
    return spread.p_value(excess)


def realised(within: float, level: float, tests: int = 3000) -> float:
    """The share of null windows whose p is at most `level`, over baselines of 60 windows."""
    rng = np.random.default_rng(5)
    hits = done = 0
    while done < tests:
        baseline = windows(rng, rng.integers(100, 400, 60), within)
        spread = spread_of(baseline)
        for window in windows(rng, rng.integers(100, 400, 30), within):
            hits += p_of(spread, baseline, window) <= level
            done += 1
    return hits / done


@pytest.mark.parametrize("within", [0.0, 0.01, 0.05])
@pytest.mark.parametrize("level", [0.05, 0.01])
def test_the_level_is_kept_whatever_windows_have_in_common(within: float, level: float) -> None:
    assert realised(within, level) <= level * 1.35 + 3 * np.sqrt(level * (1 - level) / 3000)


def test_chance_alone_would_page_for_correlated_windows() -> None:
    rng = np.random.default_rng(6)
    baseline = windows(rng, np.full(60, 300), 0.03)
    alarms = sum(
        stats.chi2_contingency([baseline.sum(axis=0), w]).pvalue < 1e-4 for w in windows(rng, np.full(200, 300), 0.03)
    )
    widened = sum(p_of(spread_of(baseline), baseline, w) < 1e-4 for w in windows(rng, np.full(200, 300), 0.03))
    assert alarms > 100
    assert widened <= 2


def test_a_real_change_stands_out_among_correlated_windows() -> None:
    rng = np.random.default_rng(7)
    baseline = windows(rng, np.full(60, 300), 0.01)
    moved = np.array([0.55] + [0.05] * 9)
    assert p_of(spread_of(baseline), baseline, rng.multinomial(300, moved)) < 1e-8


def test_small_windows_are_not_calm_because_they_are_small() -> None:
    """The same change in 60 events and in 300: without the design effect the small window's score would drown."""
    rng = np.random.default_rng(8)
    baseline = windows(rng, np.full(60, 300), 0.03)
    spread = spread_of(baseline)
    assert 0.015 < spread.within < 0.06
    moved = np.array([0.82] + [0.02] * 9)
    assert p_of(spread, baseline, rng.multinomial(60, moved)) < 1e-5


def test_the_threshold_is_the_g_at_which_p_is_the_level() -> None:
    rng = np.random.default_rng(9)
    baseline = windows(rng, np.full(40, 200), 0.02)
    spread = spread_of(baseline)
    excess = Excess.of(baseline.sum(axis=0), windows(rng, np.array([200]), 0.02)[0])
    assert excess is not None
    for level in (0.05, 1e-4, 1e-6):
        ratio = spread.threshold(level, excess) / excess.scale
        assert spread.p_value(Excess(ratio, excess.events, excess.scale)) == pytest.approx(level, rel=1e-6)


def test_autocorrelation_costs_windows() -> None:
    rng = np.random.default_rng(10)
    level = np.zeros(200)
    for i in range(1, 200):
        level[i] = 0.9 * level[i - 1] + rng.normal()
    series = [Excess(float(np.exp(0.3 * v)), 300, 9.0) for v in level]
    spread = spreads_of({"x": Excesses.rows(series)})["x"]
    assert 0.7 < spread.autocorrelation <= 0.95
    assert spread.effective_windows < 70


def test_too_few_windows_have_no_spread() -> None:
    series = [Excess(1.0, 300, 9.0)] * (LEAST_WINDOWS - 1)
    assert spreads_of({"x": Excesses.rows(series), "y": Excesses.rows([])}) == {}


def test_windows_that_are_all_alike_do_not_divide_by_zero() -> None:
    spread = spreads_of({"x": Excesses.rows([Excess(1.0, 300, 9.0)] * 20)})["x"]
    assert 0.0 <= spread.p_value(Excess(5.0, 300, 9.0)) <= 1e-6
    assert spread.p_value(Excess(1.0, 300, 9.0)) == pytest.approx(0.5)
