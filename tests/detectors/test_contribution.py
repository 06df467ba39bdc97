"""How much is each signal's: nothing where nothing changed, more where more did, and less where restlessness is usual."""

import numpy as np
import pytest

from detectors.baselines.baseline_group import BaselineGroup
from detectors.comparisons.contribution import excess_of_score, excesses_of, kinds_of
from detectors.groups.group import GroupProfile
from detectors.profiles.profile import FINE, Profile
from detectors.references.footings import references_of
from detectors.references.reference import Reference
from detectors.statistics.settings import Settings
from detectors.statistics.tables import Tables
from tests.detectors import strategies as some

SETTINGS = Settings()
WINDOWS, EVENTS = 40, 500


def reference(restless: float = 0.0, seed: int = 1) -> Reference:
    """Of a baseline whose windows' means vary by `restless` deviations."""
    rng = np.random.default_rng(seed)
    group = BaselineGroup(GroupProfile.empty(FINE))
    for at in range(WINDOWS):
        values = rng.normal(restless * rng.normal(), 1.0, EVENTS)
        group = group.add(at, GroupProfile.of(EVENTS, {"x": some.profile_of_numbers(values, FINE)}, FINE))
    return references_of(group, SETTINGS)["x"]


def excess(known: Reference, profile: Profile) -> float:
    shared = known.meet(profile)
    cells = Tables.of([shared.counts], [shared.cells.count(profile)])
    kinds = [
        kinds_of(int(counts.sum()), one.count, one.null + one.missing)
        for counts, one in ((cells.reference, known.profile), (cells.current, profile))
    ]
    return float(excesses_of([known], cells, Tables.of(kinds[:1], kinds[1:]))[0])


def drawn(mean: float, nulls: int = 0, seed: int = 2) -> Profile:
    values: list[object] = np.random.default_rng(seed).normal(mean, 1.0, EVENTS - nulls).tolist()
    return some.profile_of([*values, *[None] * nulls], FINE)


def test_by_chance_it_is_as_much_as_chance() -> None:
    """Nine degrees of freedom: it is 0 on average before what is below it is cut off, and 1.7 after."""
    known = reference()
    found = [excess(known, drawn(0.0, seed=seed)) for seed in range(300)]
    assert 0.3 < np.mean(np.array(found) > 0) < 0.6
    assert np.mean(found) == pytest.approx(1.7, abs=0.6)


def test_it_grows_with_the_change_and_nulls_count_beside_it() -> None:
    known = reference()
    shifts = [excess(known, drawn(mean)) for mean in (0.0, 0.3, 0.6, 1.2)]
    assert shifts == sorted(shifts)
    assert shifts[-1] > 100.0
    both = excess(known, drawn(0.6, nulls=50))
    assert excess(known, drawn(0.0, nulls=50)) > 100.0
    assert both == pytest.approx(excess(known, drawn(0.6)) + excess(known, drawn(0.0, nulls=50)), rel=0.25)


def test_nulls_that_come_as_often_as_ever_are_as_much_as_chance() -> None:
    """One degree of freedom: .48 on average, once what is below 0 is cut off."""
    known, n = reference(), 2_000
    nulls = np.random.default_rng(4).binomial(1_000, 0.1, n).tolist()
    kinds = Tables.of([kinds_of(90_000, 100_000, 10_000)] * n, [kinds_of(1_000 - x, 1_000, x) for x in nulls])
    none = Tables.of([np.array([90_000])] * n, [np.array([1_000 - x]) for x in nulls])
    assert excesses_of([known] * n, none, kinds).mean() == pytest.approx(0.48, abs=0.06)


def test_of_a_restless_signal_the_same_change_explains_less() -> None:
    calm, restless = excess(reference(), drawn(1.0)), excess(reference(restless=0.3), drawn(1.0))
    assert 0.0 < restless < calm / 3


def test_signals_do_not_depend_on_those_beside_them() -> None:
    known = [reference(), reference(seed=3)]
    windows = [drawn(0.5), drawn(1.0)]
    counts = [(one.counts, one.cells.count(window)) for one, window in zip(known, windows, strict=True)]
    kinds = [kinds_of(int(own.sum()), int(own.sum()), 0) for pair in counts for own in pair]
    together = excesses_of(known, Tables.of(*zip(*counts, strict=True)), Tables.of(kinds[::2], kinds[1::2]))
    alone = [excess(one, window) for one, window in zip(known, windows, strict=True)]
    assert together.tolist() == alone


def test_a_signal_that_is_gone_counts_by_its_nulls_alone() -> None:
    assert excess(reference(), some.profile_of([None] * EVENTS, FINE)) > 1_000.0


@pytest.mark.parametrize(("score", "found"), [(0.5, 0.0), (1.0, 0.0), (-5.0, 24.0)])
def test_a_score_counts_by_its_square(score: float, found: float) -> None:
    assert excess_of_score(score) == found
