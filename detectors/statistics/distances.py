"""How far apart two distributions are, from counts over the same cells.

Those that end in `_of` are of many tables at once, shape (t,), see `detectors.statistics.tables`; the others of two vectors of
counts, shape (k,), not negative, and raise ValueError where shapes differ. Every one is symmetric, and is 0 for equal
shares. A side without any counts is as far as the measure goes by its formula with shares of zero. O(cells) each.
"""

import math
from collections.abc import Callable

import numpy as np
from scipy.special import xlogy

from detectors.profiles.grid import Counts
from detectors.profiles.ordering import Floats
from detectors.statistics.tables import Tables

PRIOR = 0.5
_MOST_PAIRS = 1 << 62


def psi_of(tables: Tables) -> Floats:
    """Population stability index, natural log: sum of (p - q) ln(p / q). One prior of 0.5 is added to every cell of
    both before normalising, so an empty cell is a small share and not a made-up one. Siddiqi 2006."""
    p = (tables.reference + PRIOR) / tables.spread(tables.n + PRIOR * tables.k)
    q = (tables.current + PRIOR) / tables.spread(tables.m + PRIOR * tables.k)
    return tables.sums(xlogy(p - q, p / q))


def g_of(tables: Tables) -> Floats:
    """The likelihood ratio statistic of homogeneity, natural log. Cells that both lack count for nothing. Its tail,
    with Williams' correction, is in `significance`. Sokal and Rohlf 1995."""
    n, m = np.maximum(tables.n, 1), np.maximum(tables.m, 1)
    pooled = np.maximum(tables.reference + tables.current, 1) / tables.spread(n + m)
    mine = xlogy(tables.reference, tables.reference / (tables.spread(n) * pooled))
    theirs = xlogy(tables.current, tables.current / (tables.spread(m) * pooled))
    ratio = tables.sums(mine) + tables.sums(theirs)
    return np.where((tables.n > 0) & (tables.m > 0), np.maximum(0.0, 2.0 * ratio), 0.0)


def chi_square_of(tables: Tables) -> Floats:
    """Pearson's statistic of homogeneity, without a continuity correction. Cells that both lack count for nothing.
    Pearson 1911."""
    n, m = np.maximum(tables.n, 1).astype(np.float64), np.maximum(tables.m, 1).astype(np.float64)
    crossed = tables.reference * tables.spread(m) - tables.current * tables.spread(n)
    found = tables.sums(crossed * crossed / np.maximum(tables.reference + tables.current, 1)) / n / m
    return np.where((tables.n > 0) & (tables.m > 0), found, 0.0)


def jensen_shannon_of(tables: Tables) -> Floats:
    """Jensen-Shannon divergence in nats, from 0 to ln 2. Lin 1991."""
    p, q = _shares(tables)
    middle = 0.5 * (p + q)
    found = 0.5 * tables.sums(xlogy(p, p) + xlogy(q, q)) - tables.sums(xlogy(middle, middle))
    return np.maximum(0.0, found)


def total_variation_of(tables: Tables) -> Floats:
    """Half the sum of |p - q|: the share of events that would have to move, from 0 to 1."""
    p, q = _shares(tables)
    return 0.5 * tables.sums(np.abs(p - q))


def psi(reference: Counts, current: Counts) -> float:
    """See `psi_of`."""
    return _one(psi_of, reference, current)


def g(reference: Counts, current: Counts) -> float:
    """See `g_of`."""
    return _one(g_of, reference, current)


def chi_square(reference: Counts, current: Counts) -> float:
    """See `chi_square_of`."""
    return _one(chi_square_of, reference, current)


def jensen_shannon(reference: Counts, current: Counts) -> float:
    """See `jensen_shannon_of`."""
    return _one(jensen_shannon_of, reference, current)


def jensen_shannon_distance(reference: Counts, current: Counts) -> float:
    """The square root of the divergence in bits: a metric, from 0 to 1. Endres and Schindelin 2003."""
    return math.sqrt(jensen_shannon(reference, current) / math.log(2.0))


def total_variation(reference: Counts, current: Counts) -> float:
    """See `total_variation_of`."""
    return _one(total_variation_of, reference, current)


def hellinger(reference: Counts, current: Counts) -> float:
    """Hellinger distance, from 0 to 1."""
    if not len(Tables.of([reference], [current]).reference):
        return 0.0
    p, q = _shares(Tables.of([reference], [current]))
    apart = np.sqrt(p) - np.sqrt(q)
    return math.sqrt(float((apart * apart).sum()) / 2.0)


def ks(reference: Counts, current: Counts) -> float:
    """Kolmogorov-Smirnov D at the boundaries of ascending cells: never above that of the values themselves. Shares have
    a common denominator, so that differences are exact, or floats where that is no int64."""
    n, m = max(1, int(reference.sum())), max(1, int(current.sum()))
    Tables.of([reference], [current])
    exact = n * m < _MOST_PAIRS
    lead = (reference * m - current * n if exact else reference * float(m) - current * float(n)).cumsum()
    return float(max(lead.max(initial=0), -lead.min(initial=0))) / (float(n) * m)


def _one(measure: Callable[[Tables], Floats], reference: Counts, current: Counts) -> float:
    tables = Tables.of([reference], [current])
    return float(measure(tables)[0]) if len(reference) else 0.0


def _shares(tables: Tables) -> tuple[Floats, Floats]:
    return (
        tables.reference / tables.spread(np.maximum(tables.n, 1)),
        tables.current / tables.spread(np.maximum(tables.m, 1)),
    )
