"""Two distributions of numbers walked along together: KS, Wasserstein, medians and the counts in cells.

Each window is walked along its baseline's ladder, on the common grid of both. What a window has beside the rungs,
values new to the baseline or in its sparse regions, are strays: few, and followed by `detectors.references.strays`.

With F and G the shares of baseline and window below a point, KS is the greatest |F - G| at a boundary of the common
grid. Within a bucket that may hold several values G may lag or lead by its mass there, so that D of the values is at
most the greatest of F after it less G before it, and of G after it less F before it. The Wasserstein-1 distance is the
sum of |F - G| times the way to the next point.

Windows are walked end to end, as many at a time as a cache holds. Counts add up as integers, and floats over one
window's rungs alone, so that a window's figures do not depend on those beside it.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from detectors.profiles.grid import Counts, Grid
from detectors.profiles.ordering import Floats
from detectors.references.ladder import Ladder
from detectors.references.path import Path
from detectors.references.strays import Figures, Strays

_TOGETHER = 1 << 15
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
        walks = [_walk(ladders[begin:end], grids[begin:end], begin) for begin, end in _stages(ladders)]
        figures = Figures._make(map(np.concatenate, zip(*(found for found, _, _ in walks), strict=True)))
        strays = Strays._make(map(np.concatenate, zip(*(met for _, met, _ in walks), strict=True)))
        with np.errstate(over="ignore"):  # distances beyond the floats are infinite
            strays.correct(figures, ladders)
            scaled = figures.moved / np.array([ladder.spread for ladder in ladders])
        ks = np.maximum(figures.highest, -figures.lowest)
        resolution = np.maximum(np.maximum(figures.high, -figures.low) - ks, 0.0)
        n = np.array([ladder.total for ladder in ladders], np.int64)
        counts = [one for _, _, some in walks for one in some]
        return cls(n, figures.total, figures.median, ks, resolution, figures.moved, scaled, counts)


def _stages(ladders: Sequence[Ladder]) -> Iterator[tuple[int, int]]:
    """Runs of ladders, from and to, of about so many rungs."""
    begin = rungs = 0
    for end, ladder in enumerate(ladders):
        if rungs > _TOGETHER:
            yield begin, end
            begin, rungs = end, 0
        rungs += len(ladder.shares)
    yield begin, len(ladders)


def _walk(ladders: Sequence[Ladder], grids: Sequence[Grid], first: int) -> tuple[Figures, Strays, list[Counts]]:
    """The figures without the strays that the baseline has not, the strays, and the counts in cells. `first` is the
    number of the first window."""
    path = Path.of(ladders, grids)
    strays = path.strays(ladders, grids)
    before = path.before()
    lead = path.shares - before
    highest, lowest = np.maximum.reduceat(lead, path.bases), np.minimum.reduceat(lead, path.bases)
    high, low = _bounds(path, ladders, before, highest, lowest)
    moved = _distances(path, lead, strays)
    figures = Figures(path.total, path.medians(), highest, lowest, high, low, moved)
    local = strays._replace(owner=strays.owner + first, rungs=strays.rungs - path.bases[strays.owner])
    return figures, local, path.counts(ladders)


def _bounds(
    path: Path, ladders: Sequence[Ladder], before: Floats, highest: Floats, lowest: Floats
) -> tuple[Floats, Floats]:
    """The most and the least that F - G of the values may be, in dense stretches."""
    high, low = highest.copy(), lowest.copy()
    many = [len(ladder.dense.runs) for ladder in ladders]
    runs = np.concatenate([ladder.dense.runs for ladder in ladders]) + path.bases.repeat(many)[:, None]
    if len(runs):
        owner = np.arange(len(ladders)).repeat(many)
        apart = np.zeros(len(before))
        np.subtract(path.shares[1:], before[:-1], out=apart[:-1])
        np.maximum.at(high, owner, np.maximum.reduceat(apart, runs.ravel())[::2])
        np.subtract(path.shares[:-1], before[1:], out=apart[:-1])
        np.minimum.at(low, owner, np.minimum.reduceat(apart, runs.ravel())[::2])
    return high, low


def _distances(path: Path, lead: Floats, strays: Strays) -> Floats:
    """The sum of |F - G| times the way to the next rung, without that from a rung that new values follow. Overwrites
    `lead`."""
    points = path.points
    last = np.append(path.bases[1:], len(points)) - 1
    far = np.maximum(-points[path.bases], points[last]) > _HUGE
    if far.any():
        points = points * np.where(far, 0.5, 1.0).repeat(last + 1 - path.bases)
    np.abs(lead, out=lead)
    ways = np.subtract(points[1:], points[:-1])
    ways *= lead[1:]
    new = strays.rungs[~strays.held]
    ways[new[new > 0] - 1] = 0.0
    sums = [ways[begin:end].sum() for begin, end in zip(path.bases.tolist(), (last - 1).tolist(), strict=True)]
    return np.array(sums) * np.where(far, 2.0, 1.0)
