"""Strays: a window's values that its baseline has not, and those in the baseline's sparse regions.

They are few, so what they do to a window's figures is put right for all windows at once.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from detectors.profiles.alignment import Flags, starts_of_runs
from detectors.profiles.grid import Counts, Indices
from detectors.profiles.ordering import Bits, Floats, Keys
from detectors.profiles.points import midpoints
from detectors.references.ladder import Ladder

_REGION_BITS = np.uint64(12)  # of the name of a region: the span is at least 52


class Figures(NamedTuple):
    """Of n windows, arrays of shape (n,): events, median, highest and lowest F - G, the most and the least they may be,
    and the Wasserstein distance."""

    total: Counts
    median: Floats
    highest: Floats
    lowest: Floats
    high: Floats
    low: Floats
    moved: Floats


class Strays(NamedTuple):
    """The strays that matter, shape (s,), by window (`owner`) and key: the others are held, and of one value. Keys and
    shifts, events, and whether the baseline has the bucket (`held`). `rungs` is where they are counted: at the bucket's
    own, or before the next. `below`: the window's events below that rung; `before` and `after`, the baseline's share
    below and through it; `here` and `there`, its point and the one before."""

    owner: Indices
    keys: Keys
    shifts: Bits
    counts: Counts
    held: Flags
    rungs: Indices
    below: Counts
    before: Floats
    after: Floats
    here: Floats
    there: Floats

    def correct(self, figures: Figures, ladders: Sequence[Ladder]) -> None:
        """Puts right the figures, which are those without the strays that the baseline has not."""
        if len(self.keys):
            _Followed.of(self, ladders, figures.total).correct(figures)


@dataclass(frozen=True, slots=True)
class _Followed:
    """Strays with what follows from those beside them, shape (s,): the shift of each one's bucket on the common grid,
    the window's events in all (`total`), and at this rung so far (`run`); `starts` are the first of each rung."""

    met: Strays
    shifts: Keys
    total: Counts
    run: Counts
    starts: Indices

    @classmethod
    def of(cls, met: Strays, ladders: Sequence[Ladder], totals: Counts) -> "_Followed":
        starts = ((np.diff(met.owner, prepend=-1) != 0) | (np.diff(met.rungs, prepend=-1) != 0)).nonzero()[0]
        summed = np.cumsum(met.counts)
        lengths = np.diff(starts, append=len(met.owner))
        run = summed - np.repeat((summed - met.counts)[starts], lengths)
        return cls(met, _shifts(ladders, met), totals[met.owner], run, starts)

    def correct(self, figures: Figures) -> None:
        met, low, high = self.met, figures.low, figures.high
        new, blurred = (~met.held).nonzero()[0], (met.held & (self.shifts > 0)).nonzero()[0]
        through = (met.below + self.run) / self.total
        lead = met.before - through
        np.minimum.at(figures.lowest, met.owner[new], lead[new])
        np.minimum(low, figures.lowest, out=low)
        np.minimum.at(low, met.owner[blurred], lead[blurred])
        most = met.after - (met.below + self.run - met.counts) / self.total
        np.maximum.at(high, met.owner[blurred], most[blurred])
        points = np.zeros(len(met.owner))
        points[new] = midpoints(met.keys[new] >> self.shifts[new] << self.shifts[new], self.shifts[new])
        self._move(new, points, lead, figures.moved)
        self._middle(new, points, figures.median)

    def _move(self, new: Indices, points: Floats, lead: Floats, moved: Floats) -> None:
        """Adds the ways from the rung before the first new value, from one to the next, and on to the next rung."""
        met = self.met
        following = np.append(points[1:], 0.0)
        last = np.zeros(len(points), np.bool_)
        last[self.starts[1:] - 1] = True
        last[-1] = True
        beside = last | np.append(met.held[1:], True)
        target = np.where(beside, met.here, following)[new]
        ways = np.abs(lead[new]) * (0.5 * target - 0.5 * points[new])
        moved += 2.0 * np.bincount(met.owner[new], ways, len(moved))
        first = self.starts[~met.held[self.starts] & (met.rungs[self.starts] > 0)]
        lead_before = met.before[first] - met.below[first] / self.total[first]
        ways = np.abs(lead_before) * (0.5 * points[first] - 0.5 * met.there[first])
        moved += 2.0 * np.bincount(met.owner[first], ways, len(moved))

    def _middle(self, new: Indices, points: Floats, median: Floats) -> None:
        """The median is a new value where half of the events lie at or below it, and not below its rung."""
        met = self.met
        below, through = met.below[new], (met.below + self.run)[new]
        half = 0.5 * self.total[new]
        over = new[(below < half) & (through >= half)]
        firsts = starts_of_runs(met.owner[over].astype(np.uint64))
        median[met.owner[over[firsts]]] = points[over[firsts]]


def _shifts(ladders: Sequence[Ladder], met: Strays) -> Keys:
    """The shift of each stray's bucket on the common grid: that of the baseline's region, or where it has none, the
    greatest of the window's there."""
    spans = np.array([ladder.regions.span for ladder in ladders], np.uint64)[met.owner]
    names = np.where(spans < 64, met.keys >> np.minimum(spans, np.uint64(63)), np.uint64(0))
    regions = (met.owner.astype(np.uint64) << _REGION_BITS) | names
    many = [len(ladder.regions.names) for ladder in ladders]
    owners = np.repeat(np.arange(len(ladders), dtype=np.uint64), many) << _REGION_BITS
    known = owners | np.concatenate([ladder.regions.names for ladder in ladders])
    starts = starts_of_runs(regions)
    own = np.maximum.reduceat(met.shifts, starts)
    at = np.minimum(known.searchsorted(regions[starts]), len(known) - 1)
    theirs = np.concatenate([ladder.regions.shifts for ladder in ladders])[at]
    shifts = np.where(known[at] == regions[starts], theirs, own).astype(np.uint64)
    return np.repeat(shifts, np.diff(starts, append=len(regions)))
