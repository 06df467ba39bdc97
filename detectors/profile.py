"""A profile: the mergeable summary of one signal over some set of events.

It has a part for each type of value it meets. Canonical by law: a pure function of the multiset of (time slice,
value), whatever the order, the batching or the merge tree; `profile(a + b) == profile(a).merge(profile(b))`, as bytes.
"""

import math
from dataclasses import dataclass, replace

import numpy as np

from detectors.column import Column, Kind
from detectors.exact import Cells
from detectors.grid import Caps, Grid, Indices, empty_grid, grids_of, merged
from detectors.ordering import Floats, Keys, keys_of
from detectors.trace import SLICES, Trace, traces_of
from detectors.vocabulary import Vocabulary


@dataclass(frozen=True, slots=True)
class Resolution:
    """How fine a profile is: the caps of its numeric grid, the most categories it tells apart, and the most signals
    a group has."""

    numbers: Caps
    categories: int
    signals: int = 2000

    def least(self, other: "Resolution") -> "Resolution":
        """The resolution that both keep to."""
        signals = min(self.signals, other.signals)
        return Resolution(self.numbers.least(other.numbers), min(self.categories, other.categories), signals)


FINE = Resolution(Caps(16, 512), 256)
COARSE = Resolution(Caps(8, 96), 64)


@dataclass(frozen=True, slots=True)
class Profile:
    """Counts of one signal by type of value. `least` and `greatest` are infinity and -infinity without numbers.

    `categories` counts strings by hash, coarsened by dropping low bits; `labels` holds the least string of each
    bucket. Booleans are (false, true). `missing` counts events that lack the signal.
    """

    numbers: Grid
    least: float
    greatest: float
    categories: Grid
    labels: tuple[str, ...]
    booleans: tuple[int, int]
    null: int
    missing: int
    not_finite: int
    other: int
    trace: Trace

    @classmethod
    def empty(cls, slices: int = SLICES) -> "Profile":
        return cls(empty_grid(), math.inf, -math.inf, empty_grid(), (), (0, 0), 0, 0, 0, 0, Trace.empty(slices))

    @classmethod
    def of(cls, column: Column, slices: Cells, resolution: Resolution, vocabulary: Vocabulary) -> "Profile":
        """The profile of one column; `slices`, shape (n,), is each row's time slice. O(n log n)."""
        if not column.rows:
            return cls.empty()
        return profiles_of(column, np.zeros(1, np.intp), slices, resolution, vocabulary)[0]

    def update(self, column: Column, slices: Cells, resolution: Resolution, vocabulary: Vocabulary) -> "Profile":
        """The profile of what this one has seen and `column`."""
        return self.merge(Profile.of(column, slices, resolution, vocabulary), resolution)

    @property
    def present(self) -> int:
        """Events that have the signal, whatever its value."""
        return self.count - self.missing

    @property
    def count(self) -> int:
        strings = self.categories.total + sum(self.booleans)
        return self.numbers.total + strings + self.null + self.missing + self.not_finite + self.other

    def merge(self, other: "Profile", resolution: Resolution) -> "Profile":
        """The profile of both multisets. Raises ValueError where one has time slices and the other none."""
        categories, labels = _merged_categories(self, other, resolution.categories)
        return Profile(
            numbers=self.numbers.merge(other.numbers, resolution.numbers),
            least=min(self.least, other.least),
            greatest=max(self.greatest, other.greatest),
            categories=categories,
            labels=labels,
            booleans=(self.booleans[0] + other.booleans[0], self.booleans[1] + other.booleans[1]),
            null=self.null + other.null,
            missing=self.missing + other.missing,
            not_finite=self.not_finite + other.not_finite,
            other=self.other + other.other,
            trace=self.trace.merge(other.trace),
        )

    def coarsened(self, resolution: Resolution) -> "Profile":
        """The same multiset at a lower resolution."""
        categories, labels = _labelled([self], resolution.categories)
        numbers = merged([self.numbers], resolution.numbers) if len(self.numbers.keys) else self.numbers
        return replace(self, numbers=numbers, categories=categories, labels=labels)

    def collapsed(self) -> "Profile":
        """The same profile without time slices, so that profiles of different windows merge."""
        return replace(self, trace=self.trace.collapsed())


def _merged_categories(a: Profile, b: Profile, cap: int) -> tuple[Grid, tuple[str, ...]]:
    if not a.labels:
        return b.categories, b.labels
    if not b.labels:
        return a.categories, a.labels
    return _labelled([a, b], cap)


def _labelled(profiles: list[Profile], cap: int) -> tuple[Grid, tuple[str, ...]]:
    grids = [p.categories for p in profiles if p.labels]
    if not grids:
        return empty_grid(), ()
    grid = merged(grids, Caps(1, cap))
    names = [label for p in profiles for label in p.labels]
    return grid, least_labels(grid, np.concatenate([g.keys for g in grids]), names)


def least_labels(grid: Grid, keys: Keys, names: list[str]) -> tuple[str, ...]:
    """The least name of each bucket of `grid`, for the names of `keys` that fall into it. O(k)."""
    labels: list[str | None] = [None] * len(grid.keys)
    for bucket, name in zip((np.searchsorted(grid.keys, keys, "right") - 1).tolist(), names, strict=True):
        known = labels[bucket]
        labels[bucket] = name if known is None or name < known else known
    return tuple("" if label is None else label for label in labels)


