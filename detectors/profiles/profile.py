"""A profile: the mergeable summary of one signal over some set of events.

It has a part for each type of value it meets. Canonical by law: a pure function of the multiset of (time slice,
value), whatever the order, the batching or the merge tree; `profile(a + b) == profile(a).merge(profile(b))`, as bytes.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import reduce

import numpy as np
import numpy.typing as npt

from detectors.profiles.column import Column, Kind, concatenated
from detectors.profiles.exact import Cells
from detectors.profiles.grid import Caps, Grid, Indices, empty_grid, grids_of, merged
from detectors.profiles.ordering import Floats, Keys, keys_of
from detectors.profiles.trace import SEGMENT_SLICES, SLICES, Trace, traces_of
from detectors.profiles.vocabulary import Vocabulary


@dataclass(frozen=True, slots=True)
class Resolution:
    """How fine a profile is: the caps of its numeric grid, the most categories it tells apart, the most signals
    a group has, and the most slices of its trace."""

    numbers: Caps
    categories: int
    signals: int = 2000
    slices: int = SLICES

    def least(self, other: "Resolution") -> "Resolution":
        """The resolution that both keep to."""
        return Resolution(
            self.numbers.least(other.numbers),
            min(self.categories, other.categories),
            min(self.signals, other.signals),
            min(self.slices, other.slices),
        )


FINE = Resolution(Caps(16, 512), 256)
COARSE = Resolution(Caps(8, 96), 64, slices=SEGMENT_SLICES)

_TOGETHER = 1 << 14
_NO_GRID = empty_grid()
_NO_NUMBERS = (_NO_GRID, math.inf, -math.inf)
_NO_CATEGORIES: tuple[Grid, tuple[str, ...]] = (_NO_GRID, ())


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
            return cls.empty(resolution.slices)
        return profiles_of(column, np.zeros(1, np.intp), slices, resolution, vocabulary)[0]

    def update(self, column: Column, slices: Cells, resolution: Resolution, vocabulary: Vocabulary) -> "Profile":
        """The profile of what this one has seen and `column`."""
        return self.merge(Profile.of(column, slices, resolution, vocabulary), resolution)

    @property
    def met(self) -> bool:
        """Whether any event has the signal."""
        return bool(
            len(self.numbers.keys)
            or len(self.categories.keys)
            or self.null
            or self.not_finite
            or self.other
            or any(self.booleans)
        )

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
        numbers = self.numbers.coarsened(resolution.numbers)
        trace = self.trace.coarsened(resolution.slices)
        return replace(self, numbers=numbers, categories=categories, labels=labels, trace=trace)

    def collapsed(self) -> "Profile":
        """The same profile without time slices, so that profiles of different windows merge."""
        return replace(self, trace=self.trace.collapsed())


def merged_profiles(profiles: Sequence[Profile], resolution: Resolution) -> Profile:
    """The profile of the multisets of all, one at least: what merging them two at a time comes to, and faster. Raises
    ValueError where some have time slices and others none."""
    grids = [p.numbers for p in profiles if len(p.numbers.keys)]
    categories, labels = _labelled(list(profiles), resolution.categories)
    return Profile(
        numbers=merged(grids, resolution.numbers) if grids else empty_grid(),
        least=min(p.least for p in profiles),
        greatest=max(p.greatest for p in profiles),
        categories=categories,
        labels=labels,
        booleans=(sum(p.booleans[0] for p in profiles), sum(p.booleans[1] for p in profiles)),
        null=sum(p.null for p in profiles),
        missing=sum(p.missing for p in profiles),
        not_finite=sum(p.not_finite for p in profiles),
        other=sum(p.other for p in profiles),
        trace=reduce(Trace.merge, (p.trace for p in profiles)),
    )


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


def columns_profiles(
    columns: Sequence[Column], starts: Indices, slices: Cells, resolution: Resolution, vocabulary: Vocabulary
) -> list[list[Profile]]:
    """For each owner of consecutive rows, a profile of each column. The columns have the same rows; for the rest see
    `profiles_of`. Short columns are profiled together: what a call of numpy costs is shared."""
    rows = len(slices)
    many = max(1, _TOGETHER // rows)
    order = sorted(range(len(columns)), key=lambda i: (columns[i].kinds is None, columns[i].hashes is None))
    by_column: list[list[Profile]] = [[]] * len(columns)
    for first in range(0, len(order), many):
        batch = order[first : first + many]
        all_starts = (starts + rows * np.arange(len(batch))[:, None]).ravel()
        together = concatenated([columns[i] for i in batch])
        profiles = profiles_of(together, all_starts, np.tile(slices, len(batch)), resolution, vocabulary)
        for at, i in enumerate(batch):
            by_column[i] = profiles[at * len(starts) : (at + 1) * len(starts)]
    return [list(mine) for mine in zip(*by_column, strict=True)] if columns else [[] for _ in starts]


def profiles_of(
    column: Column, starts: Indices, slices: Cells, resolution: Resolution, vocabulary: Vocabulary
) -> list[Profile]:
    """One profile for each owner of consecutive rows, in one pass over the column.

    `starts`, shape (m,), is where each owner's rows begin (no owner is empty); `slices`, shape (n,), each row's
    time slice of `SLICES`. O(n log n) and a small constant for each owner.
    """
    many, width = len(starts), resolution.slices
    if width < SLICES:
        slices = slices // (SLICES // width)
    owner = np.repeat(np.arange(many), np.diff(starts, append=column.rows))
    if column.kinds is None:
        assert column.numbers is not None
        numeric = _numeric(column.numbers, owner, many, resolution)
        traces = traces_of(column.numbers, owner * width + slices, many, width)
        return [
            Profile(*numbers, _NO_GRID, (), (0, 0), 0, 0, 0, 0, trace)
            for numbers, trace in zip(numeric, traces, strict=True)
        ]
    kinds = np.bincount(owner * len(Kind) + column.kinds, minlength=many * len(Kind)).reshape(-1, len(Kind))
    numeric, categories, traces = [_NO_NUMBERS] * many, [_NO_CATEGORIES] * many, [Trace.empty(width)] * many
    if column.numbers is not None:
        rows = np.flatnonzero(column.kinds == Kind.NUMBER)
        numeric = _numeric(column.numbers[rows], owner[rows], many, resolution)
    if column.hashes is not None:
        rows = np.flatnonzero(column.kinds == Kind.STRING)
        categories = _categorical(column.hashes[rows], owner[rows], many, resolution, vocabulary)
    if kinds[:, : Kind.NULL].sum() > kinds[:, Kind.STRING].sum():
        rows, values = _traced(column)
        traces = traces_of(values, owner[rows] * width + slices[rows], many, width)
    return [
        Profile(*numbers, *named, (no, yes), null, missing, not_finite, other, trace)
        for numbers, named, (_, _, no, yes, null, missing, not_finite, other), trace in zip(
            numeric, categories, kinds.tolist(), traces, strict=True
        )
    ]


def _traced(column: Column) -> tuple[Indices, Floats]:
    """The rows that stand in the trace, and as what: booleans as 0 and 1, beside the numbers there may be."""
    assert column.kinds is not None
    rows = np.flatnonzero((column.kinds <= Kind.TRUE) & (column.kinds != Kind.STRING))
    kinds = column.kinds[rows]
    values = (kinds == Kind.TRUE).astype(np.float64)
    if column.numbers is not None:
        values = np.where(kinds == Kind.NUMBER, column.numbers[rows], values)
    return rows, values


def _numeric(values: Floats, owner: Cells, many: int, resolution: Resolution) -> list[tuple[Grid, float, float]]:
    """For each owner, the grid of its values, the least and the greatest; `owner`, shape (n,), ascending."""
    found = [_NO_NUMBERS] * many
    if not len(values):
        return found
    starts = np.flatnonzero(np.diff(owner, prepend=-1))
    keys = _sorted(keys_of(values), starts)
    least, greatest = np.minimum.reduceat(values, starts) + 0.0, np.maximum.reduceat(values, starts) + 0.0
    grids = grids_of(keys, starts, resolution.numbers)
    for who, grid, low, high in zip(owner[starts].tolist(), grids, least.tolist(), greatest.tolist(), strict=True):
        found[who] = (grid, low, high)
    return found


def _categorical(
    hashes: Keys, owner: Cells, many: int, resolution: Resolution, vocabulary: Vocabulary
) -> list[tuple[Grid, tuple[str, ...]]]:
    """For each owner, the grid of its hashes and the labels; `owner`, shape (n,), ascending."""
    found = [_NO_CATEGORIES] * many
    if not len(hashes):
        return found
    starts = np.flatnonzero(np.diff(owner, prepend=-1))
    hashes = _sorted(hashes, starts)
    news = np.append(np.flatnonzero((np.diff(hashes, prepend=~hashes[:1]) != 0) | _marked(starts, len(hashes))), 0)
    names = [vocabulary.labels[key] for key in hashes[news[:-1]].tolist()]
    bounds = np.append(np.searchsorted(news[:-1], starts), len(names)).tolist()
    grids = grids_of(hashes, starts, Caps(1, resolution.categories))
    for i, (who, grid) in enumerate(zip(owner[starts].tolist(), grids, strict=True)):
        lo, hi = bounds[i], bounds[i + 1]
        labels = (
            tuple(names[lo:hi]) if hi - lo == len(grid.keys) else least_labels(grid, hashes[news[lo:hi]], names[lo:hi])
        )
        found[who] = (grid, labels)
    return found


def _sorted(keys: Keys, starts: Indices) -> Keys:
    """The keys, sorted in place within each owner's."""
    ends = np.append(starts[1:], len(keys))
    for lo, hi in zip(starts.tolist(), ends.tolist(), strict=True):
        keys[lo:hi].sort()
    return keys


def _marked(places: Indices, n: int) -> npt.NDArray[np.bool_]:
    marks = np.zeros(n, bool)
    marks[places] = True
    return marks
