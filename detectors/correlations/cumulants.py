"""The law of the sum of squared changes of correlation, where pairs that share signals change together.

It is a weighted sum of chi-squares, whose weights are the eigenvalues of the covariance of the pairs' z. Its first three
cumulants are those of the normal law with the baseline's correlations (Pearson and Filon 1898), and a chi-square of the
same cumulants has its tail (Imhof 1961).
"""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from scipy import special

from detectors.profiles.ordering import Floats

Places = npt.NDArray[np.intp]

_ROWS = 256


class Cumulants(NamedTuple):
    """Of the sum of squared z under the null, each z of variance 1."""

    first: float
    second: float
    third: float
    windows: float = 0.0

    @classmethod
    def of(cls, correlations: Floats, first: Places, second: Places) -> "Cumulants":
        """Those of normal signals with these correlations, shape (p, p), for the pairs named. O(m^3)."""
        m = len(first)
        covariances = np.empty((m, m), np.float32)
        for start in range(0, m, _ROWS):
            rows = slice(start, start + _ROWS)
            covariances[rows] = _pearson_filon(correlations, first[rows, None], second[rows, None], first, second)
        scale = 1.0 / np.sqrt(covariances.diagonal())
        covariances *= scale[:, None]
        covariances *= scale
        squares = cubes = 0.0
        for start in range(0, m, _ROWS):
            some = covariances[start : start + _ROWS]
            squares += float(np.vdot(some, some))
            cubes += float(np.vdot(some @ covariances, some))
        return cls(float(m), _rounded(2.0 * squares), _rounded(8.0 * cubes))

    @property
    def freedom(self) -> float:
        return 8.0 * self.second**3 / self.third**2

    def widened(self, totals: Floats) -> "Cumulants":
        """With the variance that sums of windows have, shape (w,), where it is greater by more than chance explains (two
        standard errors): what is more is one cause that moves many pairs together, a chi-square of its own, known no better than so
        many windows tell."""
        error = 2.0 * np.sqrt((2.0 + 12.0 / self.freedom) / len(totals))
        found = float(totals.var(ddof=1))
        if found <= self.second * (1.0 + error):
            return self
        more = found - self.second
        return Cumulants(self.first, found, self.third + 8.0 * (0.5 * more) ** 1.5, float(len(totals) - 1))

    def tail(self, total: float) -> float:
        """The chance of a sum as great: the tail of the chi-square with these cumulants, or of F where `windows` say how
        wide it is."""
        away = max(0.0, (total - self.first) * np.sqrt(2.0 * self.freedom / self.second) + self.freedom)
        if self.windows:
            return float(special.fdtrc(self.freedom, self.windows, away / self.freedom))
        return float(special.chdtrc(self.freedom, away))


def nearest_correlations(p: int, first: Places, second: Places, r: Floats) -> Floats:
    """A matrix of correlations near these, positive definite; 0 for pairs that are not there."""
    matrix = np.eye(p)
    matrix[first, second] = matrix[second, first] = r
    values, vectors = np.linalg.eigh(matrix)
    found = (vectors * np.maximum(values, 1e-3)) @ vectors.T
    scale = 1.0 / np.sqrt(found.diagonal())
    return np.asarray(found * scale[:, None] * scale)


def _pearson_filon(R: Floats, i: Places, j: Places, k: Places, l: Places) -> Floats:  # noqa: E741 - the paper's indices
    """n times the covariance of the sample correlations of (i, j) and (k, l) under the normal law."""
    ij, kl, ik, il, jk, jl = R[i, j], R[k, l], R[i, k], R[i, l], R[j, k], R[j, l]
    found: Floats = (
        0.5 * ij * kl * (ik * ik + il * il + jk * jk + jl * jl)
        + ik * jl
        + il * jk
        - ij * (ik * il + jk * jl)
        - kl * (ik * jk + il * jl)
    )
    return found


def _rounded(number: float) -> float:
    """To four digits: what sums of single precision have on every machine."""
    return float(f"{number:.4g}")
