"""A baseline's numeric grid made ready to be walked along with many windows: what depends on it alone is kept.

A ladder is a row of rungs, ascending. Where a region's occupied buckets stand close together, every bucket from its
first to its last is a rung, occupied or not, so that the rung of a key is found without a search. Elsewhere the occupied
buckets are the rungs. A buffer, a rung without values at the point of the next one, stands where a window's values
must be counted before that one: before a dense stretch, before a cell's edge, and at the end.
"""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from detectors.profiles.alignment import Flags, Regions
from detectors.profiles.grid import Grid, Indices
from detectors.profiles.ordering import Bits, Floats, Keys
from detectors.profiles.points import last_keys, midpoints, quantiles, spread

# A stretch is dense where it has at most so many times as many buckets as are occupied.
_SPARSEST = 4
_MOST_DENSE = 1 << 16
_ONE = np.uint64(1)
_BEYOND = np.uint64((1 << 64) - 1)  # no number's key


@dataclass(frozen=True, slots=True)
class Dense:
    """The d dense stretches, and what lies before, between and behind them. `bounds`, shape (2 d,), are the first key of
    each and the first beyond it. `shifts` and `origins`, shape (2 d + 2,), are 0 between them; in them a key's rung is
    `(key >> shift) - origin`, which wraps around. `between`, shape (2 d + 2,), says which are not in a stretch. The
    first of these stands for no keys: it puts a key of 0 on the rung -1. `runs`, shape (r, 2), are the stretches' rungs,
    from and to, those that touch taken together."""

    bounds: Keys
    shifts: Keys
    origins: Keys
    between: Flags
    runs: Indices


@dataclass(frozen=True, slots=True)
class Loose:
    """The buckets that are not in a stretch, and the first of each stretch, t in all, and a last one without keys.
    `rungs` is where each is, `fresh` where what lies between it and the one before is counted: at the buffer where
    there is one, else with it. Arrays of shape (t + 1,)."""

    keys: Keys
    shifts: Bits
    rungs: Indices
    fresh: Indices


@dataclass(frozen=True, slots=True)
class Ladder:
    """`shares`, shape (j + 1,): the share of the mass below each of j rungs, and 1. `points`, shape (j + 1,): each rung's
    midpoint, the last twice. `bounds`, shape (b + 1,): the rungs that begin cells, and j."""

    regions: Regions
    shares: Floats
    points: Floats
    bounds: Indices
    dense: Dense
    loose: Loose
    total: int
    median: float
    spread: float

    @classmethod
    def of(cls, grid: Grid, edges: Keys) -> "Ladder":
        """The ladder of a grid that is not empty; `edges` are starts of some of its buckets, not of the first. O(k)."""
        regions = Regions.of(grid)
        stretches = _Stretches.of(grid, regions)
        at_edges = grid.keys.searchsorted(edges)
        rungs, buffered = stretches.rungs(grid, regions, at_edges)
        n, total = int(rungs[-1]) + 1, grid.total
        counts = np.zeros(n, np.int64)
        counts[rungs[:-1]] = grid.counts
        shares = np.zeros(n + 1)
        np.divide(counts.cumsum(), total, out=shares[1:])
        dense = stretches.prepared(rungs, regions)
        points = _points(grid, rungs, dense)
        own = points[rungs[:-1]]
        lower, median, upper = quantiles(own, grid.counts, (0.25, 0.5, 0.75))
        scale = spread(own, grid.counts, (lower, upper))
        bounds = np.concatenate(([0], rungs[at_edges], [n]))
        loose = stretches.loose(grid, regions, rungs, buffered)
        return cls(regions, shares, np.append(points, points[-1]), bounds, dense, loose, total, median, scale)


