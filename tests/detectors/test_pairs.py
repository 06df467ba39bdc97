"""Changes of correlation: what is found, what is not, and how often by chance. Levels at length: `tests/yardsticks`."""

import numpy as np
import pytest
from scipy import stats

from detectors.correlations.among import Among
from detectors.correlations.cumulants import Cumulants, nearest_correlations
from detectors.correlations.pairs import LEAST_EVENTS, Pairs, unskewed
from detectors.correlations.pairwise import judge_changes
from detectors.statistics.spread import LEAST_WINDOWS
from detectors.statistics.tail import Tail
from schemas.verdict import State
from tests.detectors.pair_worlds import blocks, common_scale, cross_of, lens_of, normal, restless_apart, skewness_of

P, WINDOWS, EVENTS = 8, 40, 400


def learned(draw, rng: np.random.Generator, windows: int = WINDOWS, events: int = EVENTS, p: int = P) -> Pairs:
    values = [draw(rng, events) for _ in range(windows)]
    lens = lens_of(np.concatenate(values))
    found = Pairs.of(lens, [cross_of(lens, window) for window in values])
    assert found is not None
    return found


def test_a_pair_that_changed_is_named_with_its_correlations_and_an_interval() -> None:
    rng = np.random.default_rng(1)
    pairs = learned(normal(np.eye(P)), rng)
    changed = np.eye(P)
    changed[2, 5] = changed[5, 2] = 0.4
    values = normal(changed)(rng, 1_000)
    found = pairs.compare(cross_of(pairs.lens, values))
    assert found is not None
    worst = found.ranked[0]
    assert (worst.first, worst.second) == ("s02", "s05")
    assert worst.after == pytest.approx(stats.pearsonr(values[:, 2], values[:, 5]).statistic, abs=0.01)
    assert worst.least < 0.4 - worst.before < worst.greatest
    assert found.p_value < 1e-6
    judged = judge_changes(found, 1e-6, 1e-3, 0.1, WINDOWS * EVENTS)
    assert judged.state is State.DRIFT
    assert judged.summary == f"correlation of s02 and s05 from {worst.before:.2f} to {worst.after:.2f}".replace(
        "-0.00", "0.00"
    )
    assert judged.effect == pytest.approx(abs(worst.change))


def test_a_change_below_the_minimum_effect_is_no_drift() -> None:
    rng = np.random.default_rng(2)
    pairs = learned(normal(np.eye(P)), rng, events=5_000)
    found = pairs.compare(cross_of(pairs.lens, normal(blocks(P, 2, 0.09))(rng, 20_000)))
    assert found is not None
    assert found.p_value < 1e-4
    assert judge_changes(found, 1e-4, 1e-3, 0.15, 1).state is State.OK
    assert judge_changes(found, 1e-4, 1e-3, 0.05, 1).state is State.DRIFT


def test_many_small_changes_are_found_by_the_sum() -> None:
    rng = np.random.default_rng(3)
    pairs = learned(normal(np.eye(20)), rng, events=1_000)
    found = [pairs.compare(cross_of(pairs.lens, normal(blocks(20, 20, 0.12))(rng, 1_000))) for _ in range(10)]
    assert all(one is not None and one.total_p < 1e-6 for one in found)
    assert np.median([one.total_p / one.largest_p for one in found if one]) < 0.1


def test_a_shift_of_means_and_scales_changes_no_correlation() -> None:
    rng = np.random.default_rng(4)
    draw = normal(blocks(P, 4, 0.5))
    pairs = learned(draw, rng)
    found = [pairs.compare(cross_of(pairs.lens, 0.6 * draw(rng, EVENTS) + 0.8)) for _ in range(20)]
    assert sum(one is not None and one.p_value < 0.05 for one in found) <= 5


def test_a_common_scale_widens_the_null_as_theory_has_it() -> None:
    """Of an elliptical law n var(z) is a third of its kurtosis; unclipped, that of t on 10 degrees of freedom is 4."""
    rng = np.random.default_rng(5)

    def draw(rng: np.random.Generator, n: int) -> np.ndarray:
        return rng.standard_normal((n, P)) / np.sqrt(rng.chisquare(10, (n, 1)) / 10.0) * 0.3

    values = [draw(rng, EVENTS) for _ in range(200)]
    lens = lens_of(np.concatenate(values))
    wide = type(lens)(lens.names, lens.centres, tuple(2.0 * scale for scale in lens.scales))
    pairs = Pairs.of(wide, [cross_of(wide, window) for window in values])
    assert pairs is not None
    assert float(pairs.variance.mean()) == pytest.approx(4.0 / 3.0, rel=0.1)
    assert float(learned(normal(np.eye(P)), rng, windows=200).variance.mean()) == pytest.approx(1.0, rel=0.05)


