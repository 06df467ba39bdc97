"""The frozen partition of a baseline."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from detectors.profiles.ordering import values_of
from detectors.profiles.profile import FINE, Resolution
from detectors.references.cells import MOST_CATEGORIES, Cells, quantile_edges
from detectors.references.reference import Reference
from detectors.statistics.settings import Settings
from tests.detectors import strategies as some


def test_bins_hold_about_equal_shares() -> None:
    values = np.random.default_rng(0).lognormal(size=20_000)
    counts = Reference.of(some.profile_of_numbers(values, FINE), Settings()).counts
    assert len(counts) == 10
    assert counts.min() >= 0.08 * len(values)
    assert counts.max() <= 0.12 * len(values)


def test_edges_are_round_and_labels_readable() -> None:
    profile = some.profile_of_numbers(np.arange(0.0, 100.0), FINE)
    cells = Cells.of(profile, 4)
    assert cells.numbers is not None
    assert cells.labels == ("< 24", "[24, 48)", "[48, 76)", ">= 76")
    assert cells.numbers.values.tolist() == [24.0, 48.0, 76.0]


def test_edges_that_six_digits_do_not_tell_apart_are_written_in_full() -> None:
    profile = some.profile_of_numbers(1e9 + np.arange(4.0), FINE)
    assert Cells.of(profile, 4).labels == (
        "< 1000000001.0",
        "[1000000001.0, 1000000002.0)",
        "[1000000002.0, 1000000003.0)",
        ">= 1000000003.0",
    )


@pytest.mark.parametrize("share", [0.3, 0.6, 0.95, 0.99])
def test_a_heavy_value_makes_for_fewer_bins_and_has_an_edge(share: float) -> None:
    rng = np.random.default_rng(1)
    values = np.where(rng.random(10_000) < share, 0.0, rng.random(10_000) + 1.0)
    cells = Cells.of(some.profile_of_numbers(values, FINE), 10)
    assert cells.numbers is not None
    assert len(cells.labels) <= 10
    assert ((cells.numbers.values > 0.0) & (cells.numbers.values <= values[values > 0].min())).any()


def test_a_constant_has_one_cell() -> None:
    assert Cells.of(some.profile_of([5.0] * 50, FINE), 10).labels == ("any number",)


def test_parts_come_in_order_and_only_those_that_the_baseline_has() -> None:
    mixed = some.profile_of([1.0, 2.0, "b", "a", "a", True, None], FINE)
    cells = Cells.of(mixed, 10)
    assert cells.labels == ("< 2", ">= 2", '"a"', '"b"', "false", "true")
    assert cells.count(mixed).tolist() == [1, 1, 2, 1, 0, 1]
    assert cells.count(some.profile_of([None], FINE)).tolist() == [0] * 6
    assert Cells.of(some.profile_of([None], FINE), 10).labels == ()


def test_the_most_frequent_categories_have_cells_and_the_rest_one() -> None:
    names = [f"c{at:02d}" for at in range(40) for _ in range(100 - at)]
    cells = Cells.of(some.profile_of(names, FINE), 10)
    assert cells.labels == (*(f'"c{at:02d}"' for at in range(MOST_CATEGORIES)), "rest")
    window = some.profile_of(["c00", "c39", "c38", "new"], FINE)
    assert cells.count(window).tolist() == [1, *[0] * (MOST_CATEGORIES - 1), 2]
    assert cells.categories is not None
    assert [window.labels[at] for at in cells.categories.unseen(window.categories)] == ["new"]


@given(st.lists(some.finite, min_size=1, max_size=60), some.resolutions, st.integers(2, 12))
def test_edges_ascend_within_the_baseline(values: list[float], resolution: Resolution, bins: int) -> None:
    grid = some.profile_of_numbers(np.array(values), resolution).numbers
    edges = quantile_edges(grid, bins)
    assert len(edges) < bins
    assert (edges[1:] > edges[:-1]).all()
    assert np.isin(edges, grid.keys[1:]).all()
    assert np.isfinite(values_of(edges)).all()


@given(
    st.lists(some.values, min_size=1, max_size=40),
    st.lists(some.values, max_size=40),
    some.resolutions,
    some.resolutions,
)
def test_every_value_has_one_cell_or_is_left_to_the_watch(
    mine: list[object], theirs: list[object], a: Resolution, b: Resolution
) -> None:
    current = some.profile_of(theirs, b)
    reference = Reference.of(some.profile_of(mine, a), Settings()).meet(current)
    assert len(reference.counts) == len(reference.cells.labels)
    base = reference.profile
    held = base.numbers.total + base.categories.total + sum(base.booleans)
    assert int(reference.counts.sum()) == held
    unseen = 0
    if reference.cells.categories is not None:
        unseen = int(current.categories.counts[reference.cells.categories.unseen(current.categories)].sum())
    expected = (
        (current.numbers.total if base.numbers.total else 0)
        + (current.categories.total - unseen if base.categories.total else 0)
        + (sum(current.booleans) if sum(base.booleans) else 0)
    )
    assert int(reference.cells.count(current).sum()) == expected
