"""The frozen partition of a baseline into cells, which windows are counted in too.

Numbers: the baseline's quantiles, snapped to boundaries of its grid, open at both ends. Strings: the most frequent
categories, and one cell for the rest of those seen. Booleans: false and true. What no cell holds (null, unseen
categories, types that the baseline lacks) is for `detectors.comparisons.watch`. Cells are in that order in every vector of
counts, and a part that the baseline lacks has none.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np

from detectors.profiles.alignment import Flags, starts_of_runs
from detectors.profiles.grid import Counts, Grid, Indices
from detectors.profiles.ordering import Floats, Keys, values_of
from detectors.profiles.points import last_keys
from detectors.profiles.profile import Profile
from schemas.codec import encode_text

MOST_CATEGORIES = 30

# How far from a quantile an edge may be, in shares of a bin, to be a rounder number.
_SLACK = 0.1
_ONE = np.uint64(1)
_NONE = np.empty(0, np.intp)


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

    def count_all(self, grids: Sequence[Grid]) -> Counts | None:
        """Shape (w, b): the counts of several grids. None where one has a bucket across an edge. O(k)."""
        at = np.array([grid.keys.searchsorted(self.edges) for grid in grids]).reshape(len(grids), len(self.edges))
        offsets = np.cumsum([0, *(len(grid.keys) for grid in grids)])
        keys, shifts, counts = (np.concatenate([getattr(g, x) for g in grids]) for x in ("keys", "shifts", "counts"))
        before = (offsets[:-1, None] + at)[at > 0] - 1
        if (last_keys(keys[before], shifts[before]) >= np.broadcast_to(self.edges, at.shape)[at > 0]).any():
            return None
        cumulative = np.concatenate([[0], counts.cumsum()])
        bounds = np.concatenate([offsets[:-1, None], offsets[:-1, None] + at, offsets[1:, None]], axis=1)
        found: Counts = np.diff(cumulative[bounds], axis=1)
        return found


@dataclass(frozen=True, slots=True)
class Weighed:
    """A window's categories against the baseline's: `counts`, the window's by cell; `mine` and `theirs`, the counts of both
    as they are tested, in the categories most frequent in both together, unseen ones among them, and of the rest;
    `unseen`, which of the window's buckets the baseline lacks, and `new`, their counts by the baseline's buckets.

    Cells that the baseline's own counts choose would favour it: what is frequent there by chance is less so in the next
    sample. Chosen by the sum, they favour neither.
    """

    counts: Counts
    mine: Counts
    theirs: Counts
    unseen: Indices
    new: Counts


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

    def count_all(self, grids: Sequence[Grid]) -> Counts | None:
        """Shape (w, c): the counts of several grids by cell. None where one has wider buckets. O(l log k)."""
        if any(len(grid.shifts) and grid.shifts[0] > self.shift for grid in grids):
            return None
        keys, counts = (np.concatenate([getattr(grid, name) for grid in grids]) for name in ("keys", "counts"))
        keys = keys >> self.shift << self.shift
        at = np.minimum(self.hashes.searchsorted(keys), len(self.hashes) - 1)
        seen = self.hashes[at] == keys
        width = len(self.labels)
        place = np.repeat(np.arange(len(grids)) * width, [len(grid.keys) for grid in grids]) + self.cell[at]
        return np.bincount(place[seen], counts[seen], len(grids) * width).astype(np.int64).reshape(-1, width)

    def unseen(self, grid: Grid) -> Indices:
        """Which of a grid's buckets the baseline lacks. O(l log k)."""
        return np.flatnonzero(~self._locate(grid)[1])

    def weigh(self, baseline: Grid, current: Grid) -> "Weighed":
        """What of a window's categories is to be compared, see `Weighed`. `baseline` is the grid that these cells are of;
        the window's buckets are no wider. O(k log k)."""
        if len(current.keys) == len(self.hashes) and (current.keys == self.hashes).all():
            counts = np.bincount(self.cell, current.counts, len(self.labels)).astype(np.int64)
            return Weighed(counts, *_most_frequent(baseline.counts, current.counts), _NONE, current.counts[:0])
        at, seen = self._locate(current)
        everything = bool(seen.all())
        held = np.bincount(
            at if everything else at[seen], current.counts if everything else current.counts[seen], len(self.hashes)
        )
        counts = np.bincount(self.cell, held, len(self.labels)).astype(np.int64)
        mine, theirs = baseline.counts, held.astype(np.int64)
        if everything:
            return Weighed(counts, *_most_frequent(mine, theirs), _NONE, theirs[:0])
        unseen = np.flatnonzero(~seen)
        keys, new = _by_bucket(current.keys[unseen] >> self.shift << self.shift, current.counts[unseen])
        order = np.argsort(np.concatenate([self.hashes, keys]))
        mine, theirs = np.concatenate([mine, np.zeros_like(new)])[order], np.concatenate([theirs, new])[order]
        return Weighed(counts, *_most_frequent(mine, theirs), unseen, new)

    def _locate(self, grid: Grid) -> tuple[Indices, Flags]:
        keys = grid.keys >> self.shift << self.shift if self.shift else grid.keys
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

    def with_edges(self, edges: Keys) -> "Cells":
        """The same but for where numbers are split."""
        assert self.numbers is not None
        if edges is self.numbers.edges:
            return self
        numbers, kept = NumericCells(edges), self.labels[len(self.numbers.edges) + 1 :]
        return replace(self, numbers=numbers, labels=(*numbers.labels, *kept))

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

    def count_all(self, profiles: Sequence[Profile]) -> Counts | None:
        """Shape (w, k): the events of several profiles in each cell. None where one of them has buckets wider than the
        baseline's. O(buckets)."""
        parts: list[Counts | None] = [np.empty((len(profiles), 0), np.int64)]
        if self.numbers is not None:
            parts.append(self.numbers.count_all([profile.numbers for profile in profiles]))
        if self.categories is not None:
            parts.append(self.categories.count_all([profile.categories for profile in profiles]))
        if self.booleans:
            parts.append(np.array([profile.booleans for profile in profiles], np.int64).reshape(-1, 2))
        known = [part for part in parts if part is not None]
        return np.concatenate(known, axis=1) if len(known) == len(parts) else None