def test_cumulants_are_those_of_simulated_sums() -> None:
    correlations = blocks(6, 3, 0.7)
    first, second = np.triu_indices(6, 1)
    rng, n = np.random.default_rng(6), 400
    r = correlations[first, second]
    windows = (normal(correlations)(rng, n * 4_000).reshape(4_000, n, 6) for _ in range(1))
    z = np.concatenate(
        [np.arctanh([np.corrcoef(w, rowvar=False)[first, second] for w in some]) - np.arctanh(r) for some in windows]
    )
    sums = ((z / z.std(axis=0)) ** 2).sum(axis=1)
    law = Cumulants.of(nearest_correlations(6, first, second, r), first, second)
    assert law.first == pytest.approx(sums.mean(), rel=0.03)
    assert law.second == pytest.approx(sums.var(), rel=0.1)
    for level in (0.1, 0.01):
        assert law.tail(float(np.quantile(sums, 1 - level))) == pytest.approx(level, rel=0.35)


def autocorrelated(rng: np.random.Generator, windows: int, m: int, r: float) -> np.ndarray:
    found = rng.standard_normal((windows, m))
    for at in range(1, windows):
        found[at] = r * found[at - 1] + np.sqrt(1.0 - r * r) * found[at]
    return found


@pytest.mark.parametrize(("together", "r"), [(0, 0.0), (0, 0.5), (40, 0.0), (40, 0.5)])
@pytest.mark.parametrize("gaps", [False, True])
def test_what_pairs_share_is_told_from_what_windows_share(together: int, r: float, gaps: bool) -> None:
    """40 of 200 pairs with half of their variance in common, or none; windows in a row alike, or not; of equal sizes, or some
    of a tenth and some missing."""
    rng, m = np.random.default_rng(12), 200
    found = []
    for _ in range(30):
        z = autocorrelated(rng, 60, m, r)
        z[:, :together] = np.sqrt(0.5) * (z[:, :together] + autocorrelated(rng, 60, 1, r))
        weights = np.full((60, m), 400.0)
        if gaps:
            weights[rng.random(60) < 0.5] = 40.0
            weights[rng.random(60) < 0.2] = 0.0
        scores = np.where(weights > 0, z / np.sqrt(np.maximum(weights, 1.0)), 0.0)
        found.append(Among.of(scores, weights).squares(scores, weights))
    assert np.mean(found) == pytest.approx(m + 0.25 * together * (together - 1), rel=0.2 if gaps else 0.1)


def test_thirty_windows_tell_that_blocks_are_restless() -> None:
    """And by a quarter at most too little, where the windows' own sums have another variance each time."""
    rng = np.random.default_rng(13)
    laws = [learned(restless_apart(20, 5), rng, windows=30, events=1_000, p=20).cumulants for _ in range(10)]
    assert np.median([law.second for law in laws]) == pytest.approx(1_540, rel=0.1)
    assert min(law.second for law in laws) > 1_540 * 3 / 4
    assert all(law.windows == pytest.approx(29, rel=0.1) for law in laws)


def test_the_tail_of_a_cause_that_is_not_normal_is_measured() -> None:
    """Ten pairs that move as one, by Laplace's law: at .1 % F alone takes chance for a change five times too often, and
    with the tail of 1,000 windows not half as often."""
    rng, (first, second) = np.random.default_rng(14), np.triu_indices(5, 1)
    theory, alarms = Cumulants.of(np.eye(5), first, second), {"tail": 0, "F": 0}
    for _ in range(10):
        sums = 10.0 * rng.laplace(0.0, np.sqrt(0.5), 4_000) ** 2
        law = theory.widened(100.0, sums[:1_000], 999.0, 0.0)
        for name, some in (("tail", law), ("F", law._replace(beyond=Tail()))):
            alarms[name] += sum(some.tail(x) <= 0.001 for x in sums[1_000:].tolist())
    assert alarms["F"] >= 100
    assert 15 <= alarms["tail"] <= 0.5 * alarms["F"]


