"""Ladders end to end, and the windows on them end to end: what a walk along all of them reads."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from detectors.profiles.alignment import Flags
from detectors.profiles.grid import Counts, Grid, Indices
from detectors.profiles.ordering import Floats, Keys
from detectors.references.ladder import Ladder, Loose
from detectors.references.strays import Strays

_NO_KEY, _NO_SHIFT, _NO_COUNT = np.zeros(1, np.uint64), np.zeros(1, np.uint8), np.zeros(1, np.int64)
_BEFORE = np.array([-1, 0])


@dataclass(frozen=True, slots=True)
class Path:
    """k ladders and as many windows. A ladder of j rungs has j + 1 places, from `bases` on, shape (k,): `shares` and
    `points` are of these. A window of l buckets has l + 1 places, from `slots` on, `lengths` in all, shape (k,): the
    first of them stands for no value, on the rung before the ladder's. Of these, `keys`, `rungs`, ascending, and `below`:
    the events of all windows up to here. `total`, shape (k,), are a window's events. `apart`, shape (s,), are the places
    of strays, `many`, shape (k,), how many a window has."""

    bases: Indices
    shares: Floats
    points: Floats
    slots: Indices
    lengths: Indices
    keys: Keys
    rungs: Indices
    below: Counts
    total: Counts
    apart: Indices
    many: Counts

    @classmethod
    def of(cls, ladders: Sequence[Ladder], grids: Sequence[Grid]) -> "Path":
        """O(buckets + rungs)."""
        shares = [ladder.shares for ladder in ladders]
        bases = _starts([len(some) for some in shares])
        lengths = np.array([len(grid.keys) + 1 for grid in grids])
        slots = np.cumsum(lengths) - lengths
        keys = np.concatenate([part for grid in grids for part in (_NO_KEY, grid.keys)])
        below = np.concatenate([part for grid in grids for part in (_NO_COUNT, grid.counts)]).cumsum()
        total = below[slots + lengths - 1] - below[slots]

        dense = [ladder.dense for ladder in ladders]
        parts = [len(one.shifts) for one in dense]
        begins = [grid.keys.searchsorted(one.bounds) for one, grid in zip(dense, grids, strict=True)]
        starts = np.concatenate([part for some in begins for part in (_BEFORE, some)]) + (slots + 1).repeat(parts)
        sizes = np.diff(starts, append=len(keys))
        origins = np.concatenate([one.origins for one in dense]) - bases.astype(np.uint64).repeat(parts)
        rungs = keys >> np.concatenate([one.shifts for one in dense]).repeat(sizes)
        rungs -= origins.repeat(sizes)
        between = np.concatenate([one.between for one in dense])
        many = np.add.reduceat(sizes * between, _starts(parts))
        points = np.concatenate([ladder.points for ladder in ladders])
        apart = between.repeat(sizes).nonzero()[0]
        return cls(
            bases, np.concatenate(shares), points, slots, lengths, keys, rungs.view(np.intp), below, total, apart, many
        )

    def strays(self, ladders: Sequence[Ladder], grids: Sequence[Grid]) -> Strays:
        """The strays that matter. Puts all strays on their rungs."""
        held, blurred = self._settle([ladder.loose for ladder in ladders])
        some = (~held | blurred).nonzero()[0]
        at, owner = self.apart[some], np.arange(len(ladders)).repeat(self.many)[some]
        rungs = self.rungs[at]
        shifts = np.concatenate([part for grid in grids for part in (_NO_SHIFT, grid.shifts)])
        below = self.below[self.rungs.searchsorted(rungs) - 1] - self.below[self.slots[owner]]
        return Strays(
            owner,
            self.keys[at],
            shifts[at],
            self.below[at] - self.below[at - 1],
            held[some],
            rungs,
            below,
            self.shares[rungs],
            self.shares[rungs + 1],
            self.points[rungs],
            self.points[rungs - 1],
        )

    def _settle(self, loose: Sequence[Loose]) -> tuple[Flags, Flags]:
        """Puts strays on their rungs; whether the baseline has the bucket of each, and whether that may hold several
        values."""
        strays = self.keys[self.apart]
        ends = self.many.cumsum().tolist()
        found = [
            one.keys[:-1].searchsorted(strays[begin:end], "right")
            for one, begin, end in zip(loose, [0, *ends], ends, strict=False)
        ]
        after = np.concatenate(found) + _starts([len(one.keys) for one in loose]).repeat(self.many)
        before = after - 1
        keys, shifts = np.concatenate([one.keys for one in loose]), np.concatenate([one.shifts for one in loose])
        rungs, fresh = np.concatenate([one.rungs for one in loose]), np.concatenate([one.fresh for one in loose])
        held = ((strays ^ keys[before]) >> shifts[before]) == 0
        self.rungs[self.apart] = np.where(held, rungs[before], fresh[after]) + self.bases.repeat(self.many)
        return held, shifts[before] > 0

    def before(self) -> Floats:
        """The windows' shares below each rung and through the last, at the ladders' places."""
        shares = (self.below - self.below[self.slots].repeat(self.lengths)) / self.total.repeat(self.lengths)
        steps = np.empty_like(self.rungs)
        np.subtract(self.rungs[1:], self.rungs[:-1], out=steps[:-1])
        steps[-1] = len(self.shares) - 1 - self.rungs[-1]
        return shares.repeat(steps)

    def medians(self) -> Floats:
        """Shape (k,): the points that half of a window's events lie at or below."""
        half = self.below[self.slots] + (self.total + 1) // 2
        return self.points[self.rungs[self.below.searchsorted(half)]]

    def counts(self, ladders: Sequence[Ladder]) -> list[Counts]:
        """Each window's counts in the cells of its ladder."""
        sizes = [len(ladder.bounds) for ladder in ladders]
        bounds = np.concatenate([ladder.bounds for ladder in ladders]) + self.bases.repeat(sizes)
        below = self.below[self.rungs.searchsorted(bounds) - 1]
        steps = below[1:] - below[:-1]
        starts = _starts(sizes).tolist()
        return [steps[start : start + size - 1] for start, size in zip(starts, sizes, strict=True)]


def _starts(sizes: Sequence[int]) -> Indices:
    """Where each of several vectors begins that stand end to end."""
    starts: Indices = np.cumsum([0, *sizes[:-1]])
    return starts
