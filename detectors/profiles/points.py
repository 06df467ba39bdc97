"""Where a bucket's mass is taken to lie: its midpoint. Quantiles and spread follow from that."""

import math
from collections.abc import Sequence

import numpy as np

from detectors.profiles.grid import Counts
from detectors.profiles.ordering import Bits, Floats, Keys, keys_of, values_of

_LEAST_KEY, _GREATEST_KEY = keys_of(np.array([np.finfo(np.float64).min, np.finfo(np.float64).max]))
_ONE = np.uint64(1)

# The interquartile range of a normal distribution, in standard deviations.
NORMAL_IQR = 1.349


def last_keys(keys: Keys, shifts: Bits | Keys) -> Keys:
    """The last key of each bucket `[key, key + 2**shift)`. O(k)."""
    return keys | ((_ONE << shifts.astype(np.uint64)) - _ONE)


def midpoints(keys: Keys, shifts: Bits | Keys) -> Floats:
    """Shape (k,): halfway between the least and the greatest finite float of each bucket, so exact where a bucket
    holds one float. A value is at most its bucket's width away. O(k)."""
    first = values_of(np.maximum(keys, _LEAST_KEY))
    last = values_of(np.minimum(last_keys(keys, shifts), _GREATEST_KEY))
    return np.where(shifts == 0, first, 0.5 * first + 0.5 * last)


def quantiles(points: Floats, counts: Counts, shares: Sequence[float]) -> list[float]:
    """The points that each of `shares` of the mass lies at or below; `points` ascending, both of shape (k,), k at least
    1. O(k)."""
    cumulative = counts.cumsum()
    at = cumulative.searchsorted(np.multiply(shares, int(cumulative[-1])))
    found: list[float] = points[np.minimum(at, len(points) - 1)].tolist()
    return found


def quantile(points: Floats, counts: Counts, share: float) -> float:
    """`quantiles` of one share."""
    return quantiles(points, counts, [share])[0]


def spread(points: Floats, counts: Counts, quartiles: tuple[float, float] | None = None) -> float:
    """The standard deviation as the interquartile range tells it (IQR / 1.349); where that is 0, by moments; where that
    is 0 or not finite, 1. Never 0. `points` ascending, both of shape (k,), k at least 1; `quartiles` where they are
    known. O(k)."""
    lower, upper = quartiles or quantiles(points, counts, (0.25, 0.75))
    robust = (upper - lower) / NORMAL_IQR
    if 0.0 < robust < math.inf:
        return robust
    with np.errstate(over="ignore", invalid="ignore"):
        size = counts.sum()
        mean = (points * counts).sum() / size
        deviation = float(np.sqrt(((points - mean) ** 2 * counts).sum() / size))
    return deviation if 0.0 < deviation < math.inf else 1.0
