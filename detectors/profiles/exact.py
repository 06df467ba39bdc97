"""Exact, mergeable sums of floats.

Each float64 is split into digits in base 2**32 at fixed positions (digit j counts multiples of 2**(32 j), nearest
first, so a digit is at most 2**31 either way), and digits are summed as integers. The digits of a value depend on
the value alone, so sums are the same whatever the order or the grouping. The extraction `(sigma + x) - sigma` is
error-free (Rump, Ogita, Oishi 2008, "Accurate floating-point summation").
"""

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from detectors.profiles.ordering import Floats

Digits = npt.NDArray[np.int64]
Cells = npt.NDArray[np.intp]

DIGIT_BITS = 32
MOST_VALUES = 1 << 21
_HIGHEST = 30
_HUGE = 2.0**960


@dataclass(frozen=True, slots=True)
class ExactSums:
    """One exact sum for each cell: `digits`, shape (cells, d), of weight 2**(32 (low + column)).

    Canonical: the first and the last column are never all zero; no columns at all when every sum is zero.
    """

    low: int
    digits: Digits

    @classmethod
    def zeros(cls, cells: int) -> "ExactSums":
        return cls(0, np.zeros((cells, 0), np.int64))

    @classmethod
    def of(cls, values: Floats, cells: Cells, n_cells: int) -> "ExactSums":
        """Sums by cell of finite `values`, shape (n,); `cells`, shape (n,), in [0, n_cells). O(n)."""
        sums = cls.zeros(n_cells)
        for start in range(0, len(values), MOST_VALUES):
            part = slice(start, start + MOST_VALUES)
            sums = sums.merge(_sums(values[part], cells[part], n_cells))
        return sums

    def merge(self, other: "ExactSums") -> "ExactSums":
        """Cell by cell. Raises ValueError where the numbers of cells differ."""
        if len(self.digits) != len(other.digits):
            raise ValueError(f"sums of {len(self.digits)} and {len(other.digits)} cells do not merge")
        if not other.digits.shape[1]:
            return self
        if not self.digits.shape[1]:
            return other
        low = min(self.low, other.low)
        high = max(self.low + self.digits.shape[1], other.low + other.digits.shape[1])
        digits = np.zeros((len(self.digits), high - low), np.int64)
        for part in (self, other):
            digits[:, part.low - low : part.low - low + part.digits.shape[1]] += part.digits
        return trimmed(low, digits)

    def split(self, cells: int) -> list["ExactSums"]:
        """The sums of consecutive runs of so many cells. O(cells)."""
        width = self.digits.shape[1]
        if not width:
            return [ExactSums.zeros(cells)] * (len(self.digits) // cells)
        runs = self.digits.reshape(-1, cells, width)
        used: npt.NDArray[np.bool_] = np.any(runs, axis=1)
        firsts, lasts = used.argmax(axis=1), width - used[:, ::-1].argmax(axis=1)
        none = ExactSums.zeros(cells)
        return [
            ExactSums(self.low + first, digits[:, first:last]) if some else none
            for digits, first, last, some in zip(
                runs, firsts.tolist(), lasts.tolist(), np.any(used, axis=1).tolist(), strict=True
            )
        ]

    def coarsened(self, cells: int) -> "ExactSums":
        """So many cells, which divide those here: each the sum of as many neighbours. O(cells)."""
        runs = self.digits.reshape(cells, len(self.digits) // cells, self.digits.shape[1])
        return trimmed(self.low, runs.sum(axis=1))

    def total(self) -> "ExactSums":
        """One cell: the sum of all. O(cells)."""
        return self.coarsened(1)

    def values(self) -> Floats:
        """Shape (cells,): each sum to the nearest float or its neighbour; infinity beyond the range."""
        weights = [_power(self.low + j) for j in range(self.digits.shape[1])]
        rows: list[list[int]] = self.digits.tolist()
        return np.array([_dot(row, weights) for row in rows], np.float64)


def _power(j: int) -> tuple[int, int]:
    """2**(32 j) as a ratio of integers."""
    return (1 << DIGIT_BITS * j, 1) if j >= 0 else (1, 1 << -DIGIT_BITS * j)


def _dot(digits: list[int], weights: list[tuple[int, int]]) -> float:
    if not digits:
        return 0.0
    bottom = weights[0][1]
    top = sum(d * (w[0] * (bottom // w[1])) for d, w in zip(digits, weights, strict=True))
    try:
        return top / bottom
    except OverflowError:
        return math.inf if top > 0 else -math.inf


def trimmed(low: int, digits: Digits) -> ExactSums:
    """The canonical form: without columns of zeros at either end."""
    used = np.flatnonzero(digits.any(axis=0))
    if not len(used):
        return ExactSums.zeros(len(digits))
    return ExactSums(low + int(used[0]), digits[:, used[0] : used[-1] + 1])


def _sums(values: Floats, cells: Cells, n_cells: int) -> ExactSums:
    greatest = float(np.abs(values).max())
    if greatest == 0.0:
        return ExactSums.zeros(n_cells)
    if greatest < _HUGE:
        return _extracted(values, cells, n_cells, greatest)
    huge = np.abs(values) >= _HUGE
    scaled = _extracted(values[huge] * 2.0**-64, cells[huge], n_cells, greatest * 2.0**-64)
    upper = ExactSums(scaled.low + 2, scaled.digits)
    return upper.merge(_sums(values[~huge], cells[~huge], n_cells)) if not huge.all() else upper


def _extracted(values: Floats, cells: Cells, n_cells: int, greatest: float) -> ExactSums:
    position = math.frexp(greatest)[1] // DIGIT_BITS
    offset = 0
    rest = values.copy()
    part = np.empty_like(values)
    sum_by_cell = _summer(cells, n_cells)
    columns: list[Digits] = []
    while True:
        if position < -_HIGHEST:
            rest, position, offset = np.ldexp(rest, 10 * DIGIT_BITS), position + 10, offset - 10
        sigma = 1.5 * 2.0 ** (DIGIT_BITS * position + 52)
        np.add(rest, sigma, out=part)
        np.subtract(part, sigma, out=part)
        columns.append(np.ldexp(sum_by_cell(part), -DIGIT_BITS * position).astype(np.int64))
        np.subtract(rest, part, out=rest)
        if not rest.any():
            return trimmed(position + offset, np.stack(columns[::-1], axis=1))
        position -= 1


def _summer(cells: Cells, n_cells: int) -> Callable[[Floats], Floats]:
    """A function that sums numbers by cell: several times as fast where the cells ascend. Digits of one position sum
    without rounding, so the order does not matter."""
    if (cells[1:] < cells[:-1]).any():
        return lambda part: np.bincount(cells, weights=part, minlength=n_cells).astype(np.float64)
    starts = np.flatnonzero(np.diff(cells, prepend=-1))
    met = cells[starts]

    def sums(part: Floats) -> Floats:
        by_cell = np.zeros(n_cells)
        by_cell[met] = np.add.reduceat(part, starts)
        return by_cell

    return sums