@dataclass(frozen=True, slots=True)
class _Stretches:
    """Of each region: whether it is dense, how many buckets are occupied, and how many there are from first to last."""

    dense: Flags
    occupied: Indices
    extents: Indices
    first: Keys
    last: Keys

    @classmethod
    def of(cls, grid: Grid, regions: Regions) -> "_Stretches":
        ends = np.append(regions.starts[1:], len(grid.keys))
        shifts = regions.shifts.astype(np.uint64)
        first, last = grid.keys[regions.starts], last_keys(grid.keys[ends - 1], shifts)
        occupied, extents = ends - regions.starts, ((last - first) >> shifts) + _ONE
        dense = (shifts > 0) & (extents <= np.minimum(_SPARSEST * occupied, _MOST_DENSE).astype(np.uint64))
        return cls(dense, occupied, np.where(dense, extents, _ONE).astype(np.intp), first, last)

    def rungs(self, grid: Grid, regions: Regions, edges: Indices) -> tuple[Indices, Flags]:
        """See `Ladder`; `edges` are the buckets that begin cells."""
        buffered = np.zeros(len(grid.keys) + 1, np.bool_)
        buffered[edges] = True
        steps = np.ones(len(grid.keys) + 1, np.intp)
        dense = np.repeat(self.dense, self.occupied).nonzero()[0]
        buffered[dense] = False
        apart = (grid.keys[dense] - grid.keys[dense - 1]) >> grid.shifts[dense]
        steps[dense] = np.minimum(apart, np.uint64(_MOST_DENSE)).astype(np.intp)
        begins = regions.starts
        steps[begins] = 1
        buffered[begins[self.dense]] = True
        steps += buffered
        steps[0] -= 1
        return np.cumsum(steps), buffered

    def loose(self, grid: Grid, regions: Regions, rungs: Indices, buffered: Flags) -> Loose:
        held = ~np.repeat(self.dense, self.occupied)
        held[regions.starts] = True
        at = held.nonzero()[0]
        and_last = np.append(at, len(grid.keys))
        keys, shifts = np.append(grid.keys[at], _BEYOND), np.append(grid.shifts[at], np.uint8(0))
        return Loose(keys, shifts, rungs[and_last], rungs[and_last] - buffered[and_last])

    def prepared(self, rungs: Indices, regions: Regions) -> Dense:
        at = self.dense.nonzero()[0]
        between = np.ones(2 * len(at) + 2, np.bool_)
        between[0] = between[2::2] = False
        shifts, origins = np.zeros((2, 2 * len(at) + 2), np.uint64)
        shifts[2::2] = regions.shifts[at]
        begins = rungs[regions.starts[at]]
        origins[0] = _ONE
        origins[2::2] = (self.first[at] >> shifts[2::2]) - begins.astype(np.uint64)
        beyond = np.minimum(self.last[at], _BEYOND - _ONE) + _ONE
        runs = _runs(zip(begins.tolist(), (begins + self.extents[at]).tolist(), strict=True))
        bounds = np.stack([self.first[at], beyond], axis=1).ravel()
        return Dense(bounds, shifts, origins, between, np.array(runs, np.intp).reshape(-1, 2))


def _runs(stretches: Iterable[tuple[int, int]]) -> tuple[tuple[int, int], ...]:
    """Those that only a buffer stands between, as one."""
    runs: list[tuple[int, int]] = []
    for begin, end in stretches:
        if runs and begin == runs[-1][1] + 1:
            begin = runs.pop()[0]
        runs.append((begin, end))
    return tuple(runs)


def _points(grid: Grid, rungs: Indices, dense: Dense) -> Floats:
    """The point of each rung; a buffer's is that of the next rung, the last one's that of the one before."""
    n = int(rungs[-1]) + 1
    shifts, keys = np.zeros((2, n), np.uint64)
    keys[rungs[:-1]], shifts[rungs[:-1]] = grid.keys, grid.shifts
    real = np.zeros(n, np.bool_)
    real[rungs[:-1]] = True
    first, shifts_of = dense.bounds[::2], dense.shifts[2::2]
    lengths = (((dense.bounds[1::2] - _ONE - first) >> shifts_of) + _ONE).astype(np.intp)
    shift = shifts_of.repeat(lengths)
    within = np.arange(len(shift)) - (lengths.cumsum() - lengths).repeat(lengths)
    every = first.repeat(lengths) + (within.astype(np.uint64) << shift)
    at = ((every >> shift) - dense.origins[2::2].repeat(lengths)).view(np.intp)
    keys[at], shifts[at], real[at] = every, shift, True
    points = midpoints(keys, shifts)
    points[-1] = points[-2]
    buffers = (~real[:-1]).nonzero()[0]
    points[buffers] = points[buffers + 1]
    return points
