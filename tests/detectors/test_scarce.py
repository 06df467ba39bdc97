"""Where one value is nearly all there is, too few others are expected for the laws of G: the change is tested exactly."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from detectors.comparisons.comparison import Comparison, compare
from detectors.comparisons.distribution import EXACT, UNMEASURED
from detectors.groups.group import GroupProfile
from detectors.profiles.profile import FINE
from detectors.references.footings import references_of
from detectors.references.reference import Reference
from detectors.statistics.settings import Settings
from detectors.statistics.tables import minority
from schemas.verdict import State
from tests.detectors import strategies as some
from tests.detectors.gathered import gathered

SETTINGS = Settings()
WINDOWS, EVENTS = 100, 60
LEVEL = 1e-5

Draw = Callable[[np.random.Generator], list[object]]


def flag(rate: float, alike: int = 1) -> Draw:
    """Of `alike` events in a row all or none have it."""
    return lambda rng: (rng.random(-(-EVENTS // alike)) < rate).repeat(alike)[:EVENTS].tolist()


def drawn(values: object, shares: list[float]) -> Draw:
    return lambda rng: rng.choice(np.array(values), EVENTS, p=shares).tolist()


def reference(draw: Draw, seed: int = 1) -> Reference:
    """Of a baseline that is learned: most of its windows are counts in the cells of the first."""
    rng, windows = np.random.default_rng(seed), []
    for at in range(WINDOWS):
        profile = some.profile_of(draw(rng), FINE)
        windows.append((at * 3_600_000, {None: GroupProfile.of(profile.count, {"x": profile}, FINE)}))
    return references_of(gathered("m", 3_600_000, windows).groups[None], SETTINGS)["x"]


def found(known: Reference, draw: Draw, seed: int = 2) -> Comparison:
    return compare(known, some.profile_of(draw(np.random.default_rng(seed)), FINE), SETTINGS, LEVEL)


CHANGES: dict[str, tuple[Draw, Draw, float]] = {
    "a flag, wholly": (flag(0.01), flag(1.0), 0.99),
    "a flag, in part": (flag(0.01), flag(0.4), 0.39),
    "a flag that goes": (flag(0.99), flag(0.5), 0.49),
    "a category": (drawn(["ok", "late", "gone"], [0.97, 0.02, 0.01]), drawn(["ok", "gone"], [0.6, 0.4]), 0.37),
    "zeros": (drawn([0, 1, 2], [0.97, 0.02, 0.01]), drawn([0, 1, 2], [0.5, 0.3, 0.2]), 0.47),
    "from the middle": (drawn([-5, 0, 5], [0.01, 0.98, 0.01]), drawn([-5, 0, 5], [0.3, 0.4, 0.3]), 0.58),
}


@pytest.mark.parametrize("change", CHANGES)
def test_a_change_of_what_was_nearly_constant_is_found(change: str) -> None:
    before, after, effect = CHANGES[change]
    comparison = found(reference(before), after)
    assert comparison.state is State.DRIFT
    assert comparison.effect == pytest.approx(effect, abs=0.15)
    g = comparison.verdict("g")
    assert g is not None
    assert (g.note, g.threshold) == (EXACT, None)
    assert comparison.minimum_detectable_effect is not None
    assert comparison.minimum_detectable_effect < 0.35


@pytest.mark.parametrize(
    "draw", [flag(0.01), flag(0.05), flag(0.05, 10), drawn([0, 1, 2], [0.94, 0.04, 0.02])],
    ids=["one in a hundred", "one in twenty", "ten at a time", "counts"],
)  # fmt: skip
def test_without_a_change_it_keeps_its_level(draw: Draw) -> None:
    known, exact, p_values = reference(draw), 0, []
    for seed in range(600):
        g = found(known, draw, seed).verdict("g")
        assert g is not None
        assert g.p_value is not None
        exact += g.note == EXACT
        p_values.append(g.p_value)
    assert exact > 300
    # Ten at a time, the level of 0.01 is a matter of single runs of ten.
    assert np.mean(np.array(p_values) <= 0.05) < 0.05
    assert np.mean(np.array(p_values) <= 0.01) < 0.015


def test_what_is_constant_and_stays_so_is_ok() -> None:
    comparison = found(reference(flag(0.0)), flag(0.0))
    assert (comparison.state, comparison.effect) == (State.OK, 0.0)


def test_a_baseline_of_before_knows_not_how_such_values_come_together() -> None:
    known = reference(flag(0.01))
    assert known.footing is not None
    older = replace(known, footing=known.footing._replace(minority=np.nan))
    comparison = found(older, flag(1.0))
    g = comparison.verdict("g")
    assert g is not None
    assert (comparison.state, g.p_value, g.note) == (State.OK, 1.0, UNMEASURED)
    assert comparison.minimum_detectable_effect == 1.0


@pytest.mark.parametrize(
    ("counts", "minor"),
    [
        ([97, 2, 1], [1, 2]),
        ([1, 98, 1], [0, 2]),
        ([0, 5, 0, 1], [0, 2, 3]),
        ([3, 3, 3, 2], [2, 3]),
        ([3, 4, 1, 3], [2, 3]),
        ([5, 5], [1]),
    ],
)
def test_the_minority_is_all_but_what_there_is_most_of_or_the_lesser_side(counts: list[int], minor: list[int]) -> None:
    assert np.flatnonzero(minority(np.array(counts))).tolist() == minor


def ids(rng: np.random.Generator) -> list[object]:
    """Sessions of eight events, each of one of a thousand callers."""
    callers = (rng.zipf(1.3, -(-EVENTS // 8)) % 1000).repeat(8)[: rng.poisson(EVENTS) or EVENTS]
    return [f"caller {int(caller)}" for caller in callers]


def test_categories_that_few_windows_have_are_held_against_windows_that_have_them_too() -> None:
    """Each window of the baseline is counted in cells of all of them, and has its rare categories there; a window that
    comes later has some that the baseline lacks."""
    known = reference(ids)
    assert known.spread is not None
    p_values = [v.p_value for seed in range(400) if (v := found(known, ids, seed).verdict("g")) and v.p_value]
    assert np.mean(np.array(p_values) <= 0.05) < 0.09
    assert np.mean(np.array(p_values) <= 0.01) < 0.03


def test_the_statistic_that_is_shown_is_that_of_the_test_that_decides() -> None:
    known = reference(ids)
    told = [g for seed in range(100) if (g := found(known, ids, seed).verdict("g")) and g.threshold is not None]
    assert len(told) > 90
    assert all((g.statistic >= g.threshold) == (g.p_value <= LEVEL / 2) for g in told if g.threshold and g.p_value)


@pytest.mark.parametrize("rate", [0.002, 0.01, 0.03])
def test_a_rise_by_the_minimum_detectable_effect_is_found_four_times_in_five(rate: float) -> None:
    known = reference(flag(rate))
    least = found(known, flag(rate)).minimum_detectable_effect
    assert least is not None
    states = [found(known, flag(rate + least), seed).state for seed in range(300)]
    assert 0.7 < np.mean([state is State.DRIFT for state in states]) < 0.99


def test_what_comes_together_has_wider_bounds_and_is_seen_later() -> None:
    alone, together = (found(reference(flag(0.05, alike)), flag(0.3)) for alike in (1, 10))
    assert together.effect_low is not None
    assert alone.effect_low is not None
    assert together.effect_low < alone.effect_low
    assert together.minimum_detectable_effect is not None
    assert alone.minimum_detectable_effect is not None
    assert together.minimum_detectable_effect > alone.minimum_detectable_effect


def test_the_minimum_detectable_effect_does_not_go_by_what_the_window_shows() -> None:
    draw = drawn(["a", "b", "c", "d"], [0.4, 0.3, 0.2, 0.1])
    known = reference(draw)
    seen = {found(known, draw, seed).minimum_detectable_effect for seed in range(60)}
    assert max(map(float, filter(None, seen))) == pytest.approx(min(map(float, filter(None, seen))), rel=0.02)


def test_a_window_without_values_is_not_tested() -> None:
    g = found(reference(flag(0.01)), lambda rng: [None] * EVENTS).verdict("g")
    assert g is not None
    assert (g.p_value, g.note) == (1.0, "too few events to tell cells apart")


def test_values_out_of_range_that_come_together_count_as_they_do() -> None:
    """Ten events in a row have the same count, which is nearly always 0."""

    def counts(alike: int) -> Draw:
        return lambda rng: rng.choice([0, 1], EVENTS // alike, p=[0.97, 0.03]).repeat(alike).tolist()

    def beyond(rng: np.random.Generator) -> list[object]:
        return [7.0] * 10 + [0.0] * (EVENTS - 10)

    p_values = []
    for alike in (1, 10):
        verdict = found(reference(counts(alike)), beyond).verdict("out_of_range")
        assert verdict is not None
        assert verdict.p_value is not None
        p_values.append(verdict.p_value)
    assert p_values[0] < 1e-12
    assert p_values[1] > 1e-6
