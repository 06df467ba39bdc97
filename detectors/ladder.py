"""A baseline's numeric grid made ready to be compared with many windows: what depends on it alone is kept.

A window's buckets are placed on it, and the tables that distances are computed from follow. All this holds on the
common grid, so a ladder takes only grids that leave its own buckets as they are (`fits`).
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from detectors.alignment import Regions, starts_of_runs
from detectors.grid import Counts, Grid, Indices
from detectors.ordering import Bits, Floats, Keys
from detectors.points import midpoints, quantile, spread


@dataclass(frozen=True, slots=True)
class Placed:
    """A window's buckets on a ladder, arrays of shape (l,), keys ascending. `below`: how many of the ladder's buckets
    lie below each. `held`: whether the ladder has the bucket too."""

    keys: Keys
    shifts: Bits
    counts: Counts
    points: Floats
    below: Indices
    held: npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Ladder:
    """`cumulative`, shape (k + 1,): the counts below each bucket, and the total. `points`, shape (k,): midpoints."""

    grid: Grid
    regions: Regions
    cumulative: Counts
    points: Floats
    median: float
    spread: float

    @classmethod
    def of(cls, grid: Grid) -> "Ladder":
        """The ladder of a grid that is not empty. O(k)."""
        cumulative = np.concatenate([np.zeros(1, np.int64), np.cumsum(grid.counts)])
        points = midpoints(grid.keys, grid.shifts)
        return cls(grid, Regions.of(grid), cumulative, points, quantile(points, grid.counts, 0.5), spread(grid))

    @property
    def total(self) -> int:
        return int(self.cumulative[-1])

    def fits(self, grid: Grid) -> bool:
        """Whether the common grid with `grid` has the ladder's own buckets. O(l log r)."""
        return self.regions.contain(grid)

    def place(self, grid: Grid) -> Placed:
        """A grid that fits, not empty, on the common grid. O(l log k)."""
        shifts = self.regions.shifts_at(grid.keys)
        keys, counts = grid.keys >> shifts << shifts, grid.counts
        firsts = starts_of_runs(keys)
        if len(firsts) < len(keys):
            keys, shifts, counts = keys[firsts], shifts[firsts], np.add.reduceat(counts, firsts)
        below = np.searchsorted(self.grid.keys, keys)
        held = self.grid.keys[np.minimum(below, len(self.grid.keys) - 1)] == keys
        return Placed(keys, shifts, counts, midpoints(keys, shifts), below, held)

    def around(self, placed: Placed) -> tuple[Counts, Counts, npt.NDArray[np.bool_]]:
        """The counts of both in the window's buckets and in the stretches between them, shape (2 l + 1,), and which
        of these may hold values of both that are not equal. KS on it is KS on the common grid, because the window's
        share does not change within a stretch. O(l)."""
        bounds = np.empty(2 * len(placed.keys) + 2, np.intp)
        bounds[0], bounds[-1] = 0, len(self.grid.keys)
        bounds[1:-1:2] = placed.below
        bounds[2:-1:2] = placed.below + placed.held
        current = np.zeros(len(bounds) - 1, np.int64)
        current[1::2] = placed.counts
        blurred = np.zeros(len(bounds) - 1, np.bool_)
        blurred[1::2] = placed.shifts > 0
        return np.diff(self.cumulative[bounds]), current, blurred

    def union(self, placed: Placed) -> tuple[Counts, Counts, Floats]:
        """The counts of both in every bucket of the common grid, and the midpoints, shape (u,). O(k + l)."""
        new = np.flatnonzero(~placed.held)
        if not len(new):
            current = np.zeros_like(self.grid.counts)
            current[placed.below] = placed.counts
            return self.grid.counts, current, self.points
        size = len(self.grid.keys) + len(new)
        mine = np.ones(size, np.bool_)
        mine[placed.below[new] + np.arange(len(new))] = False
        reference, current, points = np.zeros(size, np.int64), np.zeros(size, np.int64), np.empty(size)
        reference[mine], points[mine], points[~mine] = self.grid.counts, self.points, placed.points[new]
        current[placed.below + np.cumsum(~placed.held) - ~placed.held] = placed.counts
        return reference, current, points
