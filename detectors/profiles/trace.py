"""The trace: count, exact sum and exact sum of squares of a signal's numbers in each slice of event time.

A window has `SLICES` slices, bounded at `start + i * length // SLICES`, or a divisor of that where it is told more
coarsely. Profiles of different windows have no common slices: they merge after `collapsed()`, which keeps the totals.
Booleans count as 0 and 1.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from detectors.profiles.exact import Cells, ExactSums
from detectors.profiles.grid import Counts
from detectors.profiles.ordering import Floats

SLICES = 60
SEGMENT_SLICES = 12
"""Those of a segment: there are many, with few events each, and the slices are most of what a profile weighs."""

_GREATEST = np.finfo(np.float64).max


def slice_of(offsets_ms: npt.NDArray[np.int64], length_ms: int) -> Cells:
    """The slice of each time, given from its window's start, shape (n,), in [0, length_ms). Integers throughout."""
    return (((offsets_ms + 1) * SLICES - 1) // length_ms).astype(np.intp)


@dataclass(frozen=True, slots=True)
class Trace:
    """`counts`, shape (s,), and sums of s cells: s divides `SLICES`, and is 1 without slices."""

    counts: Counts
    sums: ExactSums
    squares: ExactSums

    @classmethod
    def empty(cls, slices: int = SLICES) -> "Trace":
        return cls(np.zeros(slices, np.int64), ExactSums.zeros(slices), ExactSums.zeros(slices))

    @property
    def slices(self) -> int:
        return len(self.counts)

    def merge(self, other: "Trace") -> "Trace":
        """Slice by slice. Raises ValueError where the numbers of slices differ."""
        if self.slices != other.slices:
            raise ValueError(f"traces of {self.slices} and {other.slices} slices do not merge: collapse both first")
        return Trace(self.counts + other.counts, self.sums.merge(other.sums), self.squares.merge(other.squares))

    def coarsened(self, slices: int) -> "Trace":
        """The same totals in at most so many slices. Raises ValueError where they do not come out even."""
        if self.slices <= slices:
            return self
        if self.slices % slices:
            raise ValueError(f"a trace of {self.slices} slices is no trace of {slices}")
        counts = self.counts.reshape(slices, -1).sum(axis=1)
        return Trace(counts, self.sums.coarsened(slices), self.squares.coarsened(slices))

    def collapsed(self) -> "Trace":
        """The same totals without slices."""
        return self.coarsened(1)


def traces_of(values: Floats, cells: Cells, owners: int, slices: int = SLICES) -> list[Trace]:
    """One trace for each owner; `cells`, shape (n,), are `owner * slices + slice`. A square is rounded to a float
    before it is summed exactly, and is at most the greatest float. O(n + owners)."""
    n = owners * slices
    counts = np.bincount(cells, minlength=n)
    with np.errstate(over="ignore"):
        squares = np.minimum(values * values, _GREATEST)
    sums = ExactSums.of(values, cells, n).split(slices)
    powers = ExactSums.of(squares, cells, n).split(slices)
    return [Trace(*parts) for parts in zip(counts.reshape(owners, slices), sums, powers, strict=True)]
