"""Many tables of counts at once: each has two rows, reference and current, over the same cells.

All cells stand in one array, table after table. A sum over a table's cells runs over them alone and in their order, so
that a table's figures do not depend on those beside it.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from detectors.profiles.alignment import Flags
from detectors.profiles.grid import Counts, Indices
from detectors.profiles.ordering import Floats

# Five is the usual rule. With just five in the least of three cells, G exceeds a level of 1 % by two thirds against a
# much larger sample, where no count at all is too likely; with six it does not (simulated).
LEAST_EXPECTED = 6.0


@dataclass(frozen=True, slots=True)
class Tables:
    """`reference` and `current`, shape (c,), are the counts, `starts`, shape (t,), where each table's cells begin; none
    is without cells. `n` and `m`, shape (t,), are the sizes of the samples, `k` the numbers of cells."""

    reference: Counts
    current: Counts
    starts: Indices
    k: Indices = field(init=False)
    n: Counts = field(init=False)
    m: Counts = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "k", np.diff(self.starts, append=len(self.reference)))
        for name, counts in (("n", self.reference), ("m", self.current)):
            object.__setattr__(self, name, np.add.reduceat(counts, self.starts) if len(self.starts) else counts[:0])

    @classmethod
    def of(cls, reference: Sequence[Counts], current: Sequence[Counts]) -> "Tables":
        """The tables of pairs of vectors, each of at least one cell. Raises ValueError where their shapes differ."""
        if not reference:
            return cls(np.empty(0, np.int64), np.empty(0, np.int64), np.empty(0, np.intp))
        sizes = [len(counts) for counts in reference]
        for a, b in zip(reference, current, strict=True):
            if a.shape != b.shape:
                raise ValueError(f"vectors over the same cells must have the same shape, got {a.shape} and {b.shape}")
        starts = np.cumsum([0, *sizes[:-1]])
        return cls(np.concatenate(reference), np.concatenate(current), starts)

    @classmethod
    def of_rows(cls, reference: Counts, current: Counts) -> "Tables":
        """One table for each row of two matrices, shape (t, k), k at least 1."""
        return cls(reference.ravel(), current.ravel(), np.arange(len(reference)) * reference.shape[1])

    def at(self, some: Flags) -> "Tables":
        """The tables where `some`, shape (t,), is true."""
        if some.all():
            return self
        held = np.repeat(some, self.k)
        return Tables(self.reference[held], self.current[held], (np.cumsum(self.k * some) - self.k)[some])

    def sums(self, values: Floats) -> Floats:
        """Shape (t,): the sum over each table's cells of `values`, shape (c,)."""
        sums: Floats = np.add.reduceat(values, self.starts) if len(self.starts) else values[:0]
        return sums

    def spread(self, values: Floats | Counts) -> Floats:
        """Shape (c,): each table's value at each of its cells."""
        return np.repeat(values, self.k).astype(np.float64)

    def merged(self) -> tuple["Tables", Floats]:
        """The tables with cells merged into their neighbours until the smaller sample can expect `LEAST_EXPECTED` in
        each, by the pooled shares; a last cell that falls short joins the one before. And the scarcity of each, the mean
        over cells of 1 / expected count in the smaller sample. Under the null the pooled counts are fixed by
        conditioning, so merging by them costs no level. At least one cell remains. O(c)."""
        if not len(self.starts):
            return self, np.empty(0)
        both = self.reference + self.current
        per_expected = (self.n + self.m) / np.maximum(1, np.minimum(self.n, self.m))
        needed = np.maximum(1.0, LEAST_EXPECTED * per_expected)
        table = self
        short = np.flatnonzero(np.minimum.reduceat(both, self.starts) < needed)
        if len(short):
            cells = self._cells(both, short, needed)
            reference, current, both = (np.add.reduceat(x, cells) for x in (self.reference, self.current, both))
            table = Tables(reference, current, cells.searchsorted(self.starts))
        scarcity = table.sums(table.spread(per_expected) / np.maximum(both, 1)) / table.k
        return table, scarcity

    def halved(self, merged: "Tables") -> tuple["Tables", Flags]:
        """`merged`, which are these tables merged, with those of one cell split in two by `minority`, the minority second,
        where these have several cells with counts; and which those are, shape (t,)."""
        some = merged.k == 1
        if not some.any():
            return merged, some
        both = self.reference + self.current
        some &= (np.add.reduceat((both > 0).astype(np.int64), self.starts) > 1) & (self.n > 0) & (self.m > 0)
        places, ends = np.flatnonzero(some).tolist(), self.starts + self.k
        if not places:
            return merged, some
        few = []
        for at in places:
            begin, end = self.starts[at], ends[at]
            minor = minority(both[begin:end])
            few.append((self.reference[begin:end][minor].sum(), self.current[begin:end][minor].sum()))
        columns = []
        for counts, part in zip((merged.reference, merged.current), np.array(few).T, strict=True):
            rest = counts.copy()
            rest[merged.starts[places]] -= part
            columns.append(np.insert(rest, merged.starts[places] + 1, part))
        return Tables(columns[0], columns[1], merged.starts + np.cumsum(some) - some), some

    def _cells(self, both: Counts, short: Indices, needed: Floats) -> Indices:
        """Where the cells begin once those of the tables in `short` are merged."""
        kept = np.ones(len(both), np.bool_)
        ends = self.starts + self.k
        for at, least in zip(short.tolist(), needed[short].tolist(), strict=True):
            begin, end = self.starts[at], ends[at]
            kept[begin:end] = False
            kept[begin + _starts(both[begin:end].tolist(), least)] = True
        return kept.nonzero()[0]


def minority(counts: Counts) -> Flags:
    """Which of a table's cells, of which several have counts, to hold against the others where there are too few events for
    more: all but one that has most, or a side of the most even cut, the lesser one. Counts of both samples decide, so the
    choice favours neither."""
    total, top = counts.sum(), int(counts.argmax())
    if 2 * counts[top] >= total:
        others: Flags = np.arange(len(counts)) != top
        return others
    below = counts.cumsum()[:-1]
    cut = int(np.abs(2 * below - total).argmin())
    first: Flags = np.arange(len(counts)) <= cut
    return first if 2 * below[cut] <= total else ~first


def _starts(both: list[int], needed: float) -> Indices:
    starts, held = [0], 0
    for cell, count in enumerate(both):
        if held >= needed:
            starts.append(cell)
            held = 0
        held += count
    if held < needed and len(starts) > 1:
        starts.pop()
    return np.array(starts, np.intp)
