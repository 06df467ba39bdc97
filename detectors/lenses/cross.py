"""Sums of products of signals seen through a lens: what all their correlations follow from.

Canonical by law, as profiles are: `cross(a + b) == cross(a).merge(cross(b))`, whatever the order, as bytes. Every term
is a whole number of at most `GREATEST`**2, so that float64 matrix products are exact up to 2**39 rows and int64 sums up
to 2**48.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt

from detectors.lenses.lens import Flags, Lens
from detectors.profiles.column import Column
from detectors.profiles.ordering import Floats

Sums = npt.NDArray[np.int64]

ROWS_TOGETHER = 1 << 12


class Seeing(Protocol):
    """What signals are seen through: as whole numbers within `GREATEST`."""

    @property
    def names(self) -> tuple[str, ...]: ...

    @property
    def digest(self) -> bytes: ...

    def seen(self, columns: Mapping[str, Column], rows: slice) -> tuple[Floats, dict[int, Flags]]:
        """The rows, shape (p, n), 0 where there is no number; and of each signal with such gaps where it is there."""


@dataclass(frozen=True, slots=True)
class CrossProducts:
    """Of `rows` events seen through the lens of that digest, arrays of shape (p, p), pairwise complete: over the rows
    where signals i and j are both there, `counts[i, j]` how many, `sums[i, j]` the sum of i, `squares[i, j]` that of
    its squares, and `products[i, j]` that of the products."""

    lens: bytes
    rows: int
    counts: Sums
    sums: Sums
    squares: Sums
    products: Sums

    @classmethod
    def of(cls, lens: Seeing, columns: Mapping[str, Column], rows: slice) -> "CrossProducts":
        """Those of some rows of columns; a signal without a column is missing throughout. O(n p^2)."""
        many = rows.stop - rows.start
        total = _zeros(lens)
        for start in range(rows.start, rows.stop, ROWS_TOGETHER):
            part = slice(start, min(start + ROWS_TOGETHER, rows.stop))
            values, gaps = lens.seen(columns, part)
            for sums, more in zip(total, _summed(values, gaps), strict=True):
                sums += more
        return cls(lens.digest, many, *total)

    def merge(self, other: "CrossProducts") -> "CrossProducts":
        """Those of both sets of events. Where the lenses differ nothing can be added: what the lens of the lesser digest
        saw is kept, so that the order of merging does not matter."""
        if self.lens != other.lens:
            return min(self, other, key=lambda cross: cross.lens)
        return CrossProducts(
            self.lens,
            self.rows + other.rows,
            self.counts + other.counts,
            self.sums + other.sums,
            self.squares + other.squares,
            self.products + other.products,
        )

    def take(self, lens: Lens, places: Sequence[int]) -> "CrossProducts":
        """Those of some of the signals, as `lens`, which has only these, sees them."""
        at = np.ix_(places, places)
        return CrossProducts(
            lens.digest, self.rows, self.counts[at], self.sums[at], self.squares[at], self.products[at]
        )

    def correlations(self, least: int) -> Floats:
        """Shape (p, p): Pearson's r of each pair; NaN where fewer than `least` events have both or either does not vary.
        O(p^2)."""
        n = np.maximum(self.counts, 1).astype(np.float64)
        sums = self.sums.astype(np.float64)
        covariances = self.products - sums * sums.T / n
        variances = self.squares - sums * sums / n
        varies = (variances > 0.0) & (variances.T > 0.0) & (self.counts >= least)
        roots = np.sqrt(np.where(varies, variances * variances.T, 1.0))
        return np.where(varies, np.clip(covariances / roots, -1.0, 1.0), np.nan)


def _zeros(lens: Seeing) -> tuple[Sums, Sums, Sums, Sums]:
    p = len(lens.names)
    counts, sums, squares, products = (np.zeros((p, p), np.int64) for _ in range(4))
    return counts, sums, squares, products


def _summed(values: Floats, there: Mapping[int, Flags]) -> tuple[Sums, Sums, Sums, Sums]:
    """Counts, sums, squares and products of one chunk. A value that is not there is 0, and so are its products; only the
    columns of signals with gaps need sums of their own."""
    p, n = values.shape
    products = _whole(values @ values.T)
    own = np.full(p, n, np.int64)
    for at, known in there.items():
        own[at] = np.count_nonzero(known)
    singles = (own, _whole(values.sum(axis=1)), products.diagonal())
    counts, sums, squares = (np.repeat(single[:, None], p, axis=1) for single in singles)
    if there:
        gaps = list(there)
        known = np.stack(list(there.values()), axis=1).astype(np.float64)
        present = np.ones((p, n))
        present[gaps] = known.T
        counts[:, gaps] = _whole(present @ known)
        sums[:, gaps] = _whole(values @ known)
        squares[:, gaps] = _whole((values * values) @ known)
    return counts, sums, squares, products


def _whole(sums: Floats) -> Sums:
    return sums.astype(np.int64)
