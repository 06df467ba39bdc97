"""Reading many profiles at once from the integers of the wire form: `detectors.groups.wire` says what the form is.

Where each profile's parts begin is found one by one; all else is done and checked for all of them together.
"""

from collections.abc import Iterator, Sequence

import numpy as np

from detectors.groups.encoder import places_of, region_floor, regions_of
from detectors.groups.varint import unzigzag
from detectors.profiles.alignment import Flags
from detectors.profiles.exact import Digits, ExactSums
from detectors.profiles.grid import LEAST_SPAN, Counts, Grid, Indices, empty_grid
from detectors.profiles.ordering import Keys
from detectors.profiles.profile import Profile
from detectors.profiles.trace import Trace

COUNTS = 6
_MOST = np.uint64(1 << 62)
_MOST_CELLS = 1 << 20
_FARTHEST = 100
_NO_GRID = empty_grid()


def read_profiles(
    numbers: Keys, begin: int, labels: Sequence[tuple[str, ...]], extremes: Sequence[Sequence[float]]
) -> list[Profile]:
    """As many profiles as there are labels, from the integers from `begin` on; `extremes` are of those with numbers.
    Raises ValueError, IndexError or OverflowError where the integers, all of them, are not such profiles. O(n)."""
    places = _Places(numbers, begin, len(labels))
    counts = checked_counts(numbers[np.array(places.heads, np.intp)[:, None] + np.arange(COUNTS)]).tolist()
    numeric, categories = _grids(numbers, places.numeric), _grids(numbers, places.categories)
    for grid, some in zip(categories, labels, strict=True):
        if len(some) != len(grid.keys):
            raise ValueError(f"{len(some)} labels for {len(grid.keys)} categories")
    if sum(size > 0 for _, size, _ in places.numeric) != len(extremes):
        raise ValueError(f"{len(extremes)} extremes, not as many as numeric signals")
    bounds = iter(extremes)
    ends = [next(bounds) if len(grid.keys) else (np.inf, -np.inf) for grid in numeric]
    return [
        Profile(grid, least, greatest, named, texts, (no, yes), null, missing, not_finite, other, trace)
        for grid, (least, greatest), named, texts, (no, yes, null, missing, not_finite, other), trace in zip(
            numeric, ends, categories, labels, counts, _traces(numbers, places), strict=True
        )
    ]


def checked_counts(numbers: Keys) -> Counts:
    """The numbers as counts. Raises ValueError where one is too large."""
    if (numbers >= _MOST).any():
        raise ValueError("a count is too large")
    return numbers.astype(np.int64)


class _Places:
    """Where the parts of each profile begin: its counts of values that are in no grid, its grids, each with its buckets
    and regions, its slices, and its sums, each with its columns."""

    def __init__(self, numbers: Keys, begin: int, many: int) -> None:
        item, n, at = numbers.item, len(numbers), begin
        self.heads: list[int] = []
        self.numeric: list[tuple[int, int, int]] = []
        self.categories: list[tuple[int, int, int]] = []
        self.slices: list[tuple[int, int]] = []
        self.sums: list[tuple[int, int]] = []
        for _ in range(many):
            self.heads.append(at)
            at += COUNTS
            for grids in (self.numeric, self.categories):
                size = item(at)
                regions = item(at + 2) if size else 0
                grids.append((at, size, regions))
                at += 3 + 3 * regions + 2 * size if size else 1
            slices = item(at)
            self.slices.append((at + 1, slices))
            at += 1 + slices
            for _ in range(2):
                columns = item(at + 1)
                self.sums.append((at, columns))
                at += 2 + slices * columns
            if at > n:
                raise ValueError(f"{at} numbers wanted, there are {n}")
        if at != n:
            raise ValueError(f"{n - at} numbers too many")


