"""Two distributions of numbers walked along together: KS, Wasserstein, medians and the counts in cells.

Each window is walked along its baseline's ladder, on the common grid of both. What a window has beside the rungs,
values new to the baseline or in its sparse regions, are strays: few, and followed for all windows at once.

With F and G the shares of baseline and window below a point, KS is the greatest |F - G| at a boundary of the common
grid. Within a bucket that may hold several values G may lag or lead by its mass there, so that D of the values is at
most the greatest of F after it less G before it, and of G after it less F before it. The Wasserstein-1 distance is the
sum of |F - G| times the way to the next point. Sums run in the order of keys, or over one window's rungs alone, so that
a window's figures do not depend on those beside it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from detectors.alignment import Flags, starts_of_runs
from detectors.grid import Counts, Grid, Indices
from detectors.ladder import Ladder
from detectors.ordering import Bits, Floats, Keys
from detectors.points import midpoints

_REGION_BITS = np.uint64(12)  # of the name of a region: the span is at least 52
_HUGE = 2.0**1022


@dataclass(frozen=True, slots=True)
class Numbers:
    """The numbers of n windows against those of their baselines, arrays of shape (n,). `resolution` is how far the KS
    of the values may be above `ks`; `scaled` is the Wasserstein distance in units of the baseline's spread; `counts` are
    the window's in the ladder's cells."""

    n_reference: Counts
    n_current: Counts
    median: Floats
    ks: Floats
    resolution: Floats
    wasserstein: Floats
    scaled: Floats
    counts: list[Counts]

    @classmethod
    def of(cls, ladders: Sequence[Ladder], grids: Sequence[Grid]) -> "Numbers":
        """For windows with numbers, on ladders whose regions hold them. O(buckets + rungs)."""
        if not ladders:
            none = np.empty(0)
            return cls(none.astype(np.int64), none.astype(np.int64), none, none, none, none, none, [])
        size = max(len(ladder.shares) for ladder in ladders)
        room = np.empty((3, size))
        walks = [_walk(ladder, grid, room) for ladder, grid in zip(ladders, grids, strict=True)]
        total, median, highest, lowest, high, low, moved = np.array([w.figures for w in walks]).T.copy()
        n, m = np.array([ladder.total for ladder in ladders], np.int64), total.astype(np.int64)
        strays = {at: walk.strays for at, walk in enumerate(walks) if walk.strays is not None}
        with np.errstate(over="ignore"):  # distances beyond the floats are infinite
            if strays:
                _Strays.of(ladders, strays, total).correct(median, lowest, high, low, moved)
            scaled = moved / np.array([ladder.spread for ladder in ladders])
        ks = np.maximum(highest, -lowest)
        resolution = np.maximum(np.maximum(high, -low) - ks, 0.0)
        return cls(n, m, median, ks, resolution, moved, scaled, _steps([w.counts for w in walks]))


class _Met(NamedTuple):
    """A window's strays that matter, shape (s,), in order: the others are held, and of one value. Keys and shifts,
    events, and whether the baseline has the bucket (`held`). `rungs` is where they are counted: at the bucket's own, or
    before the next. `below`: the window's events below that rung; `before` and `after`, the baseline's share below
    and through it; `here` and `there`, its point and the one before."""

    keys: Keys
    shifts: Bits
    counts: Counts
    held: Flags
    rungs: Indices
    below: Floats
    before: Floats
    after: Floats
    here: Floats
    there: Floats


class _Walk(NamedTuple):
    """`figures`: events, median, highest and lowest F - G, the most and the least they may be, and the Wasserstein
    distance, all without the strays that the baseline has not. `strays` is None where none matters."""

    figures: tuple[float, ...]
    counts: Floats
    strays: _Met | None


def _walk(ladder: Ladder, grid: Grid, room: Floats) -> _Walk:
    points, shares = ladder.points, ladder.shares
    n = len(points)
    rungs, at, held = _rungs_of(ladder, grid)
    below, lead, work = room[0, : n + 1], room[1, :n], room[2, :n]
    below[0] = 0.0
    np.bincount(rungs, grid.counts, n).cumsum(out=below[1:])
    total = below[n]
    median = points[below[1:].searchsorted(0.5 * total)]
    counts = below[ladder.bounds]
    strays = _met(ladder, grid, at, rungs[at], held, below) if len(at) else None
    np.divide(below, total, out=below)
    np.subtract(shares[1:], below[1:], out=lead)
    highest, lowest = lead.max(), lead.min()
    high, low = highest, lowest
    for begin, end in ladder.dense.runs:
        part = np.subtract(shares[begin + 1 : end + 1], below[begin:end], out=work[: end - begin])
        high = max(high, part.max())
        np.subtract(shares[begin:end], below[begin + 1 : end + 1], out=part)
        low = min(low, part.min())
    moved = _distance(points, lead, work, None if strays is None else strays.rungs[~strays.held])
    return _Walk((total, median, highest, lowest, high, low, moved), counts, strays)


def _distance(points: Floats, lead: Floats, work: Floats, new: Indices | None) -> float:
    """The sum of |F - G| times the way to the next rung, without that from a rung that new values follow."""
    np.abs(lead, out=lead)
    far = max(-points[0], points[-1]) > _HUGE
    if far:
        points = 0.5 * points
    ways = np.subtract(points[1:], points[:-1], out=work[:-1])
    np.multiply(ways, lead[:-1], out=ways)
    if new is not None and len(new):
        ways[new[new > 0] - 1] = 0.0
    return float(ways.sum()) * (2.0 if far else 1.0)


def _rungs_of(ladder: Ladder, grid: Grid) -> tuple[Indices, Indices, Flags]:
    """The rung of each bucket, shape (l,), which buckets are strays, shape (s,), and whether the baseline has these."""
    dense, keys = ladder.dense, grid.keys
    bounds = np.empty(len(dense.between) + 1, np.intp)
    bounds[0], bounds[-1] = 0, len(keys)
    bounds[1:-1:2] = keys.searchsorted(dense.first)
    bounds[2:-1:2] = keys.searchsorted(dense.last, "right")
    lengths = bounds[1:] - bounds[:-1]
    wrapped = keys >> dense.shifts.repeat(lengths)
    wrapped -= dense.origins.repeat(lengths)
    rungs: Indices = wrapped.view(np.intp)
    at = dense.between.repeat(lengths).nonzero()[0]
    if not len(at):
        return rungs, at, at.astype(np.bool_)
    stray = keys[at]
    bucket = ladder.grid.keys.searchsorted(stray, "right") - 1
    held = ((stray ^ ladder.grid.keys[bucket]) >> ladder.grid.shifts[bucket]) == 0
    if bucket[0] < 0:
        held[bucket < 0] = False
    beside = bucket + ~held
    rungs[at] = ladder.rungs[beside] - (ladder.buffered[beside] & ~held)
    return rungs, at, held


def _met(ladder: Ladder, grid: Grid, at: Indices, rungs: Indices, held: Flags, below: Floats) -> _Met | None:
    matters = (~held | ladder.blurred[rungs]).nonzero()[0]
    if not len(matters):
        return None
    if len(matters) < len(at):
        at, rungs, held = at[matters], rungs[matters], held[matters]
    shares, points = ladder.shares, ladder.points
    return _Met(
        grid.keys[at],
        grid.shifts[at],
        grid.counts[at],
        held,
        rungs,
        below[rungs],
        shares[rungs],
        shares[rungs + 1],
        points[rungs],
        points[rungs - 1],
    )


def _steps(some: list[Floats]) -> list[Counts]:
    """The differences within each of several vectors."""
    lengths = [len(one) - 1 for one in some]
    steps = np.diff(np.concatenate(some)).astype(np.int64)
    ends = np.cumsum(lengths) + np.arange(len(some))
    return [steps[end - length : end] for end, length in zip(ends.tolist(), lengths, strict=True)]


@dataclass(frozen=True, slots=True)
class _Strays:
    """The strays of all windows, shape (s,), by window (`owner`) and key: the shift of each one's bucket on the common
    grid, the window's events in all (`total`), and at this rung so far (`run`); `starts` are the first of each rung."""

    owner: Indices
    met: _Met
    shifts: Keys
    total: Floats
    run: Counts
    starts: Indices

    @classmethod
    def of(cls, ladders: Sequence[Ladder], some: dict[int, _Met], totals: Floats) -> "_Strays":
        met = _Met._make(map(np.concatenate, zip(*some.values(), strict=True)))
        owner = np.repeat(list(some), [len(each.keys) for each in some.values()])
        starts = ((np.diff(owner, prepend=-1) != 0) | (np.diff(met.rungs, prepend=-1) != 0)).nonzero()[0]
        summed = np.cumsum(met.counts)
        lengths = np.diff(starts, append=len(owner))
        run = summed - np.repeat((summed - met.counts)[starts], lengths)
        return cls(owner, met, _shifts(ladders, owner, met), totals[owner], run, starts)

    def correct(self, median: Floats, lowest: Floats, high: Floats, low: Floats, moved: Floats) -> None:
        """Puts right the figures, shape (n,), of windows with strays."""
        met = self.met
        new, blurred = (~met.held).nonzero()[0], (met.held & (self.shifts > 0)).nonzero()[0]
        through = (met.below + self.run) / self.total
        lead = met.before - through
        np.minimum.at(lowest, self.owner[new], lead[new])
        np.minimum(low, lowest, out=low)
        np.minimum.at(low, self.owner[blurred], lead[blurred])
        most = met.after - (met.below + self.run - met.counts) / self.total
        np.maximum.at(high, self.owner[blurred], most[blurred])
        points = np.zeros(len(self.owner))
        points[new] = midpoints(met.keys[new] >> self.shifts[new] << self.shifts[new], self.shifts[new])
        self._move(new, points, lead, moved)
        self._middle(new, points, median)

    def _move(self, new: Indices, points: Floats, lead: Floats, moved: Floats) -> None:
        """Adds the ways from the rung before the first new value, from one to the next, and on to the next rung."""
        met = self.met
        following = np.append(points[1:], 0.0)
        last = np.zeros(len(points), np.bool_)
        last[self.starts[1:] - 1] = True
        if len(last):
            last[-1] = True
        beside = last | np.append(met.held[1:], True)
        target = np.where(beside, met.here, following)[new]
        ways = np.abs(lead[new]) * (0.5 * target - 0.5 * points[new])
        moved += 2.0 * np.bincount(self.owner[new], ways, len(moved))
        first = self.starts[~met.held[self.starts] & (met.rungs[self.starts] > 0)]
        lead_before = met.before[first] - met.below[first] / self.total[first]
        ways = np.abs(lead_before) * (0.5 * points[first] - 0.5 * met.there[first])
        moved += 2.0 * np.bincount(self.owner[first], ways, len(moved))

    def _middle(self, new: Indices, points: Floats, median: Floats) -> None:
        """The median is a new value where half of the events lie at or below it, and not below its rung."""
        below, through = self.met.below[new], (self.met.below + self.run)[new]
        half = 0.5 * self.total[new]
        over = new[(below < half) & (through >= half)]
        firsts = starts_of_runs(self.owner[over].astype(np.uint64))
        median[self.owner[over[firsts]]] = points[over[firsts]]


def _shifts(ladders: Sequence[Ladder], owner: Indices, met: _Met) -> Keys:
    """The shift of each stray's bucket on the common grid: that of the baseline's region, or where it has none, the
    greatest of the window's there."""
    spans = np.array([min(ladder.regions.span, 63) for ladder in ladders], np.uint64)[owner]
    whole = np.array([ladder.regions.span >= 64 for ladder in ladders], np.bool_)[owner]
    names = np.where(whole, np.uint64(0), met.keys >> spans)
    regions = (owner.astype(np.uint64) << _REGION_BITS) | names
    known = np.concatenate([(np.uint64(i) << _REGION_BITS) | ladder.regions.names for i, ladder in enumerate(ladders)])
    starts = starts_of_runs(regions)
    if not len(starts):
        return np.empty(0, np.uint64)
    own = np.maximum.reduceat(met.shifts, starts)
    at = np.minimum(known.searchsorted(regions[starts]), len(known) - 1)
    theirs = np.concatenate([ladder.regions.shifts for ladder in ladders])[at]
    shifts = np.where(known[at] == regions[starts], theirs, own).astype(np.uint64)
    return np.repeat(shifts, np.diff(starts, append=len(regions)))
