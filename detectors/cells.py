"""The frozen partition of a baseline into cells, which windows are counted in too.

Numbers: the baseline's quantiles, snapped to boundaries of its grid, open at both ends. Strings: the most frequent
categories, and one cell for the rest of those seen. Booleans: false and true. What no cell holds (null, unseen
categories, types that the baseline lacks) is for `detectors.watch`. Cells are in that order in every vector of
counts, and a part that the baseline lacks has none.
"""

from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from detectors.alignment import Flags, starts_of_runs
from detectors.grid import Counts, Grid, Indices
from detectors.ordering import Floats, Keys, values_of
from detectors.profile import Profile
from schemas.codec import encode_text

MOST_CATEGORIES = 30

# How far from a quantile an edge may be, in shares of a bin, to be a rounder number.
_SLACK = 0.1
_ONE = np.uint64(1)


@dataclass(frozen=True, slots=True)
class NumericCells:
    """Cells of numbers, split at `edges`, shape (b - 1,), keys ascending. A cell holds its lower edge."""

    edges: Keys

    @property
    def values(self) -> Floats:
        """The edges as floats, exactly."""
        return values_of(self.edges)

    @property
    def labels(self) -> tuple[str, ...]:
        names = _names(self.values)
        if not names:
            return ("any number",)
        return (f"< {names[0]}", *(f"[{a}, {b})" for a, b in pairwise(names)), f">= {names[-1]}")

    def count(self, grid: Grid) -> Counts:
        """Shape (b,): the counts of a grid none of whose buckets is across an edge. O(k)."""
        cumulative = np.zeros(len(grid.keys) + 1, np.int64)
        grid.counts.cumsum(out=cumulative[1:])
        bounds = np.zeros(len(self.edges) + 2, np.intp)
        bounds[1:-1] = grid.keys.searchsorted(self.edges)
        bounds[-1] = len(grid.keys)
        below = cumulative[bounds]
        return below[1:] - below[:-1]


@dataclass(frozen=True, slots=True)
class CategoryCells:
    """Cells of categories: `hashes`, shape (k,), are the baseline's buckets, all of one `shift`, and `cell`, shape
    (k,), the cell of each."""

    hashes: Keys
    shift: np.uint8
    cell: Indices
    labels: tuple[str, ...]

    def count(self, grid: Grid) -> Counts:
        """The counts of a grid by cell, without what is unseen. Its buckets are no wider than these. O(l log k)."""
        at, seen = self._locate(grid)
        counts = np.bincount(self.cell[at[seen]], weights=grid.counts[seen], minlength=len(self.labels))
        return counts.astype(np.int64)

    def unseen(self, grid: Grid) -> Indices:
        """Which of a grid's buckets the baseline lacks. O(l log k)."""
        return np.flatnonzero(~self._locate(grid)[1])

    def pooled(self, baseline: Grid, current: Grid) -> tuple[Counts, Counts]:
        """The counts of both, for testing: in the categories most frequent in both together, unseen ones among them,
        and of the rest. Cells that the baseline's own counts choose would favour it: what is frequent there by chance
        is less so in the next sample. Chosen by the sum, they favour neither. O(k log k)."""
        at, seen = self._locate(current)
        keys, counts = _by_bucket(current.keys[~seen] >> self.shift << self.shift, current.counts[~seen])
        mine = np.concatenate([baseline.counts, np.zeros_like(counts)])
        held = np.bincount(at[seen], weights=current.counts[seen], minlength=len(self.hashes)).astype(np.int64)
        theirs = np.concatenate([held, counts])
        order = np.lexsort((np.concatenate([self.hashes, keys]), -(mine + theirs)))
        starts = np.arange(min(len(order), MOST_CATEGORIES + 1))
        return np.add.reduceat(mine[order], starts), np.add.reduceat(theirs[order], starts)

    def _locate(self, grid: Grid) -> tuple[Indices, Flags]:
        keys = grid.keys >> self.shift << self.shift
        at = np.minimum(self.hashes.searchsorted(keys), len(self.hashes) - 1)
        return at, self.hashes[at] == keys