def _grids(numbers: Keys, places: Sequence[tuple[int, int, int]]) -> list[Grid]:
    """The grids at these places, each with its number of buckets and of regions."""
    at, sizes, many = np.array([place for place in places if place[1]], np.intp).reshape(-1, 3).T
    if not len(at):
        return [_NO_GRID] * len(places)
    if not many.all():
        raise ValueError("buckets in no region")
    spans = numbers[at + 1]
    if spans.min() < LEAST_SPAN or spans.max() > 64:
        raise ValueError(f"a span of {spans.min()} or {spans.max()}")
    first_regions, first_buckets = np.cumsum(many) - many, np.cumsum(sizes) - sizes
    to, step = places_of(at + 3, many), np.repeat(many, many)
    steps, shifts, lengths = numbers[to], numbers[to + step], checked_counts(numbers[to + 2 * step])
    totals = np.cumsum(steps)
    regions = totals - np.repeat((totals - steps)[first_regions], many)
    if (shifts > np.repeat(spans, many)).any() or lengths.min() < 1 or (lengths > np.repeat(sizes, many)).any():
        raise ValueError("regions that do not add up")
    if (np.add.reduceat(lengths, first_regions) != sizes).any():
        raise ValueError("regions that do not add up")
    if not _ascending(regions, first_regions):
        raise ValueError("regions out of order")
    to = places_of(at + 3 + 3 * many, sizes)
    distances, counts = numbers[to], checked_counts(numbers[to + np.repeat(sizes, sizes)])
    bucket_shifts = np.repeat(shifts, lengths).astype(np.uint8)
    steps = distances << bucket_shifts
    if (steps >> bucket_shifts != distances).any():
        raise ValueError("buckets beyond the keys")
    totals = np.cumsum(steps)
    starts = np.cumsum(lengths) - lengths
    floor = region_floor(regions, np.repeat(spans, many)) - (totals[starts] - steps[starts])
    keys = totals + np.repeat(floor, lengths)
    if not _ascending(keys, first_buckets) or counts.min() < 1:
        raise ValueError("buckets out of order")
    if (regions_of(keys, np.repeat(spans, sizes)) != np.repeat(regions, lengths)).any():
        raise ValueError("buckets outside their region")
    ends = np.cumsum(sizes).tolist()
    found = (
        Grid(span, keys[begin:end], bucket_shifts[begin:end], counts[begin:end])
        for span, begin, end in zip(spans.tolist(), [0, *ends], ends, strict=False)
    )
    return [next(found) if size else _NO_GRID for _, size, _ in places]


def _ascending(values: Keys, firsts: Indices) -> bool:
    """Whether each of several vectors ascends; `firsts` are where they begin."""
    rising = np.empty(len(values), np.bool_)
    np.greater(values[1:], values[:-1], out=rising[1:])
    rising[firsts] = True
    return bool(rising.all())


def _traces(numbers: Keys, places: _Places) -> Iterator[Trace]:
    at, slices = np.array(places.slices, np.intp).reshape(-1, 2).T
    counts = checked_counts(numbers[places_of(at, slices)])
    ends = np.cumsum(slices).tolist()
    sums = iter(_sums(numbers, places.sums, slices))
    return (
        Trace(counts[begin:end], first, second)
        for begin, end, first, second in zip([0, *ends], ends, sums, sums, strict=False)
    )


def _sums(numbers: Keys, places: Sequence[tuple[int, int]], slices: Indices) -> list[ExactSums]:
    """The sums at these places, each with its number of columns; two for each number of slices."""
    at, columns = np.array(places, np.intp).reshape(-1, 2).T
    cells = np.repeat(slices, 2)
    sizes = cells * columns
    lows, digits = unzigzag(numbers[at]), unzigzag(numbers[places_of(at + 2, sizes)])
    if len(at) and (np.abs(lows).max() > _FARTHEST or lows.min() < -_FARTHEST or sizes.max() > _MOST_CELLS):
        raise ValueError("sums out of range")
    if (~_canonical(digits, sizes, columns) | ((columns == 0) & (lows != 0))).any():
        raise ValueError("sums with digits that they do not need")
    ends = np.cumsum(sizes).tolist()
    return [
        ExactSums(low, digits[begin:end].reshape(cell, column))
        for low, begin, end, cell, column in zip(
            lows.tolist(), [0, *ends], ends, cells.tolist(), columns.tolist(), strict=False
        )
    ]


def _canonical(digits: Digits, sizes: Indices, columns: Indices) -> Flags:
    """Whether neither the first nor the last column of each of several matrices is all zero."""
    used = digits.nonzero()[0]
    ends = np.cumsum(sizes)
    owner = ends.searchsorted(used, "right")
    column = (used - (ends - sizes)[owner]) % columns[owner]
    firsts, lasts = np.zeros((2, len(sizes)), np.bool_)
    firsts[owner[column == 0]] = True
    lasts[owner[column == columns[owner] - 1]] = True
    found: Flags = (firsts & lasts) | (columns == 0)
    return found
