"""The far tail: right where the law holds, longer where scores are, never shorter, and its inverse."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from detectors.statistics.tail import Tail, tail_of

tails = st.builds(Tail, st.floats(0.005, 0.1), st.floats(0.5, 20.0), st.floats(0.3, 4.0))
surprises = st.floats(0.0, 300.0)


@given(tails, surprises, surprises)
def test_it_keeps_the_order_and_never_makes_a_score_more_surprising(tail: Tail, a: float, b: float) -> None:
    found = tail.surprises(np.array(sorted((a, b))))
    assert found[0] <= found[1]
    assert (found <= np.array(sorted((a, b)))).all()


@given(tails, surprises)
def test_the_nominal_surprise_comes_to_at_least_what_was_asked_and_a_lesser_one_does_not(
    tail: Tail, wanted: float
) -> None:
    nominal = tail.nominal(np.array([wanted]))
    assert tail.surprises(nominal * (1.0 + 1e-9))[0] >= wanted * (1.0 - 1e-6)
    assert tail.surprises(nominal * (1.0 - 1e-6))[0] <= wanted


def test_columns_are_what_each_tail_says() -> None:
    some = [Tail(), Tail(0.01, 5.0, 1.2), Tail(0.05, 2.0, 0.9)]
    columns = Tail(*np.array(some).T)
    scores = np.array([9.0, 9.0, 9.0])
    expected = [tail.surprises(scores[:1])[0] for tail in some]
    assert columns.surprises(scores).tolist() == pytest.approx(expected)


def test_where_the_law_holds_a_level_of_1e_5_is_kept_and_costs_little() -> None:
    realised = []
    for seed in range(20):
        rng = np.random.default_rng(seed)
        tail = tail_of(rng.exponential(size=50_000), 0.0)
        realised.append(np.exp(-tail.nominal(np.array([-np.log(1e-5)]))[0]))
    assert 0.4e-5 <= np.mean(realised) <= 1e-5


@pytest.mark.parametrize("shape", [0.7, 0.5])
def test_a_longer_tail_is_found(shape: float) -> None:
    """Surprises whose true tail is exp(-e^shape) keep a level of 1e-5, which the law exceeds by far."""
    level, realised = 1e-5, []
    for seed in range(20):
        rng = np.random.default_rng(seed)
        tail = tail_of(rng.exponential(size=50_000) ** (1.0 / shape), 0.0)
        nominal = tail.nominal(np.array([-np.log(level)]))[0]
        realised.append(np.exp(-(nominal**shape)))
    assert np.exp(-((-np.log(level)) ** shape)) > 50 * level
    assert 0.2 * level <= np.mean(realised) <= 1.5 * level


def test_few_scores_promise_little() -> None:
    scores = np.random.default_rng(3).exponential(size=50_000)
    many, few = tail_of(scores, 0.0), tail_of(scores, 0.99)
    assert few.nominal(np.array([11.5]))[0] > many.nominal(np.array([11.5]))[0]


@pytest.mark.parametrize("scores", [[], [1.0], [0.0] * 1_000])
def test_scores_that_say_nothing_leave_the_law_as_it_is(scores: list[float]) -> None:
    assert tail_of(np.array(scores), 0.0) == Tail()
