"""Two grids on the grid they share."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from detectors.profiles.alignment import Regions, aligned, aligned_categories
from detectors.profiles.grid import Caps, Grid, empty_grid
from detectors.profiles.ordering import keys_of, values_of
from detectors.profiles.points import last_keys
from detectors.profiles.profile import Resolution
from tests.detectors import strategies as some

numbers = st.lists(some.finite, max_size=40)
words = st.lists(some.texts, max_size=40)


def grid_of(values: list[float], resolution: Resolution) -> Grid:
    return some.profile_of_numbers(np.array(values), resolution).numbers if values else empty_grid()


def buckets_of(grid: Grid) -> list[tuple[int, int]]:
    return list(zip(grid.keys.tolist(), grid.shifts.tolist(), strict=True))


@given(numbers, numbers, some.resolutions, some.resolutions)
def test_counts_are_exact_in_every_bucket(mine: list[float], theirs: list[float], a: Resolution, b: Resolution) -> None:
    common = aligned(grid_of(mine, a), grid_of(theirs, b))
    last = last_keys(common.keys, common.shifts)
    for values, counts in ((mine, common.reference), (theirs, common.current)):
        keys = keys_of(np.array(values))
        inside = (keys[:, None] >= common.keys) & (keys[:, None] <= last)
        assert counts.tolist() == inside.sum(axis=0).tolist()
    assert (common.keys[1:] > last[:-1]).all()


@given(numbers, numbers, some.resolutions)
def test_the_common_grid_is_the_merged_one_where_that_is_not_capped_again(
    mine: list[float], theirs: list[float], resolution: Resolution
) -> None:
    mine_grid, theirs_grid = grid_of(mine, resolution), grid_of(theirs, resolution)
    common = aligned(mine_grid, theirs_grid).grid()
    merged = mine_grid.merge(theirs_grid, Caps(1 << 40, 1 << 40))
    assert common.keys.tolist() == merged.keys.tolist()
    assert common.shifts.tolist() == merged.shifts.tolist()
    assert common.counts.tolist() == merged.counts.tolist()


@given(numbers, numbers, some.resolutions, some.resolutions)
def test_the_roles_may_be_swapped(mine: list[float], theirs: list[float], a: Resolution, b: Resolution) -> None:
    one, other = aligned(grid_of(mine, a), grid_of(theirs, b)), aligned(grid_of(theirs, b), grid_of(mine, a))
    assert one.keys.tolist() == other.keys.tolist()
    assert one.reference.tolist() == other.current.tolist()


@given(numbers, some.resolutions)
def test_a_grid_on_its_own_grid_is_itself(values: list[float], resolution: Resolution) -> None:
    grid = grid_of(values, resolution)
    common = aligned(grid, grid)
    assert common.keys.tolist() == grid.keys.tolist()
    assert common.reference.tolist() == common.current.tolist() == grid.counts.tolist()


@given(words, words, some.resolutions, some.resolutions)
def test_categories_keep_their_least_labels(mine: list[str], theirs: list[str], a: Resolution, b: Resolution) -> None:
    first, second = some.profile_of(mine, a), some.profile_of(theirs, b)
    common, labels = aligned_categories(first, second)
    merged = first.collapsed().merge(second.collapsed(), Resolution(Caps(1, 1), 1 << 40))
    assert common.keys.tolist() == merged.categories.keys.tolist()
    assert labels == merged.labels


@given(numbers.filter(len), numbers.filter(len), some.resolutions, some.resolutions)
def test_regions_hold_a_grid_where_the_common_grid_has_their_buckets(
    mine: list[float], theirs: list[float], a: Resolution, b: Resolution
) -> None:
    grid, window = grid_of(mine, a), grid_of(theirs, b)
    common = aligned(grid, window).reference_grid()
    assert Regions.of(common).hold(window)
    if Regions.of(grid).hold(window):
        assert buckets_of(common) == buckets_of(grid)
    elif window.span <= grid.span:
        assert (window.shifts > 0).any()


def test_a_region_that_only_one_has_keeps_its_own_shift() -> None:
    fine, coarse = Resolution(Caps(4, 64), 1), Resolution(Caps(4, 4), 1)
    rng = np.random.default_rng(0)
    low, high = rng.uniform(1.0, 2.0, 50).tolist(), rng.uniform(1024.0, 2048.0, 50).tolist()
    common = aligned(grid_of(low, fine), grid_of(high, coarse))
    shifts = dict(zip(values_of(common.keys).tolist(), common.shifts.tolist(), strict=True))
    assert {shift for value, shift in shifts.items() if value < 2.0} == {int(grid_of(low, fine).shifts[0])}
    assert {shift for value, shift in shifts.items() if value >= 1024.0} == {int(grid_of(high, coarse).shifts[0])}
