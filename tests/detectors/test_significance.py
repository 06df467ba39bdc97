"""Tails, and the thresholds that are their inverses."""

import math
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from detectors.statistics import distances, significance
from detectors.statistics.tables import LEAST_EXPECTED, Tables

Tail = Callable[[float, int, int, int], float]

LEVELS = [0.05, 0.01, 1e-4, 1e-8]
SIZES = [(100, 100), (1_000, 1_000), (100, 100_000), (100_000, 100), (100_000, 100_000)]
OF_CELLS: dict[str, tuple[Tail, Tail]] = {
    "g": (significance.g_p, significance.g_threshold),
    "chi2": (significance.chi_square_p, significance.chi_square_threshold),
    "psi": (significance.psi_p, significance.psi_threshold),
    "js": (significance.jensen_shannon_p, significance.jensen_shannon_threshold),
}

vectors = st.lists(st.tuples(st.integers(0, 500), st.integers(0, 500)), min_size=1, max_size=30)


def vector(pairs: list[tuple[int, int]], side: int) -> np.ndarray:
    return np.array([pair[side] for pair in pairs], np.int64)


def merged(reference: np.ndarray, current: np.ndarray) -> Tables:
    """One table, merged."""
    return Tables.of([reference], [current]).merged()[0]


@pytest.mark.parametrize("name", OF_CELLS)
@pytest.mark.parametrize(("n", "m"), SIZES)
@pytest.mark.parametrize("level", LEVELS)
def test_a_threshold_is_where_its_tail_has_the_level(name: str, n: int, m: int, level: float) -> None:
    p, threshold = OF_CELLS[name]
    assert p(threshold(level, 10, n, m), 10, n, m) == pytest.approx(level, rel=1e-6)


@pytest.mark.parametrize(("n", "m"), SIZES)
@pytest.mark.parametrize("level", LEVELS)
def test_the_ks_threshold_is_where_its_tail_has_the_level(n: int, m: int, level: float) -> None:
    assert significance.ks_p(significance.ks_threshold(level, n, m), n, m) == pytest.approx(level, rel=1e-6)


@pytest.mark.parametrize("name", ["g", "psi", "js"])
def test_thresholds_depend_on_both_sizes(name: str) -> None:
    threshold = OF_CELLS[name][1]
    found = {threshold(0.01, 10, n, m) for n, m in ((100, 100), (100, 1_000), (1_000, 1_000), (1_000, 100_000))}
    assert len(found) == 4
    assert threshold(0.01, 10, 100, 1_000) == threshold(0.01, 10, 1_000, 100)


def test_the_ks_threshold_depends_on_both_sizes() -> None:
    assert significance.ks_threshold(0.01, 100, 100) > significance.ks_threshold(0.01, 100, 1_000)
    assert significance.ks_threshold(0.01, 100, 1_000) > significance.ks_threshold(0.01, 1_000, 1_000)


@pytest.mark.parametrize(("n", "m"), [(50, 50), (100, 100), (100, 101), (100, 200), (100, 300), (50, 500)])
@pytest.mark.parametrize("shift", [0.1, 0.3, 0.5])
def test_the_ks_tail_is_about_the_exact_one_and_never_well_below(n: int, m: int, shift: float) -> None:
    rng = np.random.default_rng(n + m)
    exact = stats.ks_2samp(rng.normal(size=n), rng.normal(size=m) + shift, method="exact")
    found = significance.ks_p(float(exact.statistic), n, m)
    assert 0.95 * exact.pvalue <= found <= 2.5 * exact.pvalue


@given(vectors)
def test_merging_keeps_totals_and_gives_every_cell_enough(pairs: list[tuple[int, int]]) -> None:
    reference, current = vector(pairs, 0), vector(pairs, 1)
    table = merged(reference, current)
    n, m = int(table.n[0]), int(table.m[0])
    assert (n, m) == (reference.sum(), current.sum())
    assert (table.reference.sum(), table.current.sum()) == (n, m)
    both = table.reference + table.current
    if table.k[0] > 1:
        assert (both * min(n, m) / both.sum() >= LEAST_EXPECTED).all()


@given(st.lists(vectors, min_size=1, max_size=5), st.data())
def test_tables_merge_and_are_measured_each_for_itself(some: list[list[tuple[int, int]]], data: st.DataObject) -> None:
    sides = [[vector(pairs, side) for pairs in some] for side in (0, 1)]
    chosen = np.array(data.draw(st.lists(st.booleans(), min_size=len(some), max_size=len(some))))
    tables = Tables.of(*sides).at(chosen)
    alone = [Tables.of([a], [b]) for a, b, yes in zip(*sides, chosen.tolist(), strict=True) if yes]
    (together, scarcity), each = tables.merged(), [table.merged() for table in alone]
    assert together.k.tolist() == [int(table.k[0]) for table, _ in each]
    assert together.reference.tolist() == [count for table, _ in each for count in table.reference.tolist()]
    assert scarcity.tolist() == [float(own[0]) for _, own in each]
    for measure in (distances.psi_of, distances.g_of, distances.chi_square_of, distances.jensen_shannon_of):
        assert measure(together).tolist() == [float(measure(table)[0]) for table, _ in each]


def test_only_neighbours_merge() -> None:
    reference, current = np.array([50, 3, 5, 50, 4]), np.array([50, 4, 4, 50, 1])
    table = merged(reference, current)
    assert table.reference.tolist() == [50, 8, 54]
    assert table.current.tolist() == [50, 8, 51]


