"""Where a rate alone says that a signal drifts, the effect and its bounds are the rate's."""

import numpy as np
import pytest

from detectors.comparison import compare
from detectors.profile import FINE, Profile
from detectors.reference import Reference
from detectors.settings import Settings
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
