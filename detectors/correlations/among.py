"""How z of each pair varies among the baseline's windows, and how that of one pair goes with that of another."""

from dataclasses import dataclass

import numpy as np
from scipy import special

from detectors.profiles.ordering import Floats

LEAST_P = 1e-300

_MOST_CORRELATION = 0.95
_LEAST_VARIANCE = 0.1
_LEAST_LENGTH = 1e-9

# Of 64 each window has as many others as it takes, in baselines of any length.
_MOST_LAGS = 64


@dataclass(frozen=True, slots=True)
class Among:
    """Arrays of shape (m,) over windows: the weighted mean of z and what is left of it, and its `autocorrelation` at lag 1."""

    mean: Floats
    variance: Floats
    freedom: Floats
    autocorrelation: float

    @classmethod
    def of(cls, scores: Floats, weights: Floats) -> "Among":
        """Of scores, shape (w, m), with weights, 0 where there is none."""
        windows = (weights > 0).sum(axis=0)
        mean = (scores * weights).sum(axis=0) / weights.sum(axis=0)
        away = np.where(weights > 0, scores - mean, 0.0)
        r = _autocorrelation(away * np.sqrt(weights))
        share = np.minimum(_inflation(r) / windows, 0.5)
        variance = (away * away * weights).sum(axis=0) / (windows - 1) / (1.0 - share)
        effective = windows * (1.0 - r * r) / (1.0 + r * r)
        freedom = np.maximum(effective - 1.0, 1.0)
        return cls(mean, np.maximum(variance, _LEAST_VARIANCE), freedom, r)

    @property
    def inflation(self) -> float:
        """Of the variance of the mean, where neighbours in time are alike."""
        return _inflation(self.autocorrelation)

    def squares(self, scores: Floats, weights: Floats) -> float:
        """tr C^2, C being the correlations of the pairs' z over windows. The products of two windows' standard scores, summed over
        pairs, vary by that (Chen, Zhang and Zhong 2010), and those of each pair alone by m. Their mean is 0 unless
        windows are autocorrelated, so it is taken off among those as far apart. O(windows m)."""
        some = weights.any(axis=1)
        scores, weights = scores[some], weights[some]
        roots = np.sqrt(weights / weights.sum(axis=0))
        away = np.where(weights > 0, scores - self.mean, 0.0) * np.sqrt(weights)
        away /= np.maximum(np.sqrt((away * away).mean(axis=0)), _LEAST_LENGTH)
        alone = away * away
        found = usual = 0.0
        lags = range(1, min(len(away) - 2, _MOST_LAGS) + 1)
        for lag in lags:
            # What is left of two windows about their mean is correlated by as much as both have in it.
            products = _along(away, lag) + _along(roots, lag)
            found += float(products.var()) * len(products)
            usual += float(_along(alone, lag).sum())
        count = sum(len(away) - lag for lag in lags)
        return len(self.mean) * found / max(usual, 1.0) * count / (count - len(lags))

    def totals(self, scores: Floats, weights: Floats) -> Floats:
        """Shape (w,): the sum of u squared of each window among the others (its deleted residuals)."""
        some = weights > 0
        windows = some.sum(axis=0)
        shares = np.where(some, 1.0 / np.where(some, weights, 1.0) - 1.0 / weights.sum(axis=0), 1.0)
        t = np.where(some, scores - self.mean, 0.0) / np.sqrt(self.variance * np.maximum(shares, 1e-12))
        rest = np.maximum(windows - 1.0 - t * t, 0.05)
        u = normal_quantiles(t * np.sqrt((windows - 2.0) / rest), np.maximum(self.freedom - 1.0, 1.0))
        found: Floats = (u * u).sum(axis=1)
        return found


def normal_quantiles(t: Floats, freedom: Floats) -> Floats:
    """The normal quantiles of Student's t."""
    tails = np.maximum(special.stdtr(freedom, -np.abs(t)), LEAST_P)
    found: Floats = np.copysign(special.ndtri(tails), t)
    return found


def _autocorrelation(away: Floats) -> float:
    """At lag 1, pooled over pairs."""
    squares = float((away * away).sum())
    return min(max(float((away[1:] * away[:-1]).sum()) / squares, 0.0), _MOST_CORRELATION) if squares else 0.0


def _inflation(r: float) -> float:
    return (1.0 + r) / (1.0 - r)


def _along(some: Floats, lag: int) -> Floats:
    """The products of rows so far apart, summed over columns."""
    found: Floats = np.einsum("ij,ij->i", some[:-lag], some[lag:])
    return found
