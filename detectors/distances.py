"""How far apart two distributions are, from two vectors of counts over the same cells.

Counts are of shape (k,), not negative. Every function raises ValueError where shapes differ, is symmetric unless it
says otherwise, and is 0 for equal shares. A side without any counts is as far as the measure goes by its formula with
shares of zero. O(k) each.
"""

import math

import numpy as np
import numpy.typing as npt
from scipy.special import xlogy

from detectors.grid import Counts
from detectors.ordering import Floats

PRIOR = 0.5


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
    return float(np.abs(_lead(reference, current)).max(initial=0.0))


def ks_resolution(reference: Counts, current: Counts, blurred: npt.NDArray[np.bool_]) -> float:
    """How far above `ks` the D of the values may be: it is in [D, D + resolution], and can be anywhere in it.

    Within a cell the lead of one distribution exceeds that at both ends by at most the lesser of its two masses, and
    not at all where the cell holds one value only. `blurred`, shape (k,), names the cells that may hold several. At
    most the largest cell's mass.
    """
    lead = _lead(reference, current)
    room = np.where(blurred, np.minimum(_shares(reference), _shares(current)), 0.0)
    before, after = lead[:-1], lead[1:]
    highest = (np.maximum(before, after) + room).max(initial=0.0)
    lowest = (np.minimum(before, after) - room).min(initial=0.0)
    return max(0.0, float(max(highest, -lowest)) - float(np.abs(lead).max()))


def wasserstein(reference: Counts, current: Counts, points: Floats) -> float:
    """Wasserstein-1 (earth mover's) distance in the units of `points`, shape (k,), ascending, at which each cell's
    mass is taken to lie. From that of the values it differs by at most the sum over both of mass times cell width.
    Both sides must have counts."""
    _same_shape(reference, points)
    lead = _lead(reference, current)[1:-1]
    with np.errstate(over="ignore"):
        return float(np.dot(np.abs(lead), np.diff(points)))


def _lead(reference: Counts, current: Counts) -> Floats:
    """Shape (k + 1,): how far one cumulative share is ahead of the other at each boundary; 0 at both ends."""
    _same_shape(reference, current)
    n, m = max(1, int(reference.sum())), max(1, int(current.sum()))
    lead = np.zeros(len(reference) + 1)
    np.subtract(np.cumsum(reference) / n, np.cumsum(current) / m, out=lead[1:])
    return lead


def _shares(counts: Counts) -> Floats:
    return counts / max(1, int(counts.sum()))


def _same_shape(a: npt.NDArray[np.generic], b: npt.NDArray[np.generic]) -> None:
    if a.shape != b.shape:
        raise ValueError(f"vectors over the same cells must have the same shape, got {a.shape} and {b.shape}")