@dataclass(frozen=True, slots=True)
class Cells:
    """All cells of a baseline. `labels` names each, for people to read."""

    numbers: NumericCells | None
    categories: CategoryCells | None
    booleans: bool
    labels: tuple[str, ...]

    @classmethod
    def of(cls, baseline: Profile, bins: int, edges: Keys | None = None) -> "Cells":
        """The cells of a baseline: at most `bins` for its numbers, or split at `edges` where these are given. A value
        with more than a bin's share of the mass makes for fewer. O(buckets)."""
        numbers = categories = None
        if len(baseline.numbers.keys):
            numbers = NumericCells(quantile_edges(baseline.numbers, bins) if edges is None else edges)
        if len(baseline.categories.keys):
            categories = _category_cells(baseline.categories, baseline.labels)
        booleans = any(baseline.booleans)
        labels = (*(numbers.labels if numbers else ()), *(categories.labels if categories else ()))
        return cls(numbers, categories, booleans, (*labels, "false", "true") if booleans else labels)

    def pooled(self, baseline: Profile, current: Profile) -> tuple[Counts, Counts]:
        """The counts of both, each of shape (l,), in the cells that they are tested in: these, but for categories,
        see `CategoryCells.pooled`. O(buckets)."""
        frozen = Cells(self.numbers, None, self.booleans, ())
        mine, theirs = frozen.count(baseline), frozen.count(current)
        if self.categories is None:
            return mine, theirs
        a, b = self.categories.pooled(baseline.categories, current.categories)
        return np.concatenate([mine, a]), np.concatenate([theirs, b])

    def count(self, profile: Profile) -> Counts:
        """Shape (k,): the events of a profile in each cell. Its buckets are no wider than the baseline's. O(buckets)."""
        parts = []
        if self.numbers is not None:
            parts.append(self.numbers.count(profile.numbers))
        if self.categories is not None:
            parts.append(self.categories.count(profile.categories))
        if self.booleans:
            parts.append(np.array(profile.booleans, np.int64))
        return parts[0] if len(parts) == 1 else np.concatenate([np.empty(0, np.int64), *parts])


def quantile_edges(grid: Grid, bins: int) -> Keys:
    """At most `bins - 1` bucket boundaries that split the mass most evenly, ascending. Of the boundaries about as near
    to a quantile, the one with the most trailing zeros: a rounder number, and one that is still a boundary when the
    grid is coarsened. O(k + bins)."""
    below = np.cumsum(grid.counts)[:-1]
    if not len(below):
        return np.empty(0, np.uint64)
    candidates = grid.keys[1:]
    size = grid.total / bins
    return np.unique(
        np.array([candidates[_nearest(below, candidates, size * i, size)] for i in range(1, bins)], np.uint64)
    )


def _nearest(below: Counts, candidates: Keys, target: float, size: float) -> int:
    distances = np.abs(below - target)
    allowed = max(float(distances.min()), _SLACK * size)
    near = np.flatnonzero(distances <= allowed)
    keys = candidates[near]
    roundness = keys & (~keys + _ONE)
    return int(near[np.lexsort((distances[near], ~roundness))[0]])


def _by_bucket(keys: Keys, counts: Counts) -> tuple[Keys, Counts]:
    starts = starts_of_runs(keys)
    return (keys[starts], np.add.reduceat(counts, starts)) if len(starts) < len(keys) else (keys, counts)


def _category_cells(grid: Grid, labels: tuple[str, ...]) -> CategoryCells:
    counts = grid.counts.tolist()
    ranked = sorted(range(len(counts)), key=lambda i: (-counts[i], labels[i]))
    cell = np.full(len(counts), min(len(counts), MOST_CATEGORIES), np.intp)
    cell[ranked[:MOST_CATEGORIES]] = np.arange(min(len(counts), MOST_CATEGORIES))
    several = " etc." if int(grid.shifts[0]) else ""
    names = [encode_text(labels[i]) + several for i in ranked[:MOST_CATEGORIES]]
    rest = ["rest"] if len(counts) > MOST_CATEGORIES else []
    return CategoryCells(grid.keys, grid.shifts[0], cell, (*names, *rest))


def _names(values: Floats) -> list[str]:
    short = [f"{value:.6g}" for value in values.tolist()]
    return short if len(set(short)) == len(short) else [repr(value) for value in values.tolist()]
