"""What a baseline's windows can bear: full, thin, assumed, or no verdict yet."""

from dataclasses import replace

import numpy as np
import pytest

from detectors.baselines.baseline_group import BaselineGroup
from detectors.comparisons.comparison import Comparison, compare
from detectors.groups.group import GroupProfile
from detectors.profiles.profile import COARSE, Profile
from detectors.references.footings import group_footings, references_of
from detectors.references.reference import Reference
from detectors.statistics.footing import FULL_SPAN_MS, Footing
from detectors.statistics.settings import Settings
from detectors.statistics.spread import within_of
from schemas.basis import Basis
from schemas.verdict import State
from tests.detectors import strategies as some

HOUR_MS = 3_600_000
SETTINGS = Settings()


def baseline(windows: int, events: int = 200, repeated: int = 1, drift: float = 0.0) -> BaselineGroup:
    """`repeated` windows in a row move alike, by `drift` standard deviations."""
    rng = np.random.default_rng(11)
    group = BaselineGroup(GroupProfile.empty(COARSE))
    for hour in range(windows):
        moved = drift * np.random.default_rng(hour // repeated).normal()
        values = some.profile_of_numbers(rng.normal(size=events) + moved, COARSE)
        group = group.add(hour * HOUR_MS, GroupProfile.of(events, {"x": values, "one": constant(events)}, COARSE))
    return group


def constant(events: int) -> Profile:
    return some.profile_of_numbers(np.ones(events), COARSE)


def shifted(group: BaselineGroup) -> Comparison:
    reference = references_of(group, SETTINGS)["x"]
    return compare(
        reference, some.profile_of_numbers(np.random.default_rng(1).normal(size=400) + 3.0, COARSE), SETTINGS, 1e-4
    )


@pytest.mark.parametrize(
    ("footing", "basis"),
    [
        (Footing(None, 19.9, 30, 30), None),
        (Footing(None, 20.0, 30, 30), Basis.THIN),
        (Footing(None, 50.0, 60, 60, FULL_SPAN_MS - 1), Basis.THIN),
        (Footing(None, 50.0, 60, 60, FULL_SPAN_MS), Basis.FULL),
        (Footing(None, 3.0, 3, 60), Basis.ASSUMED),
        (Footing(None, 3.0, 3, 3), None),
        (Footing(), Basis.ASSUMED),
    ],
)
def test_a_footing_bears_what_its_windows_are_worth(footing: Footing, basis: Basis | None) -> None:
    assert footing.basis is basis


def test_with_fewer_than_20_windows_there_is_no_verdict() -> None:
    found = shifted(baseline(19))
    assert (found.state, found.basis) == (State.LEARNING, None)
    assert {verdict.state for verdict in found.verdicts} == {State.LEARNING}
    assert (found.minimum_detectable_effect, found.raised) == (None, False)


def test_with_20_it_fires_on_a_thin_basis() -> None:
    found = shifted(baseline(21))
    assert (found.state, found.basis) == (State.DRIFT, Basis.THIN)


def test_two_weeks_of_hours_are_a_full_basis() -> None:
    assert group_footings(baseline(14 * 24 + 1, 40), SETTINGS)["x"].basis is Basis.FULL


def test_windows_that_are_alike_count_for_fewer() -> None:
    footings = group_footings(baseline(60, repeated=10, drift=2.0), SETTINGS)
    assert footings["x"].worth < 20.0
    assert footings["x"].basis is None
    assert footings["one"].worth == 60.0


def test_a_baseline_without_windows_warns_at_most() -> None:
    group = replace(baseline(21), windows={})
    found = shifted(group)
    assert (found.state, found.basis) == (State.WARNING, Basis.ASSUMED)
    assert found.verdict("g") is not None
    assert {verdict.state for verdict in found.verdicts} <= {State.OK, State.WARNING}


def test_a_sample_without_a_footing_is_of_independent_events() -> None:
    profile = some.profile_of_numbers(np.random.default_rng(2).normal(size=1_000), COARSE)
    assert Reference.of(profile, SETTINGS).basis is Basis.FULL


@pytest.mark.parametrize("within", [0.0, 0.02])
def test_nulls_that_come_together_are_counted_as_such(within: float) -> None:
    rng = np.random.default_rng(4)
    rates = rng.beta(0.1 * (1 / within - 1), 0.9 * (1 / within - 1), 400) if within else np.full(400, 0.1)
    events = rng.integers(300, 900, 400)
    assert within_of(rng.binomial(events, rates), events) == pytest.approx(within, abs=0.004)


def test_bursts_of_nulls_page_only_where_the_baseline_had_none() -> None:
    """A null rate that varies by the hour makes the same window less surprising."""

    def found(varies: bool) -> State:
        rng, group = np.random.default_rng(5), BaselineGroup(GroupProfile.empty(COARSE))
        for hour in range(60):
            nulls = int(rng.integers(0, 61)) if varies else 30
            values = some.profile_of_numbers(rng.normal(size=500 - nulls), COARSE)
            group = group.add(hour * HOUR_MS, GroupProfile.of(500, {"x": values}, COARSE))
        reference = references_of(group, SETTINGS)["x"]
        window = replace(some.profile_of_numbers(rng.normal(size=435), COARSE), missing=65)
        return compare(reference, window, SETTINGS, 1e-5).state

    assert (found(varies=False), found(varies=True)) == (State.DRIFT, State.OK)
