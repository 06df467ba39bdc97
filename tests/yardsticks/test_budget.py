"""The false-alarm budget, over simulated months: neither spent beyond what it allows, nor silent; and the power at the
effect that is said to be found.

The months go through the project's own functions of counts (`months`), and these are held against `compare_all` of
profiles of the same counts. `test_thousand_months` is the published row; the others show what other traffic does.
"""

from dataclasses import replace

import numpy as np
import pytest

from detectors.baselines.baseline_group import BaselineGroup
from detectors.comparisons.comparison import compare_all
from detectors.groups.group import GroupProfile
from detectors.profiles.profile import COARSE, Profile
from detectors.references.footings import references_of
from detectors.statistics.sustained import Scores
from tests.detectors import strategies as some
from tests.yardsticks.months import (
    BASELINE,
    BUDGET,
    HOUR_MS,
    HOURS,
    SETTINGS,
    SIGNALS,
    Compared,
    Known,
    Traffic,
    months_of,
)

pytestmark = [pytest.mark.yardstick, pytest.mark.timeout(7200)]

LEAST, MOST, FIRING = 0.2, 1.05, 0.005
LEVEL = BUDGET.level(HOUR_MS, SIGNALS)


def report(name: str, **figures: float) -> None:
    print(f"\n{name}: " + ", ".join(f"{label} {value:.4g}" for label, value in figures.items()))


def test_thousand_months() -> None:
    """50 signals, hourly windows, autocorrelation 0.9, baselines of 60 days."""
    tally = months_of(Traffic(), seed=1, baselines=100, each=10)
    report("1,000 months", incidents=tally.incidents, firing_percent=100.0 * tally.firing_share)
    assert tally.months == 1_000
    assert 1_000 * LEAST <= tally.incidents <= 1_000 * MOST
    assert tally.firing_share <= FIRING


KINDS = {
    "as chance has it": Traffic(relative=0.0),
    "a mean, three times chance": Traffic(relative=3.0),
    "a mean, ten times chance": Traffic(relative=10.0),
    "a scale": Traffic("scale"),
    "a scale, three times chance": Traffic("scale", 3.0),
    "every cell, three times chance": Traffic("cells", 3.0),
    "skewed cells, three times chance": Traffic("skewed", 3.0),
    "a rate, five times chance": Traffic("rate", 5.0, cells=2),
    "100 events": Traffic(events=100),
    "10,000 events, three times chance": Traffic(relative=3.0, events=10_000),
    "sevenfold by the hour of the day": Traffic(relative=3.0, sizes="daily"),
    "a mean in steps of Student's t on 5 degrees": Traffic(innovations=5.0),
    "a mean that forgets": Traffic(relative=3.0, autocorrelation=0.0),
}


@pytest.mark.parametrize("name", KINDS)
def test_other_traffic(name: str) -> None:
    """100 months each, so within three standard errors."""
    tally = months_of(KINDS[name], seed=2, baselines=25, each=4)
    report(name, incidents_a_month=tally.rate, firing_percent=100.0 * tally.firing_share)
    error = 3.0 * np.sqrt(tally.months * np.array([LEAST, MOST]))
    assert 100 * LEAST - error[0] <= tally.incidents <= 100 * MOST + error[1]


def shifted(shares: np.ndarray, effect: np.ndarray) -> np.ndarray:
    """The shares with `effect` of the mass moved from the cells of the lower half to those of the upper, in proportion:
    of all changes of that total variation the one that G sees least."""
    half = shares.shape[-1] // 2
    low, high = shares[..., :half], shares[..., half:]
    a, b = low.sum(axis=-1, keepdims=True), high.sum(axis=-1, keepdims=True)
    return np.concatenate([low * (1.0 - effect[..., None] / a), high * (1.0 + effect[..., None] / b)], axis=-1)


@pytest.mark.parametrize(
    "traffic",
    [Traffic(relative=0.0), Traffic(), Traffic(relative=3.0), Traffic("cells", 3.0), Traffic(relative=0.0, events=100)],
    ids=str,
)
def test_the_power_at_the_minimum_detectable_effect(traffic: Traffic) -> None:
    """The traffic of a month, each window with a change of the effect that it is said to have been able to find."""
    found = []
    for at in range(4):
        rng = np.random.default_rng([3, at])
        counts = traffic.counts(rng, BASELINE + HOURS)
        known, quiet = Known.of(counts[:BASELINE]), counts[BASELINE:]
        least = Compared.of(known, quiet, LEVEL).minimum_detectable
        sizes = quiet.sum(axis=2)
        moved = shifted(traffic.shares(np.random.default_rng([4, at]), HOURS), np.minimum(least, 0.45))
        drifting = rng.multinomial(sizes, moved)
        found.append((Compared.of(known, drifting, LEVEL).drifts.mean(), least.mean()))
    power, effect = np.mean(found, axis=0)
    report(str(traffic), power=power, minimum_detectable_effect=effect)
    assert 0.8 <= power <= 0.97


def profile_of_cells(counts: np.ndarray) -> Profile:
    """Numbers that fall into cells 0, 1, 2 and so on."""
    return some.profile_of_numbers(np.repeat(np.arange(len(counts), dtype=np.float64) + 1.0, counts), COARSE)


def test_months_are_judged_as_profiles_are() -> None:
    """The same p-values, verdicts and effects to be found, whether from counts or by way of profiles."""
    few = replace(Traffic(events=300), cells=8)
    counts = few.counts(np.random.default_rng(5), 80)[:, :6]
    base, later = counts[:60], counts[60:]
    group = BaselineGroup(GroupProfile.empty(COARSE))
    for hour, window in enumerate(base):
        group = group.add(hour * HOUR_MS, group_of(window))
    references = list(references_of(group, SETTINGS).values())
    compared = Compared.of(Known.of(base), later, LEVEL)
    p_values, least = compared.p_values.reshape(20, 6), compared.minimum_detectable
    lasting, scores = compared.sustained.reshape(20, 6), Scores()
    for hour, window in enumerate(later):
        profiles = [profile_of_cells(cells) for cells in window]
        found = compare_all(references, profiles, SETTINGS, LEVEL, past=scores.rows_of("abcdef"))
        scores = scores.after("abcdef", [comparison.score for comparison in found])
        together = [verdict for comparison in found if (verdict := comparison.verdict("sustained")) is not None]
        assert [verdict.p_value for verdict in together] == pytest.approx(lasting[hour], rel=0.02)
        g = [verdict for comparison in found if (verdict := comparison.verdict("g")) is not None]
        assert [verdict.p_value for verdict in g] == pytest.approx(p_values[hour], rel=1e-6)
        assert [c.minimum_detectable_effect for c in found] == pytest.approx(least[hour], rel=0.2)


def group_of(window: np.ndarray) -> GroupProfile:
    profiles = {f"s{at:02}": profile_of_cells(cells) for at, cells in enumerate(window)}
    return GroupProfile.of(int(window[0].sum()), profiles, COARSE)
