"""Two grids on the grid they share: the finest that both can be coarsened to.

Its span is the greater of the two. A region's shift is the greatest of all buckets that fall into it, so a region
that only one grid has keeps its own. Nothing is capped again. Counts are exact, and so are cumulative counts at every
boundary, because a boundary of the common grid is one of either grid.
"""

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from detectors.profiles.grid import Counts, Grid, Indices
from detectors.profiles.ordering import Bits, Keys
from detectors.profiles.profile import Profile, least_labels

Flags = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Alignment:
    """Buckets `[key, key + 2**shift)`, keys ascending, and the counts of both in each. Arrays of shape (k,)."""

    span: int
    keys: Keys
    shifts: Bits
    reference: Counts
    current: Counts

    def reference_grid(self) -> Grid:
        """The reference alone, on the common grid."""
        held = np.flatnonzero(self.reference)
        return Grid(self.span, self.keys[held], self.shifts[held], self.reference[held])

    def grid(self) -> Grid:
        """Both together, on the common grid."""
        return Grid(self.span, self.keys, self.shifts, self.reference + self.current)


def aligned(reference: Grid, current: Grid) -> Alignment:
    """Both on their common grid. Either may be empty. O(k + l)."""
    keys = np.concatenate([reference.keys, current.keys])
    span = max(reference.span, current.span)
    if not len(keys):
        return Alignment(span, keys, reference.shifts, reference.counts, current.counts)
    order = np.argsort(keys, kind="stable")  # two sorted runs, which a stable sort merges in one pass
    keys = keys[order]
    shifts = _common_shifts(keys, np.concatenate([reference.shifts, current.shifts])[order], span)
    keys = keys >> shifts << shifts
    firsts = starts_of_runs(keys)
    counts = np.zeros((2, len(keys)), np.int64)
    counts[0, : len(reference.keys)] = reference.counts
    counts[1, len(reference.keys) :] = current.counts
    mine, theirs = np.add.reduceat(counts[:, order], firsts, axis=1)
    return Alignment(span, keys[firsts], shifts[firsts], mine, theirs)


def aligned_categories(reference: Profile, current: Profile) -> tuple[Alignment, tuple[str, ...]]:
    """The categories of both on the common grid of hashes, and the least label of each bucket. O(k + l)."""
    alignment = aligned(reference.categories, current.categories)
    hashes = np.concatenate([reference.categories.keys, current.categories.keys])
    return alignment, least_labels(alignment.grid(), hashes, [*reference.labels, *current.labels])


@dataclass(frozen=True, slots=True)
class Regions:
    """The occupied regions of a grid, `key >> span`, ascending, the shift of each, where its buckets begin, and its first
    and last key. Arrays of shape (r,)."""

    span: int
    names: Keys
    shifts: Bits
    starts: Indices
    first: Keys
    last: Keys

    @classmethod
    def of(cls, grid: Grid) -> "Regions":
        names = _regions_of(grid.keys, grid.span)
        starts = starts_of_runs(names)
        first = names[starts] << np.uint64(grid.span % 64)
        width = np.uint64((1 << grid.span) - 1)
        return cls(grid.span, names[starts], grid.shifts[starts], starts, first, first | width)

    def hold(self, grid: Grid) -> bool:
        """Whether a grid is nowhere coarser than this: its span is at most this one, and so is its shift in each region
        that both have. Then the common grid of both has the buckets of this one for this one's values. O(r log l)."""
        if grid.span > self.span or not len(grid.keys):
            return grid.span <= self.span
        if grid.span < self.span:
            return not (self._shifts_of(grid) > self.shifts).any()
        at = grid.keys.searchsorted(self.first)
        coarser = (grid.shifts.take(at, mode="clip") > self.shifts).nonzero()[0]
        if not len(coarser):
            return True
        found = grid.keys.take(at[coarser], mode="clip")  # of another region, where the grid has none of this one
        return not ((found >= self.first[coarser]) & (found <= self.last[coarser])).any()

    def shared_with(self, other: Grid) -> "Regions":
        """These, as wide as they are on the common grid with `other`. O(r log l)."""
        span = max(self.span, other.span)
        width = np.uint64((1 << span) - 1)
        first = self.first & ~width
        at = starts_of_runs(first)
        wide = Regions(
            span, first[at] >> np.uint64(span % 64), self.shifts[at], self.starts[at], first[at], first[at] | width
        )
        return replace(wide, shifts=np.maximum(np.maximum.reduceat(self.shifts, at), wide._shifts_of(other)))

    def coarsened(self, grid: Grid) -> Grid:
        """A grid whose regions these are, but for being wider, with the shifts of these. O(k)."""
        shifts = self.shifts.repeat(np.diff(self.starts, append=len(grid.keys)))
        keys = grid.keys >> shifts << shifts
        at = starts_of_runs(keys)
        return Grid(self.span, keys[at], shifts[at], np.add.reduceat(grid.counts, at))

    def _shifts_of(self, grid: Grid) -> Bits:
        """Shape (r,): the greatest shift that a grid has in each of these regions; 0 where it has none."""
        starts, ends = grid.keys.searchsorted(self.first), grid.keys.searchsorted(self.last, "right")
        shifts = np.zeros(len(starts), np.uint8)
        held = (starts < ends).nonzero()[0]
        if grid.span == self.span:
            shifts[held] = grid.shifts[starts[held]]
        elif len(held):
            bounds = np.stack([starts[held], ends[held]], axis=1).ravel()
            shifts[held] = np.maximum.reduceat(np.append(grid.shifts, np.uint8(0)), bounds)[::2]
        return shifts

    def floor(self, keys: Keys) -> Keys:
        """The start of the bucket that each of `keys` falls into, for keys in these regions. O(n log r)."""
        at = np.searchsorted(self.names, _regions_of(keys, self.span))
        shifts = self.shifts[np.minimum(at, len(self.names) - 1)]
        return keys >> shifts << shifts


def _regions_of(keys: Keys, span: int) -> Keys:
    return keys >> np.uint64(span) if span < 64 else np.zeros_like(keys)


def starts_of_runs(keys: Keys) -> Indices:
    """Where each run of equal neighbours begins. O(n)."""
    if not len(keys):
        return np.empty(0, np.intp)
    changes = np.empty(len(keys), bool)
    changes[0] = True
    np.not_equal(keys[1:], keys[:-1], out=changes[1:])
    return changes.nonzero()[0]


def _common_shifts(keys: Keys, shifts: Bits, span: int) -> Bits:
    starts = starts_of_runs(_regions_of(keys, span))
    return np.repeat(np.maximum.reduceat(shifts, starts), np.diff(starts, append=len(keys)))
