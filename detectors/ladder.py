"""A baseline's numeric grid made ready to be compared with many windows: what depends on it alone is kept.

A window's buckets are placed on it, and the tables that distances are computed from follow. All this is on the common
grid, so a ladder takes only grids that leave its own buckets as they are.
"""

from dataclasses import dataclass

import numpy as np

from detectors.alignment import Flags, Regions, starts_of_runs
from detectors.grid import Counts, Grid, Indices
from detectors.ordering import Floats
from detectors.points import midpoints, quantile, spread


@dataclass(frozen=True, slots=True)
class Placed:
    """A window's buckets on a ladder, arrays of shape (l,), in ascending order. `blurred`: whether each may hold more
    than one value. `points`: their midpoints. `below`: how many of the ladder's buckets lie below each. `held`:
    whether the ladder has the bucket too; `new`, of any shape, names those it has not."""

    blurred: Flags
    counts: Counts
    points: Floats
    below: Indices
    held: Flags
    new: Indices


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
    def of(cls, grid: Grid, regions: Regions | None = None) -> "Ladder":
        """The ladder of a grid that is not empty; `regions` are those of the common grid, where it is known. O(k)."""
        cumulative = np.concatenate([np.zeros(1, np.int64), np.cumsum(grid.counts)])
        points = midpoints(grid.keys, grid.shifts)
        median, scale = quantile(points, grid.counts, 0.5), spread(points, grid.counts)
        return cls(grid, regions or Regions.of(grid), cumulative, points, median, scale)

    @property
    def total(self) -> int:
        return int(self.cumulative[-1])

    def place(self, grid: Grid) -> Placed | None:
        """A grid with buckets on the common grid; None where that has other buckets than the ladder for the ladder's
        own values. O(l log k)."""
        shifts = self.regions.shifts_for(grid)
        if shifts is None:
            return None
        keys, counts = grid.keys >> shifts << shifts, grid.counts
        firsts = starts_of_runs(keys)
        if len(firsts) < len(keys):
            keys, shifts, counts = keys[firsts], shifts[firsts], np.add.reduceat(counts, firsts)
        below = self.grid.keys.searchsorted(keys)
        at = np.minimum(below, len(self.grid.keys) - 1)
        held = self.grid.keys[at] == keys
        points = self.points[at]
        new = (~held).nonzero()[0]
        if len(new):
            points[new] = midpoints(keys[new], shifts[new])
        return Placed(shifts > 0, counts, points, below, held, new)

    def around(self, placed: Placed) -> tuple[Counts, Counts, Flags]:
        """The counts of both in the window's buckets and in the stretches between them, shape (2 l + 1,), and which
        of these may hold different values of both. KS on it is KS on the common grid, because the window's share does
        not change within a stretch. O(l)."""
        bounds = np.empty(2 * len(placed.counts) + 2, np.intp)
        bounds[0], bounds[-1] = 0, len(self.grid.keys)
        bounds[1:-1:2] = placed.below
        bounds[2:-1:2] = placed.below + placed.held
        cumulative = self.cumulative[bounds]
        current = np.zeros(len(bounds) - 1, np.int64)
        current[1::2] = placed.counts
        blurred = np.zeros(len(bounds) - 1, np.bool_)
        blurred[1::2] = placed.blurred
        return cumulative[1:] - cumulative[:-1], current, blurred

    def union(self, placed: Placed) -> tuple[Counts, Counts, Floats]:
        """The counts of both in every bucket of the common grid, and the midpoints, shape (u,). O(k + l)."""
        current = np.zeros(len(self.grid.keys) + len(placed.new), np.int64)
        if not len(placed.new):
            current[placed.below] = placed.counts
            return self.grid.counts, current, self.points
        absent = ~placed.held
        current[placed.below + absent.cumsum() - absent] = placed.counts
        mine = np.ones(len(current), np.bool_)
        mine[placed.below[placed.new] + np.arange(len(placed.new))] = False
        reference, points = np.zeros(len(current), np.int64), np.empty(len(current))
        reference[mine], points[mine], points[~mine] = self.grid.counts, self.points, placed.points[placed.new]
        return reference, current, points
