"""How far apart two distributions are, from two vectors of counts over the same cells.

Counts are of shape (k,), not negative. Every function raises ValueError where shapes differ, is symmetric unless it
says otherwise, and is 0 for equal shares. A side without any counts is as far as the measure goes by its formula with
shares of zero. O(k) each.
"""

import math
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.special import xlogy

from detectors.alignment import Flags
from detectors.grid import Counts
from detectors.ordering import Floats

PRIOR = 0.5
_MOST_PAIRS = 1 << 62

Scaled = npt.NDArray[np.int64] | npt.NDArray[np.floating[Any]]


def psi(reference: Counts, current: Counts) -> float:
    """Population stability index, natural log: sum of (p - q) ln(p / q). One prior of 0.5 is added to every cell of
    both before normalising, so an empty cell is a small share and not a made-up one. Siddiqi 2006."""
    _same_shape(reference, current)
    p = (reference + PRIOR) / (int(reference.sum()) + PRIOR * len(reference))
    q = (current + PRIOR) / (int(current.sum()) + PRIOR * len(current))
    return float(np.dot(p - q, np.log(p / q)))


def g(reference: Counts, current: Counts) -> float:
    """The likelihood ratio statistic of homogeneity, natural log. Cells that both lack count for nothing. Its tail,
    with Williams' correction, is in `significance`. Sokal and Rohlf 1995."""
    _same_shape(reference, current)
    n, m = int(reference.sum()), int(current.sum())
    if not n or not m:
        return 0.0
    pooled = np.maximum(reference + current, 1) / (n + m)
    ratio = xlogy(reference, reference / (n * pooled)).sum() + xlogy(current, current / (m * pooled)).sum()
    return max(0.0, 2.0 * float(ratio))


def chi_square(reference: Counts, current: Counts) -> float:
    """Pearson's statistic of homogeneity, without a continuity correction. Cells that both lack count for nothing.
    Pearson 1911."""
    _same_shape(reference, current)
    n, m = int(reference.sum()), int(current.sum())
    if not n or not m:
        return 0.0
    crossed = reference * float(m) - current * float(n)
    return float((crossed * crossed / np.maximum(reference + current, 1)).sum()) / n / m


def jensen_shannon(reference: Counts, current: Counts) -> float:
    """Jensen-Shannon divergence in nats, from 0 to ln 2. Lin 1991."""
    _same_shape(reference, current)
    p, q = _shares(reference), _shares(current)
    middle = 0.5 * (p + q)
    return max(0.0, float(0.5 * (xlogy(p, p) + xlogy(q, q)).sum() - xlogy(middle, middle).sum()))


def jensen_shannon_distance(reference: Counts, current: Counts) -> float:
    """The square root of the divergence in bits: a metric, from 0 to 1. Endres and Schindelin 2003."""
    return math.sqrt(jensen_shannon(reference, current) / math.log(2.0))


def hellinger(reference: Counts, current: Counts) -> float:
    """Hellinger distance, from 0 to 1."""
    _same_shape(reference, current)
    return float(np.linalg.norm(np.sqrt(_shares(reference)) - np.sqrt(_shares(current)))) / math.sqrt(2.0)


def total_variation(reference: Counts, current: Counts) -> float:
    """Half the sum of |p - q|: the share of events that would have to move, from 0 to 1."""
    _same_shape(reference, current)
    return 0.5 * float(np.abs(_shares(reference) - _shares(current)).sum())


def ks(reference: Counts, current: Counts) -> float:
    """Kolmogorov-Smirnov D at the boundaries of ascending cells: never above that of the values themselves."""
    mine, theirs, scale = _crossed(reference, current)
    lead = (mine - theirs).cumsum()
    return float(max(lead.max(initial=0), -lead.min(initial=0))) / scale


def ks_range(reference: Counts, current: Counts, blurred: Flags) -> tuple[float, float]:
    """`ks`, and the greatest that the D of the values may be, for k of at least 1.

    Within a cell the lead of one distribution exceeds that at both ends by at most the lesser of its two masses, and
    not at all where the cell holds one value only. `blurred`, shape (k,), names the cells that may hold several. The
    two are apart by at most the mass of the largest cell.
    """
    mine, theirs, scale = _crossed(reference, current)
    room = np.minimum(mine, theirs) * blurred
    after = (mine - theirs).cumsum()
    before = np.zeros_like(after)
    before[1:] = after[:-1]
    highest = max((np.maximum(before, after) + room).max(), -(np.minimum(before, after) - room).min())
    return float(max(after.max(), -after.min())) / scale, float(highest) / scale


def wasserstein(reference: Counts, current: Counts, points: Floats) -> float:
    """Wasserstein-1 (earth mover's) distance in the units of `points`, shape (k,), ascending, at which each cell's
    mass is taken to lie. From that of the values it differs by at most the sum over both of mass times cell width.
    Both sides must have counts."""
    _same_shape(reference, points)
    mine, theirs, scale = _crossed(reference, current)
    lead = (mine - theirs).cumsum()[:-1]
    halves = 0.5 * points  # whose differences are finite
    return 2.0 * float(np.dot(np.abs(lead / scale), halves[1:] - halves[:-1]))


def _crossed(reference: Counts, current: Counts) -> tuple[Scaled, Scaled, float]:
    """Both vectors times the size of the other, and the product of the sizes: shares with a common denominator, so
    that differences are exact; as floats where the product is no int64."""
    _same_shape(reference, current)
    n, m = max(1, int(reference.sum())), max(1, int(current.sum()))
    if n * m < _MOST_PAIRS:
        return reference * m, current * n, float(n * m)
    return reference * float(m), current * float(n), float(n) * m


def _shares(counts: Counts) -> Floats:
    return counts / max(1, int(counts.sum()))


def _same_shape(a: npt.NDArray[np.generic], b: npt.NDArray[np.generic]) -> None:
    if a.shape != b.shape:
        raise ValueError(f"vectors over the same cells must have the same shape, got {a.shape} and {b.shape}")