def profiles_of(
    column: Column, starts: Indices, slices: Cells, resolution: Resolution, vocabulary: Vocabulary
) -> list[Profile]:
    """One profile for each owner of consecutive rows, in one pass over the column.

    `starts`, shape (m,), is where each owner's rows begin (no owner is empty); `slices`, shape (n,), each row's
    time slice. O(n log n) and a small constant for each owner.
    """
    profiles = [Profile.empty()] * len(starts)
    owner = np.repeat(np.arange(len(starts)), np.diff(starts, append=column.rows))
    if column.kinds is None:
        assert column.numbers is not None
        return _with_numbers(profiles, column.numbers, owner, slices, resolution)
    kinds = np.bincount(owner * len(Kind) + column.kinds, minlength=len(starts) * len(Kind)).reshape(-1, len(Kind))
    profiles = [_counted(counts) for counts in kinds.tolist()]
    if column.hashes is not None:
        rows = np.flatnonzero(column.kinds == Kind.STRING)
        profiles = _with_categories(profiles, column.hashes[rows], owner[rows], resolution, vocabulary)
    traced = np.flatnonzero(column.kinds <= Kind.TRUE) if kinds[:, Kind.FALSE : Kind.NULL].any() else None
    if traced is None and column.numbers is not None:
        rows = np.flatnonzero(column.kinds == Kind.NUMBER)
        return _with_numbers(profiles, column.numbers[rows], owner[rows], slices[rows], resolution)
    if traced is not None:
        return _with_booleans(profiles, column, owner, slices, resolution)
    return profiles


def _counted(kinds: list[int]) -> Profile:
    return replace(
        Profile.empty(),
        booleans=(kinds[Kind.FALSE], kinds[Kind.TRUE]),
        null=kinds[Kind.NULL],
        missing=kinds[Kind.MISSING],
        not_finite=kinds[Kind.NOT_FINITE],
        other=kinds[Kind.OTHER],
    )


def _with_booleans(
    profiles: list[Profile], column: Column, owner: Cells, slices: Cells, resolution: Resolution
) -> list[Profile]:
    """Booleans stand in the trace as 0 and 1, beside the numbers there may be."""
    assert column.kinds is not None
    numbers = np.zeros(column.rows) if column.numbers is None else column.numbers
    numeric = column.kinds == Kind.NUMBER
    rows = np.flatnonzero(numeric)
    if len(rows):
        profiles = _with_numbers(profiles, numbers[rows], owner[rows], slices[rows], resolution)
    both = np.flatnonzero(numeric | (column.kinds == Kind.FALSE) | (column.kinds == Kind.TRUE))
    values = np.where(column.kinds[both] == Kind.TRUE, 1.0, np.where(numeric[both], numbers[both], 0.0))
    return _with_traces(profiles, values, owner[both], slices[both])


def _with_numbers(
    profiles: list[Profile], values: Floats, owner: Cells, slices: Cells, resolution: Resolution
) -> list[Profile]:
    if not len(values):
        return profiles
    starts = np.flatnonzero(np.diff(owner, prepend=-1))
    keys = keys_of(values)
    ends = np.append(starts[1:], len(keys))
    for lo, hi in zip(starts.tolist(), ends.tolist(), strict=True):
        keys[lo:hi].sort()
    least, greatest = np.minimum.reduceat(values, starts) + 0.0, np.maximum.reduceat(values, starts) + 0.0
    profiles = _with_traces(profiles, values, owner, slices)
    grids = grids_of(keys, starts, resolution.numbers)
    for i, (who, grid) in enumerate(zip(owner[starts].tolist(), grids, strict=True)):
        profiles[who] = replace(profiles[who], numbers=grid, least=float(least[i]), greatest=float(greatest[i]))
    return profiles


def _with_traces(profiles: list[Profile], values: Floats, owner: Cells, slices: Cells) -> list[Profile]:
    traces = traces_of(values, owner * SLICES + slices, len(profiles))
    return [replace(p, trace=t) for p, t in zip(profiles, traces, strict=True)]


def _with_categories(
    profiles: list[Profile], hashes: Keys, owner: Cells, resolution: Resolution, vocabulary: Vocabulary
) -> list[Profile]:
    if not len(hashes):
        return profiles
    starts = np.flatnonzero(np.diff(owner, prepend=-1))
    ends = np.append(starts[1:], len(hashes))
    for lo, hi in zip(starts.tolist(), ends.tolist(), strict=True):
        hashes[lo:hi].sort()
    grids = grids_of(hashes, starts, Caps(1, resolution.categories))
    for lo, hi, who, grid in zip(starts.tolist(), ends.tolist(), owner[starts].tolist(), grids, strict=True):
        seen = hashes[lo:hi][np.flatnonzero(np.diff(hashes[lo:hi], prepend=~hashes[lo : lo + 1]))]
        names = [vocabulary.labels[key] for key in seen.tolist()]
        profiles[who] = replace(profiles[who], categories=grid, labels=least_labels(grid, seen, names))
    return profiles
