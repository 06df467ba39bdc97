"""Slices of many signals' traces as columns: means and counts, without those that say nothing.

Exact sums become floats here, to the nearest, many at once: one addition of two floats is exact to the nearest, and of
three or more the rounded sum is checked against what was left over. What that cannot decide is done in whole numbers.
"""

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from detectors.profiles.exact import DIGIT_BITS, ExactSums
from detectors.profiles.grid import Counts, Indices
from detectors.profiles.ordering import Floats
from detectors.profiles.trace import Trace

Slice = tuple[float, int]
"""The mean of a slice's values, and their number."""

Steps = tuple[Slice, ...]

REMEMBERED = 120
LEAST_REMEMBERED = 36
"""Of a segment, whose windows have few slices: there are many."""

_EXACT_DIGIT = 1 << 53
_SLACK = 2.0**-40
# Beyond these powers a digit times its weight is no float, or not an exact one.
_LEAST_POWER, _GREATEST_POWER = -960, 900


@dataclass(frozen=True, slots=True)
class Sums:
    """Of each trace: the sum of each slice, shape (n, s), the total, shape (n,), and the counts, shape (n, s)."""

    slices: Floats
    totals: Floats
    counts: Counts


def sums_of(traces: Sequence[Trace]) -> Sums:
    """The sums of traces of equally many slices, each the nearest float; infinity beyond the range. O(n s)."""
    width = traces[0].slices if traces else 0
    values = np.zeros((len(traces), width + 1))
    alike: dict[tuple[int, int], list[int]] = {}
    for row, trace in enumerate(traces):
        if trace.sums.digits.shape[1]:
            alike.setdefault((trace.sums.low, trace.sums.digits.shape[1]), []).append(row)
    for (low, columns), rows in alike.items():
        digits = np.empty((len(rows), width + 1, columns), np.int64)
        np.stack([traces[row].sums.digits for row in rows], out=digits[:, :width])
        digits[:, :width].sum(axis=1, out=digits[:, width])
        values[rows] = _nearest(low, digits.reshape(-1, columns)).reshape(len(rows), -1)
    counts = np.array([trace.counts for trace in traces], np.int64).reshape(len(traces), width)
    return Sums(values[:, :width], values[:, width], counts)


def _nearest(low: int, digits: npt.NDArray[np.int64]) -> Floats:
    """Shape (n,): the nearest float to the sum of `digits`, shape (n, d), d at least 1, of weight 2**(32 (low + j))."""
    powers = DIGIT_BITS * (low + np.arange(digits.shape[1]))
    if powers[0] < _LEAST_POWER or powers[-1] > _GREATEST_POWER:
        return ExactSums(low, digits).values()
    parts: Floats = digits.astype(np.float64) * np.ldexp(1.0, powers)
    total = parts[:, -1]
    left, size = np.zeros((2, len(total)))
    for column in range(digits.shape[1] - 2, -1, -1):
        total, error = _two_sum(total, parts[:, column])
        left, size = left + error, size + np.abs(error)
    rounded, rest = _two_sum(total, left)
    unsure = (np.abs(digits) >= _EXACT_DIGIT).any(axis=1)
    if digits.shape[1] > 2:
        unsure |= _near_a_tie(rounded, np.abs(rest) + _SLACK * size)
    rows = np.flatnonzero(unsure)
    if len(rows):
        rounded[rows] = ExactSums(low, digits[rows]).values()
    return rounded


def _two_sum(a: Floats, b: Floats) -> tuple[Floats, Floats]:
    """The rounded sum, and exactly what rounding took from it. Knuth 1969."""
    total = a + b
    virtual = total - a
    return total, (a - (total - virtual)) + (b - virtual)


def _near_a_tie(rounded: Floats, rest: Floats) -> npt.NDArray[np.bool_]:
    """Where what rounding took away, shape (n,), may be half the distance to the next float or more."""
    mantissa, _ = np.frexp(rounded)
    distance = np.where(np.abs(mantissa) == 0.5, 0.5, 1.0) * np.spacing(np.abs(rounded))
    return rest >= (0.5 - _SLACK) * distance