def quantile_edges(grid: Grid, bins: int) -> Keys:
    """At most `bins - 1` bucket boundaries that split the mass most evenly, ascending. Of the boundaries about as near
    to a quantile, the one with the most trailing zeros: a rounder number, and one that is still a boundary when the
    grid is coarsened. O(k + bins)."""
    below = np.cumsum(grid.counts)[:-1]
    if not len(below):
        return np.empty(0, np.uint64)
    candidates = grid.keys[1:]
    size = grid.total / bins
    return np.unique(candidates[_nearest(below, candidates, size * np.arange(1.0, bins), _SLACK * size)])


def _nearest(below: Counts, candidates: Keys, targets: Floats, slack: float) -> Indices:
    """For each target, shape (t,), which of the boundaries is taken, shape (t,)."""
    after = np.minimum(below.searchsorted(targets), len(below) - 1)
    least = np.minimum(np.abs(below[after] - targets), np.abs(below[np.maximum(after - 1, 0)] - targets))
    allowed = np.maximum(least, slack)
    # One more on each side: sums of floats are rounded, and the distance alone decides.
    first = np.maximum(below.searchsorted(targets - allowed) - 1, 0)
    last = np.minimum(below.searchsorted(targets + allowed, "right") + 1, len(below))
    many = last - first
    target = np.repeat(np.arange(len(targets)), many)
    near = np.arange(len(target)) + np.repeat(first - (many.cumsum() - many), many)
    distances = np.abs(below[near] - targets[target])
    kept = distances <= allowed[target]
    near, target, distances = near[kept], target[kept], distances[kept]
    roundness = candidates[near] & (~candidates[near] + _ONE)
    order = np.lexsort((distances, ~roundness, target))
    found: Indices = near[order][np.searchsorted(target[order], np.arange(len(targets)))]
    return found


def _most_frequent(mine: Counts, theirs: Counts) -> tuple[Counts, Counts]:
    """The counts of both in the categories most frequent in both together, most frequent first, and of the rest."""
    order = np.argsort(-(mine + theirs), kind="stable")
    mine, theirs = mine[order], theirs[order]
    if len(order) <= MOST_CATEGORIES + 1:
        return mine, theirs
    starts = np.arange(MOST_CATEGORIES + 1)
    return np.add.reduceat(mine, starts), np.add.reduceat(theirs, starts)


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
