"""What a sentence says: what moved, from what to what, and how often chance would show as much."""

import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from detectors.comparisons.comparison import compare
from detectors.comparisons.description import describe
from detectors.correlations.pairs import Changes, Pair
from detectors.correlations.pairwise import judge_changes
from detectors.profiles.column import MISSING
from detectors.profiles.profile import FINE, Profile
from detectors.statistics.chance import Chance
from detectors.statistics.settings import Settings
from schemas.basis import Basis
from schemas.verdict import State
from tests.detectors import strategies as some

HOUR_MS, DAY_MS = 3_600_000, 86_400_000
YEAR_MS = 365.25 * DAY_MS
CHANCE = Chance(HOUR_MS, 10)
LEVEL = 1e-4
SETTINGS = Settings()
_SAID = re.compile(r"(at most|less than) once in ([\d,]+) (\w+)")
_MS = {"years": YEAR_MS, "days": DAY_MS, "hours": HOUR_MS, "minutes": 60_000, "seconds": 1_000}


def said(values: list[object], baseline: list[object], level: float = LEVEL) -> str:
    mine, theirs = (some.profile_of(x, FINE) for x in (baseline, values))
    return describe("x", compare(mine, theirs, SETTINGS, level), CHANCE)


def span_ms(sentence: str) -> float:
    found = _SAID.search(sentence)
    assert found is not None, sentence
    return float(found[2].replace(",", "")) * _MS[found[3]]


SURE = "; chance shows as much in any signal of the model less than once in 100 years"
PRICES = np.random.default_rng(36).lognormal(10.0, 0.3, 20_000)


@pytest.mark.parametrize(
    ("baseline", "values", "sentence"),
    [
        pytest.param(
            PRICES.tolist(),
            (PRICES[:2_000] * 1.3).tolist(),
            "x: median from 22,100 to 28,700, 35 % of values moved",
            id="numbers",
        ),
        pytest.param(
            ["DE"] * 6_000 + ["FR"] * 4_000,
            ["DE"] * 200 + ["FR"] * 300,
            'x: "DE" from 60 % to 40 %, 20 % of values moved',
            id="categories",
        ),
        pytest.param(
            ["DE"] * 6_000 + ["FR"] * 4_000,
            ["DE"] * 150 + ["FR"] * 50 + ["AT"] * 200 + [None] * 100,
            'x: "FR" from 40 % to 12 %, 50 % of values moved, and null from 0 % to 20 % of events, and 50 % of values in '
            'categories that the baseline lacks, such as "AT"',
            id="shares are of all values, those that the baseline lacks among them",
        ),
        pytest.param(
            [True] * 5_000 + [False] * 5_000,
            [True] * 400 + [False] * 100,
            "x: true from 50 % to 80 %, 30 % of values moved",
            id="booleans",
        ),
        pytest.param(
            [*PRICES[:9_950].tolist(), *[None] * 50],
            [*PRICES[:900].tolist(), *[None] * 60, *[MISSING] * 40],
            "x: null from 0.5 % to 10 % of events",
            id="nulls",
        ),
        pytest.param(
            [*["DE"] * 6_000, *["FR"] * 4_000],
            [*["DE"] * 600, *["FR"] * 400, *["XX"] * 40],
            'x: 3.8 % of values in categories that the baseline lacks, such as "XX"',
            id="unseen",
        ),
        pytest.param(
            PRICES.tolist(),
            [*PRICES[:1_000].tolist(), *[1e9] * 40],
            "x: 3.8 % of values outside the baseline's range",
            id="out of range",
        ),
        pytest.param(
            PRICES.tolist(),
            [*PRICES[:1_000].tolist(), *["a"] * 40],
            "x: 3.8 % of values of types that the baseline lacks (strings)",
            id="types",
        ),
        pytest.param(
            [*PRICES[:9_500].tolist(), *[[1]] * 500],
            [*PRICES[:900].tolist(), *[[1]] * 150],
            "x: values of no use (other) from 5 % to 14 % of events",
            id="values of no use",
        ),
        pytest.param(
            [*PRICES[:9_950].tolist(), *[None] * 50],
            [*(PRICES[:900] * 1.3).tolist(), *[None] * 100],
            "x: median from 22,000 to 28,900, 37 % of values moved, and null from 0.5 % to 10 % of events",
            id="two at once",
        ),
    ],
)
def test_a_change_is_one_sentence(baseline: list[object], values: list[object], sentence: str) -> None:
    assert said(values, baseline) == sentence + SURE