@dataclass(frozen=True, slots=True)
class Rows:
    """Steps of n signals as a matrix: `means` and `counts`, shape (n, width), each row from its first column on and then
    zeros, and how many steps each has, `lengths`, shape (n,)."""

    means: Floats
    counts: Floats
    lengths: Indices

    @classmethod
    def of(cls, some: Iterable[Sequence[Slice]], width: int) -> "Rows":
        """The last `width` steps of each signal, without those that are not finite. O(n width)."""
        lists = [[pair for pair in steps if abs(pair[0]) < math.inf][-width:] for steps in some]
        lengths = np.array([len(steps) for steps in lists], np.intp)
        flat = np.array([pair for steps in lists for pair in steps], np.float64).reshape(-1, 2)
        means, counts = np.zeros((2, len(lists), width))
        held = np.arange(width) < lengths[:, None]
        means[held], counts[held] = flat.T
        return cls(means, counts, lengths)

    @classmethod
    def of_sums(cls, sums: Sums) -> "Rows":
        """The steps of each trace: mean and count of each slice that has any, and whose sum is not beyond the floats."""
        held = (sums.counts > 0) & np.isfinite(sums.slices)
        lengths = held.sum(axis=1)
        means = np.where(held, sums.slices, 0.0) / np.maximum(sums.counts, 1)
        counts = np.where(held, sums.counts, 0).astype(np.float64)
        if ((lengths > 0) & (lengths < held.shape[1])).any():
            order = np.argsort(~held, axis=1, kind="stable")
            means, counts = np.take_along_axis(means, order, axis=1), np.take_along_axis(counts, order, axis=1)
        return cls(means, counts, lengths)

    def sizes(self) -> Counts:
        """Shape (n,): how many values the steps of each row have."""
        sizes: Counts = self.counts.astype(np.int64).sum(axis=1)
        return sizes

    def steps(self) -> list[Steps]:
        """The steps of each row."""
        rows = zip(self.means.tolist(), self.counts.astype(np.int64).tolist(), self.lengths.tolist(), strict=True)
        return [tuple(zip(x[:length], n[:length], strict=True)) for x, n, length in rows]

    def columns(self) -> list[tuple[list[float], list[int]]]:
        """The means and the counts of each row's steps."""
        rows = zip(self.means.tolist(), self.counts.astype(np.int64).tolist(), self.lengths.tolist(), strict=True)
        return [(x[:length], n[:length]) for x, n, length in rows]

    def then(self, other: "Rows") -> "Rows":
        """Each row followed by the other's of the same place; the width is that of both."""
        lengths = self.lengths + other.lengths
        if (self.lengths == self.means.shape[1]).all():
            means, counts = np.hstack([self.means, other.means]), np.hstack([self.counts, other.counts])
            return Rows(means, counts, lengths)
        width = self.means.shape[1] + other.means.shape[1]
        means, counts = np.zeros((2, len(self.lengths), width))
        at = self.lengths[:, None] + np.arange(other.means.shape[1])
        for mine, theirs, out in ((self.means, other.means, means), (self.counts, other.counts, counts)):
            out[:, : mine.shape[1]] = mine
            np.put_along_axis(out, at, theirs, axis=1)
        return Rows(means, counts, lengths)

    def last(self, width: int) -> "Rows":
        """The last `width` steps of each row, in a matrix of that width."""
        if width > self.means.shape[1]:
            more = ((0, 0), (0, width - self.means.shape[1]))
            return Rows(np.pad(self.means, more), np.pad(self.counts, more), self.lengths)
        if (self.lengths == self.means.shape[1]).all() and width <= self.means.shape[1]:
            return Rows(
                self.means[:, -width:].copy(), self.counts[:, -width:].copy(), np.full(len(self.lengths), width)
            )
        from_ = np.maximum(self.lengths - width, 0)
        at = np.minimum(from_[:, None] + np.arange(width), self.means.shape[1] - 1)
        held = np.arange(width) < (self.lengths - from_)[:, None]
        means, counts = (np.take_along_axis(table, at, axis=1) * held for table in (self.means, self.counts))
        return Rows(means, counts, self.lengths - from_)

    def at(self, rows: Indices) -> "Rows":
        """The rows of those numbers; -1 is a row without steps."""
        if len(rows) == len(self.lengths) and (rows == np.arange(len(rows))).all():
            return self
        known = (rows >= 0).nonzero()[0]
        means, counts = np.zeros((2, len(rows), self.means.shape[1]))
        lengths = np.zeros(len(rows), np.intp)
        for column, mine in ((means, self.means), (counts, self.counts), (lengths, self.lengths)):
            column[known] = mine[rows[known]]
        return Rows(means, counts, lengths)


class Remembered(Mapping[str, Steps]):
    """The last steps of each signal by name, in order of the names, held as a matrix: as tuples they would take six
    times the memory."""

    def __init__(self, names: Sequence[str], rows: Rows) -> None:
        self._places = {name: place for place, name in enumerate(names)}
        self._rows = rows

    @classmethod
    def of(cls, steps: Mapping[str, Iterable[Slice]]) -> "Remembered":
        """The same, of steps read back from a record."""
        rows = [tuple(some)[-REMEMBERED:] for some in steps.values()]
        return cls(list(steps), Rows.of(rows, max(map(len, rows), default=0)))

    @classmethod
    def nothing(cls) -> "Remembered":
        return cls.of({})

    def __getitem__(self, name: str) -> Steps:
        return self._rows.at(np.array([self._places[name]])).steps()[0]

    def __iter__(self) -> Iterator[str]:
        return iter(self._places)

    def __len__(self) -> int:
        return len(self._places)

    def to_json(self) -> dict[str, tuple[list[float], list[int]]]:
        """Of each signal the means and the counts: as pairs they would take three times as long to write."""
        return dict(zip(self._places, self._rows.columns(), strict=True))

    def rows_of(self, names: Iterable[str]) -> Rows:
        """The steps of these signals as a matrix; a signal that is not known has none."""
        return self._rows.at(np.array([self._places.get(name, -1) for name in names], np.intp))

    def after(self, names: Sequence[str], new: Rows) -> "Remembered":
        """What is remembered after the new steps of these signals: twice as many as a window has, within bounds."""
        everyone = sorted({*self._places, *names})
        places = {name: place for place, name in enumerate(names)}
        added = new.at(np.array([places.get(name, -1) for name in everyone], np.intp))
        slices = new.means.shape[1]
        width = min(REMEMBERED, max(LEAST_REMEMBERED, 2 * slices)) if slices else self._rows.means.shape[1]
        return Remembered(everyone, self.rows_of(everyone).then(added).last(width))