def test_the_tail_of_independent_pairs_is_a_chi_square() -> None:
    first, second = np.triu_indices(5, 1)
    law = Cumulants.of(np.eye(5), first, second)
    assert law.freedom == pytest.approx(10.0)
    assert law.tail(25.0) == pytest.approx(stats.chi2.sf(25.0, 10))


def test_the_level_is_kept_where_the_textbook_variance_would_not() -> None:
    """1 / (n - 3) alarms in more than half of these windows at 5 %."""
    rng = np.random.default_rng(7)
    draw = common_scale(blocks(P, 4, 0.6))
    alarms = sum(
        pairs_found.p_value <= 0.05
        for _ in range(8)
        for pairs in [learned(draw, rng, events=300)]
        for _ in range(50)
        if (pairs_found := pairs.compare(cross_of(pairs.lens, draw(rng, 300))))
    )
    assert stats.binom.cdf(alarms, 400, 0.05) < 0.999
    assert alarms >= 4


def test_rare_values_that_meet_by_chance_are_no_change() -> None:
    """Counts of mean .3, a hundred events a window: a normal law of z alarms three times too often at 1 %."""
    rng = np.random.default_rng(11)
    alarms = {"bent": 0, "normal": 0}
    for _ in range(3):
        values = [rng.poisson(0.3, (100, 12)).astype(np.float64) for _ in range(60)]
        lens, together = lens_of(np.concatenate(values)), np.concatenate(values)
        windows = [cross_of(lens, window) for window in values]
        laws = {"bent": Pairs.of(lens, windows, skewness_of(lens, together)), "normal": Pairs.of(lens, windows)}
        for _ in range(400):
            window = cross_of(lens, rng.poisson(0.3, (100, 12)).astype(np.float64))
            for name, pairs in laws.items():
                assert pairs is not None
                found = pairs.compare(window)
                alarms[name] += found is not None and found.largest_p <= 0.01
    assert alarms["normal"] > 24
    assert 2 <= alarms["bent"] <= 24


def test_the_bent_law_is_a_gamma_law() -> None:
    """Two-sided, against SciPy: the tails of a standardised gamma of skewness 0.5, either way round."""
    law = stats.pearson3(0.5)
    u = np.array([-2.0, -1.0, 0.0, 1.5, 4.0])
    wanted = stats.norm.isf(law.sf(u))
    limit = 1.25 * np.abs(u)
    assert np.allclose(unskewed(u, np.full(5, 0.5)), np.clip(wanted, -limit, limit))
    assert np.allclose(unskewed(-u, np.full(5, -0.5)), -np.clip(wanted, -limit, limit))
    assert unskewed(u, np.zeros(5)).tolist() == u.tolist()


def test_too_few_windows_or_events_are_not_judged() -> None:
    rng = np.random.default_rng(8)
    values = [rng.normal(size=(EVENTS, 3)) for _ in range(LEAST_WINDOWS)]
    lens = lens_of(np.concatenate(values))
    windows = [cross_of(lens, window) for window in values]
    assert Pairs.of(lens, windows[1:]) is None
    pairs = Pairs.of(lens, windows)
    assert pairs is not None
    assert pairs.compare(cross_of(lens, rng.normal(size=(LEAST_EVENTS - 1, 3)))) is None


def test_a_signal_that_stops_varying_is_no_change_of_correlation() -> None:
    rng = np.random.default_rng(9)
    draw = normal(blocks(P, P, 0.5))
    pairs = learned(draw, rng)
    values = draw(rng, EVENTS)
    values[:, 3] = 1.0
    found = pairs.compare(cross_of(pairs.lens, values))
    assert found is not None
    assert found.p_value > 0.001
    assert all("s03" not in (pair.first, pair.second) for pair in found.ranked)


def test_signals_that_were_one_and_come_apart_are_found() -> None:
    rng = np.random.default_rng(10)

    def draw(noise: float) -> np.ndarray:
        values = rng.normal(size=(EVENTS, 3))
        values[:, 2] = values[:, 1] + noise * rng.normal(size=EVENTS)
        return values

    values = [draw(0.0) for _ in range(WINDOWS)]
    lens = lens_of(np.concatenate(values))
    pairs = Pairs.of(lens, [cross_of(lens, window) for window in values])
    assert pairs is not None
    same, apart = (pairs.compare(cross_of(lens, draw(noise))) for noise in (0.0, 0.7))
    assert same is not None
    assert apart is not None
    assert same.p_value > 0.001
    assert apart.p_value < 1e-9
    assert (apart.ranked[0].first, apart.ranked[0].second) == ("s01", "s02")
