"""Where a rate alone says that a signal drifts, the effect and its bounds are the rate's."""

import math

import numpy as np
import pytest

from detectors.comparisons.comparison import Comparison, compare
from detectors.comparisons.description import describe
from detectors.comparisons.rate_cells import of_values, rate_of
from detectors.profiles.profile import FINE, Profile
from detectors.references.reference import Reference
from detectors.statistics.settings import Settings
from schemas.verdict import State
from tests.detectors import strategies as some

LEVEL = 1e-6


def profile(n: int, nulls: float, shift: float = 0.0, seed: int = 3) -> Profile:
    rng = np.random.default_rng(seed)
    values: list[object] = (rng.normal(size=n) + shift).tolist()
    for at in np.flatnonzero(rng.random(n) < nulls).tolist():
        values[at] = None
    return some.profile_of(values, FINE)


REFERENCE = Reference.of(profile(20_000, 0.0), Settings())


def test_nulls_that_come_are_the_effect() -> None:
    found = compare(REFERENCE, profile(1_000, 0.1, seed=4), Settings(), LEVEL)
    null = found.verdict("null_rate")
    g = found.verdict("g")
    assert null is not None
    assert g is not None
    assert (found.state, null.state, g.state) == (State.DRIFT, State.DRIFT, State.OK)
    assert found.effect == null.effect == pytest.approx(0.1, abs=0.03)
    assert found.effect_low is not None
    assert found.effect_high is not None
    assert 0.05 < found.effect_low < found.effect < found.effect_high < 0.15


def test_values_that_move_more_stay_the_effect() -> None:
    found = compare(REFERENCE, profile(1_000, 0.05, shift=1.0, seed=4), Settings(), LEVEL)
    g = found.verdict("g")
    assert g is not None
    assert found.effect == g.effect
    assert found.effect is not None
    assert found.effect > 0.3


def test_a_signal_that_is_well_keeps_the_effect_of_its_values() -> None:
    found = compare(REFERENCE, profile(1_000, 0.0, seed=4), Settings(), LEVEL)
    g = found.verdict("g")
    assert g is not None
    assert (found.state, found.effect) == (State.OK, g.effect)


def cells(found: Comparison) -> list[tuple[str, int, int]]:
    return [(cell.label, cell.reference, cell.current) for cell in found.cells]


def test_what_null_alone_decides_has_null_for_its_first_cell() -> None:
    current = profile(1_000, 0.1, seed=4)
    found = compare(REFERENCE, current, Settings(), LEVEL)
    assert found.rate == "null_rate"
    assert cells(found)[0] == ("null", 0, current.null)
    assert [cell[1] for cell in cells(found)[1:]] == REFERENCE.counts.tolist()
    assert sum(cell[2] for cell in cells(found)) == 1_000
    assert describe("x", found).startswith(f"x: null from 0 % to {100 * current.null / 1_000:.2g} % of events")


def test_a_rate_that_alone_decides_is_the_effect_though_chance_moved_the_values_more() -> None:
    found = compare(REFERENCE, profile(400, 0.05, seed=4), Settings(), LEVEL)
    null, g = found.verdict("null_rate"), found.verdict("g")
    assert null is not None
    assert null.effect is not None
    assert g is not None
    assert g.effect is not None
    assert (found.state, g.state) == (State.DRIFT, State.OK)
    assert found.effect == null.effect < g.effect


SOME_USELESS: list[object] = [*range(100)] * 50 + [[0], math.nan] * 250


@pytest.mark.parametrize(
    ("rate", "label", "baseline", "values", "counted"),
    [
        ("types", "types that the baseline lacks", [*range(100)] * 50, [*range(100)] * 9 + ["a"] * 50, (0, 50)),
        ("types", "types that the baseline lacks", SOME_USELESS, [*range(100)] * 9 + ["a"] * 100, (0, 100)),
        ("useless", "values of no use", SOME_USELESS, [*range(100)] * 9 + [[0], math.nan] * 100, (500, 200)),
        ("unseen", "categories that the baseline lacks", ["a", "b"] * 2_500, ["a", "b"] * 450 + ["c"] * 30, (0, 30)),
        ("out_of_range", "outside the baseline's range", [*range(100)] * 50, [*range(100)] * 9 + [500] * 30, (0, 30)),
    ],
)
def test_other_rates_have_their_cell_and_the_rest_is_without_them(
    rate: str, label: str, baseline: list[object], values: list[object], counted: tuple[int, int]
) -> None:
    mine, theirs = some.profile_of(baseline, FINE), some.profile_of(values, FINE)
    found = compare(Reference.of(mine, Settings()), theirs, Settings(), LEVEL)
    assert (found.state, found.rate) == (State.DRIFT, rate)
    assert cells(found)[0] == (label, *counted)
    assert sum(cell[2] for cell in cells(found)) == len(values)
    assert rate_of(found.cells) == rate
    assert sum(cell.current for cell in of_values(found.cells)) == len(values) - counted[1]


def test_where_values_drift_too_there_is_no_cell_of_a_rate() -> None:
    found = compare(REFERENCE, profile(1_000, 0.05, shift=1.0, seed=4), Settings(), LEVEL)
    assert (found.rate, rate_of(found.cells)) == ("", "")
    assert of_values(found.cells) == found.cells


def test_a_sentence_begins_with_the_rate_that_alone_says_drift_and_tells_of_values_that_warn_as_they_moved() -> None:
    found = compare(REFERENCE, profile(1_000, 0.25, shift=0.22, seed=4), Settings(), LEVEL)
    g = found.verdict("g")
    assert g is not None
    assert g.effect is not None
    assert (found.state, g.state, found.rate) == (State.DRIFT, State.WARNING, "null_rate")
    said = describe("x", found)
    assert said.startswith("x: null from 0 % to ")
    assert f"{float(f'{100 * g.effect:.2g}'):g} % of values moved" in said