def test_without_a_change_there_is_nothing_to_be_sure_of() -> None:
    assert said(PRICES[:500].tolist(), PRICES.tolist()) == "x: no change that matters"
    assert said([], PRICES.tolist()) == "x: too few events to tell (20,000 and 0)"


def test_what_may_not_fire_says_that_it_comes_too_often() -> None:
    values = np.random.default_rng(5).normal(0.25, 1.0, 500)
    sentence = said(values.tolist(), np.random.default_rng(4).normal(size=20_000).tolist(), 1e-9)
    assert sentence.endswith(", too often for an alert")


def test_correlations_are_told_in_the_same_way() -> None:
    pairs = (Pair("a", "b", -0.5, 0.1, 12.0, 0.5, 0.7), Pair("a", "c", 0.0, 0.004, 1.0, 0.0, 0.01))
    changes = Changes(12.0, 1e-30, 150.0, 1e-20, 3, 500, pairs)
    judged = judge_changes(changes, LEVEL, 1e-3, 0.1, 1_000, CHANCE)
    assert judged.summary == "correlation of a and b from -0.50 to 0.10" + SURE
    quiet = judge_changes(changes._replace(largest_p=0.5, total_p=0.5), LEVEL, 1e-3, 0.1, 1_000, CHANCE)
    assert quiet.summary == "correlations: no change that matters"


def test_of_what_chance_shows_in_every_window_nothing_is_said() -> None:
    assert CHANCE.said(1.0, 1e-9, None) == ""


@pytest.mark.parametrize(
    ("p", "often"),
    [
        (0.0, "less than once in 100 years"),
        (1e-15, "less than once in 100 years"),
        (1.0 / (10 * 24 * 365.25 * 4.01), "at most once in 4 years"),
        (1.0 / (10 * 24 * 45.9), "at most once in 45 days"),
        (1.0 / (10 * 24 * 456.7), "at most once in 450 days"),
        (1e-3, "at most once in 4 days"),
        (1e-2, "at most once in 10 hours"),
        (0.1, "at most once in 60 minutes"),
    ],
)
def test_how_often_is_the_windows_over_the_tests(p: float, often: str) -> None:
    assert CHANCE.said(p, 1.0, None) == f"chance shows as much in any signal of the model {often}"


@given(st.floats(1e-12, 1.0), st.integers(1_000, DAY_MS), st.integers(1, 100_000))
def test_what_is_said_to_be_seen_at_most_so_often_is(p: float, window_ms: int, tests: int) -> None:
    """Of `tests` tests in each window, `tests * p` are as low by chance."""
    chance = Chance(window_ms, tests)
    sentence = chance.said(p, 1.0, None)
    every_ms = window_ms / (tests * p)
    if not sentence:
        assert every_ms < max(2_000, window_ms)
        return
    assert every_ms >= window_ms * (1 - 1e-12)
    assert span_ms(sentence) <= every_ms * (1 + 1e-12)
    assert "less than" in sentence or span_ms(sentence) >= 0.66 * every_ms


@pytest.mark.parametrize(
    ("basis", "ending"),
    [
        (Basis.FULL, "10 hours"),
        (Basis.THIN, "10 hours (thin baseline)"),
        (Basis.ASSUMED, "10 hours (if events are independent)"),
        (None, "10 hours"),
    ],
)
def test_a_sentence_says_what_it_rests_on(basis: Basis | None, ending: str) -> None:
    assert CHANCE.said(1e-2, 1e-1, basis).endswith(ending)


def test_no_sentence_speaks_of_a_probability_of_drift() -> None:
    sentence = said((PRICES[:2_000] * 1.3).tolist(), PRICES.tolist())
    assert not re.search(r"probab|likel|confiden|certain", sentence)
    assert describe("x", compare(Profile.empty(), Profile.empty(), SETTINGS, LEVEL), CHANCE).startswith("x: too few")


def test_only_what_decides_says_that_values_moved() -> None:
    """Other measures stand beside it, and may see more."""
    comparison = compare(
        some.profile_of(["a", "b"] * 5_000, FINE), some.profile_of(["a", "b"] * 500, FINE), SETTINGS, LEVEL
    )
    psi = next(v for v in comparison.verdicts if v.detector == "psi")
    others = tuple(v for v in comparison.verdicts if v is not psi)
    seen = comparison._replace(verdicts=(*others, psi._replace(state=State.DRIFT)), raised=True)
    assert describe("x", seen) == "x: no change that matters"
