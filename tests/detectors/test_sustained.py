"""The mean of the last scores: its level, its power, and what is remembered."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import signal

from detectors.statistics.spread import Spread, Spreads
from detectors.statistics.sustained import LENGTHS, MOST_SCORE, NO_TAILS, REMEMBERED, Scores, sustained

CALM = Spread(windows=200, mean=1.0, deviation=0.3, autocorrelation=0.0, within=0.0)
LEVEL = 0.01


def p_values_of(scores: np.ndarray, spread: Spread = CALM) -> np.ndarray:
    """Of rows of `REMEMBERED` + 1 scores each."""
    spreads = Spreads.of([spread] * len(scores))
    return sustained(spreads, [NO_TAILS] * len(scores), scores[:, :-1], scores[:, -1])[1]


def series(n: int, r: float, seed: int = 1) -> np.ndarray:
    """Normal scores with that autocorrelation, shape (n, `REMEMBERED` + 1)."""
    steps = np.random.default_rng(seed).normal(size=(n, REMEMBERED + 200))
    return signal.lfilter([np.sqrt(1.0 - r * r)], [1.0, -r], steps, axis=1)[:, -REMEMBERED - 1 :]


@pytest.mark.parametrize("r", [0.0, 0.5, 0.9])
def test_the_level_holds_whatever_the_autocorrelation(r: float) -> None:
    spread = CALM._replace(windows=2000, autocorrelation=r)
    realised = (p_values_of(series(40_000, r), spread) <= LEVEL).mean()
    assert realised <= 1.25 * LEVEL
    assert realised >= 0.2 * LEVEL, "a test that never alarms holds any level"


def test_a_change_too_small_for_one_window_is_found_by_many() -> None:
    moved = series(2_000, 0.0) + 2.5
    alone = Spreads.of([CALM] * len(moved)).surprises_of_means(moved[:, -1], 1)
    level = 1e-6
    assert (np.exp(-alone) <= level).mean() < 0.05
    assert (p_values_of(moved) <= level).mean() > 0.9


def test_a_window_like_the_baseline_ends_it_at_once() -> None:
    rows = np.full((1, REMEMBERED + 1), 4.0)
    assert p_values_of(rows)[0] < 1e-12
    rows[0, -1] = 0.5
    assert p_values_of(rows)[0] == 1.0
    rows[0, -3:] = 0.2, 0.3, 1.1
    assert p_values_of(rows)[0] == 1.0


def test_one_window_however_far_does_not_last() -> None:
    rows = np.zeros((1, REMEMBERED + 1))
    rows[0, -6] = 1e6
    rows[0, -1] = 1.5
    assert p_values_of(rows)[0] > 0.001


@pytest.mark.parametrize("known", range(REMEMBERED + 1))
def test_it_takes_as_many_windows_as_a_mean_has(known: int) -> None:
    rows = np.full((1, REMEMBERED + 1), np.nan)
    rows[0, REMEMBERED - known :] = 9.0
    p_value = p_values_of(rows)[0]
    assert (p_value < 1.0) == (known + 1 >= min(LENGTHS))


names = st.lists(st.sampled_from("abcd"), unique=True).map(sorted)
scores = st.one_of(st.none(), st.floats(-50.0, 50.0))


@given(st.lists(st.dictionaries(st.sampled_from("abc"), scores, min_size=3), max_size=30))
def test_what_is_remembered_is_the_last_scores_of_each(windows: list[dict[str, float | None]]) -> None:
    kept = Scores(7)
    every: dict[str, list[float]] = {name: [] for name in "abc"}
    for window in windows:
        kept = kept.after("abc", [window[name] for name in "abc"])
        for name in "abc":
            score = window[name]
            every[name] += [] if score is None else [round(min(score, MOST_SCORE), 3)]
    for name, row in zip("abc", kept.rows_of("abc"), strict=True):
        assert row[~np.isnan(row)].tolist() == every[name][-REMEMBERED:]
    assert Scores.from_json(kept.to_json()) == kept
    assert kept.on(7) is kept
    assert kept.on(8) == Scores(8)
    assert np.isnan(kept.without(["b"]).rows_of(["b"])).all()


@pytest.mark.parametrize("data", [[1], ["x", {}], [1, {"x": [0.0] * (REMEMBERED + 1)}], [1, {"x": ["y"]}], [1, []]])
def test_anything_else_is_refused(data: list[object]) -> None:
    with pytest.raises((TypeError, ValueError)):
        Scores.from_json(data)
