"""The sums of slices that a detector of levels goes by: numbers, totals, squares, degrees of freedom, in that order.

Totals and squares are counted from an origin near the values, so that the spread of great numbers is not lost.
"""

import math

import numpy as np

from detectors.profiles.alignment import Flags
from detectors.profiles.grid import Counts
from detectors.profiles.ordering import Floats

SUMS = 4


def are_bits(total: float, count: int, squares: float | None, family: str = "auto") -> bool:
    """Whether the values of a slice are all 0 or 1, as far as its sums tell: 0 and 1 are their own squares. Many values
    without squares are taken for bits in family "bits" only, which raises ValueError for a total that bits do not have.
    """
    within = 0.0 <= total <= count
    if family == "bits":
        if not within:
            raise ValueError(f"total of bits must be in [0, {count}], got {total}")
        return True
    own = total * total if count == 1 else squares
    return within and own == total and float(total).is_integer()


def columns_are_bits(totals: Floats, counts: Counts, squares: Floats | None, family: str = "auto") -> Flags:
    """The same of a slice of each of n series, shape (n,). O(n)."""
    within = (totals >= 0.0) & (totals <= counts)
    if family == "bits":
        if not within.all():
            raise ValueError(f"total of bits must be in [0, {counts[~within][0]}], got {totals[~within][0]}")
        return within
    own = np.where(counts == 1, totals * totals, np.nan if squares is None else squares)
    bits: Flags = within & (own == totals) & (totals == np.floor(totals))
    return bits


class Sums:
    """Turns slices into sums. `origin` None: the mean of the first slice."""

    __slots__ = ("origin",)

    def __init__(self, origin: float | None = None) -> None:
        self.origin = origin

    def of(self, total: float, count: int, squares: float | None) -> Floats:
        """Shape (4,). A slice of many values without squares says as much of the spread as one value: its mean, weighed
        by their number. Raises ValueError for squares that are not finite."""
        if self.origin is None:
            self.origin = total / count
        off = total - count * self.origin
        least = off * off / count
        if count == 1 or squares is None:
            return np.array((count, off, least, 1.0))
        if not math.isfinite(squares):
            raise ValueError(f"squares must be finite, got {squares}")
        own = squares - self.origin * (2.0 * total - count * self.origin)
        return np.array((count, off, max(own, least), count))


def columns_of(totals: Floats, counts: Counts, squares: Floats | None, origins: Floats) -> Floats:
    """What `Sums.of` gives for a slice of each of n series, shape (4, n); zeros where there are no values. O(n)."""
    held = counts > 0
    n = np.where(held, counts, 1).astype(np.float64)
    off = totals - n * origins
    least = off * off / n
    single = (counts == 1) | (squares is None)
    own = least if squares is None else np.maximum(squares - origins * (2.0 * totals - n * origins), least)
    sums: Floats = np.where(held, np.stack((n, off, np.where(single, least, own), np.where(single, 1.0, n))), 0.0)
    return sums


def shift(sums: Floats, origin: float | Floats) -> None:
    """Counts sums that were counted from 0, shape (4, ...), from another origin, in place."""
    sums[2] += origin * (origin * sums[0] - 2.0 * sums[1])
    sums[1] -= origin * sums[0]