def test_cells_with_enough_stay() -> None:
    reference, current = np.array([500, 300, 200]), np.array([50, 30, 20])
    assert merged(reference, current).reference.tolist() == [500, 300, 200]


def test_with_cells_all_merged_nothing_is_significant() -> None:
    table = merged(np.array([2, 1, 1]), np.array([0, 1, 0]))
    assert table.k.tolist() == [1]
    assert significance.g_p(distances.g_of(table), table.k, table.n, table.m).tolist() == [1.0]


@pytest.mark.parametrize("counts", [(3, 100, 2, 100), (0, 50, 0, 1_000), (7, 50, 9, 1_000), (40, 500, 10, 20_000)])
def test_rare_events_have_the_tail_of_the_conditional_binomial(counts: tuple[int, int, int, int]) -> None:
    k, n, j, m = counts
    law = stats.binom(k + j, n / (n + m))
    more, fewer = float(law.sf(k - 1)), float(law.cdf(k))
    assert significance.rare_event_p(k, n, j, m) == pytest.approx(more, rel=1e-9)
    both = significance.rare_event_p(k, n, j, m, two_sided=True)
    assert both == pytest.approx(min(1.0, 2 * min(more, fewer)), rel=1e-9)


def test_without_events_on_a_side_there_is_nothing_to_say() -> None:
    assert significance.rare_event_p(0, 0, 3, 100) == 1.0
    assert significance.rare_event_p(3, 100, 0, 0, two_sided=True) == 1.0
    assert significance.rare_event_threshold(0.01, 0, 3, 100) == math.inf


@pytest.mark.parametrize("level", [0.05, 1e-3, 1e-7, 1e-12])
@pytest.mark.parametrize(("n", "j", "m"), [(100, 0, 100), (1_000, 2, 50_000), (500, 4_000, 50_000), (50_000, 30, 900)])
def test_the_rare_event_threshold_is_the_least_count_within_the_level(level: float, n: int, j: int, m: int) -> None:
    least = significance.rare_event_threshold(level, n, j, m)
    if least < math.inf:
        assert significance.rare_event_p(int(least), n, j, m) <= level
        assert significance.rare_event_p(int(least) - 1, n, j, m) > level
    else:
        assert significance.rare_event_p(n, n, j, m) > level


@pytest.mark.parametrize("level", [0.05, 1e-3, 1e-7])
@pytest.mark.parametrize(("n", "j", "m"), [(100, 40, 100), (1_000, 2_000, 50_000), (50_000, 30, 900), (10, 1, 100)])
def test_the_threshold_of_fewer_is_the_greatest_count_within_the_level(level: float, n: int, j: int, m: int) -> None:
    greatest = significance.rare_event_threshold(level, n, j, m, fewer=True)
    law = [float(stats.binom(k + j, n / (n + m)).cdf(k)) for k in range(max(0, int(max(greatest, 0))) + 2)]
    if greatest >= 0:
        assert law[int(greatest)] <= level
        assert law[int(greatest) + 1] > level
    else:
        assert law[0] > level


def test_values_out_of_range_have_the_tail_of_sampling_from_one_distribution() -> None:
    """Against the exact law, beta-binomial: what is outside n values' range is a Beta(2, n - 1) share of the mass."""
    for k, m, n in ((1, 100, 100), (3, 100, 100), (2, 50, 10_000), (40, 10_000, 1_000)):
        exact = float(stats.betabinom(m, 2, n - 1).sf(k - 1))
        assert 0.99 * exact <= significance.rare_event_p(k, m, 1, n) <= 1.5 * exact


@given(vectors)
def test_distances_are_symmetric_and_none_between_equals(pairs: list[tuple[int, int]]) -> None:
    a, b = vector(pairs, 0), vector(pairs, 1)
    measures = (
        distances.psi,
        distances.g,
        distances.chi_square,
        distances.jensen_shannon,
        distances.jensen_shannon_distance,
        distances.hellinger,
        distances.total_variation,
        distances.ks,
    )
    for measure in measures:
        assert measure(a, b) == pytest.approx(measure(b, a), rel=1e-9, abs=1e-9)
        assert measure(a, a) == pytest.approx(0.0, abs=1e-7)
        assert measure(a, b) >= 0.0
    for measure in (distances.jensen_shannon_distance, distances.hellinger, distances.total_variation, distances.ks):
        assert measure(a, b) <= 1.0 + 1e-9


def test_an_empty_cell_is_a_small_share_and_no_catastrophe() -> None:
    assert distances.psi(np.array([100, 0]), np.array([100, 0])) == 0.0
    assert distances.psi(np.array([100, 0]), np.array([99, 1])) < 0.02
    assert distances.psi(np.array([100, 0]), np.array([0, 100])) < 12.0


@pytest.mark.parametrize("measure", [distances.psi, distances.g, distances.ks, distances.hellinger])
def test_vectors_of_different_shapes_are_refused(measure: Callable[[np.ndarray, np.ndarray], float]) -> None:
    with pytest.raises(ValueError, match=r"same shape, got \(2,\) and \(3,\)"):
        measure(np.array([1, 2]), np.array([1, 2, 3]))


def test_sizes_whose_product_is_no_integer_of_64_bits_are_compared_all_the_same() -> None:
    reference, current = np.array([6, 4]) * 10**10, np.array([4, 6]) * 10**10
    assert distances.ks(reference, current) == pytest.approx(0.2)
    assert distances.chi_square(reference, current) == pytest.approx(8e9)
