"""The law of the sum of squared changes of correlation, where pairs that share signals change together.

It is a weighted sum of chi-squares, whose weights are the eigenvalues of C, the correlations of the pairs' z. Its first three
cumulants, m, 2 tr C^2 and 8 tr C^3, are those of the normal law with the baseline's correlations (Pearson and Filon 1898),
and a chi-square of the same cumulants has its tail (Imhof 1961).

That law knows of chance alone, and of no cause that moves correlations from one window to the next. So tr C^2 is measured,
too, over the baseline's windows. The variance of their sums estimates the same, but of 60 windows it has a standard error of two
fifths where one cause moves many pairs, and tr C^2 one of a twentieth. Where windows show such a cause, F is in place of
chi-square, and the tail is what their sums have (`detectors.statistics.tail`).
"""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from scipy import special

from detectors.profiles.ordering import Floats
from detectors.statistics.tail import Tail, tail_of

Places = npt.NDArray[np.intp]

_ROWS = 256
_LEAST_P = 1e-300


class Cumulants(NamedTuple):
    """Of the sum of squared z under the null, each z of variance 1."""

    first: float
    second: float
    third: float
    windows: float = 0.0
    beyond: Tail = Tail()

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

    def widened(self, squares: float, totals: Floats, freedom: float, autocorrelation: float) -> "Cumulants":
        """As windows show it, which have `squares` for tr C^2 (`Among.squares`) and these sums, shape (w,), on so many degrees
        of freedom, neighbours in time of that lag-1 autocorrelation. The greater variance of the two counts, each where it
        is more than this one's by two standard errors; the sums tell of what C does not, as of windows that are further out in
        all pairs at once. The law of what moves them is not known, so its tail is measured. O(w log w)."""
        law = self._with(_rounded(2.0 * squares), self._error_of_squares(freedom), freedom)
        error = np.sqrt((2.0 + 12.0 / law.freedom) / len(totals))
        law = law._with(float(totals.var(ddof=1)), error, freedom)
        return law._replace(beyond=tail_of(law._surprises(totals), autocorrelation)) if law.windows else law

    def tail(self, total: float) -> float:
        """The chance of a sum as great: the tail of the chi-square with these cumulants, or of F where `windows` say how
        wide it is, and further out as `beyond` has it."""
        return float(np.exp(-self.beyond.surprises(self._surprises(np.array([total]))))[0])

    def _with(self, second: float, error: float, freedom: float) -> "Cumulants":
        """What is more is taken for one cause that moves many pairs together, a chi-square of its own: the most skew there is.
        Its size is known no better than so many windows tell, hence F."""
        if second <= self.second * (1.0 + 2.0 * error):
            return self
        third = self.third + 8.0 * (0.5 * (second - self.second)) ** 1.5
        return Cumulants(self.first, second, third, freedom)

    def _error_of_squares(self, freedom: float) -> float:
        """The relative standard error of tr C^2 (Chen, Zhang and Zhong 2010), were C to have as many eigenvalues, all alike,
        as this has degrees of freedom."""
        return float(np.sqrt(4.0 / freedom**2 + 8.0 / (freedom * self.freedom)))

    def _surprises(self, totals: Floats) -> Floats:
        """`-ln p`, short of the tail beyond."""
        away = np.maximum(0.0, (totals - self.first) * np.sqrt(2.0 * self.freedom / self.second) + self.freedom)
        if self.windows:
            found = special.fdtrc(self.freedom, self.windows, away / self.freedom)
        else:
            found = special.chdtrc(self.freedom, away)
        surprises: Floats = -np.log(np.maximum(found, _LEAST_P))
        return surprises


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
