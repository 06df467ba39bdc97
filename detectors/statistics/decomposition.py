"""Which segments explain the change of a whole: the share of events that moved, split exactly.

What moved is the total variation between two vectors of counts. It is the change of one rate: the share of events in the
cells A whose share grew. A rate of a whole is the mean of its segments' rates, each weighted by the segment's share w of
the events, so its change is (Kitagawa 1955)

    P1(A) - P0(A)  =  sum over segments of  (w1 - w0) (p - P)  +  w (p1 - p0)        mix, and within

where p, w and P without a number are the means of before and after. It holds for any P, for the changes of the weights
sum to nothing; with the whole's own rate, a segment that is like the whole has no mix effect.
"""

from typing import NamedTuple

import numpy as np

from detectors.profiles.grid import Counts
from detectors.profiles.ordering import Floats


class Decomposition(NamedTuple):
    """`moved` is the total variation; `mix` and `within`, shape (s,), each segment's part of it, which may be below 0, and
    `weight` its share of the events, the mean of before and after: what its part would be if all moved alike. `rest` is what is not the segments': where they do not add up to the whole before. All together sum to `moved`."""

    moved: float
    weight: Floats
    mix: Floats
    within: Floats
    rest: float

    @property
    def parts(self) -> Floats:
        """Shape (s,): each segment's part of what moved."""
        return self.mix + self.within


def decompose(before: Counts, after: Counts, whole: Counts | None = None) -> Decomposition:
    """The change between segments' counts in the same cells, shape (s, k) each. `whole`, shape (k,), are the counts of the
    whole before, where these are not the sum of the segments'. A segment without events on one side has the rates of the
    other there, so that all of it is mix. O(s k). Raises ValueError where shapes differ or a side has no events."""
    if before.shape != after.shape or before.ndim != 2:
        raise ValueError(f"before and after must have one shape (s, k), got {before.shape} and {after.shape}")
    base = before.sum(axis=0) if whole is None else whole
    n, m, known = int(before.sum()), int(after.sum()), int(base.sum())
    if min(n, m, known) <= 0:
        raise ValueError(f"both sides must have events, got {n} and {m}, and {known} of the whole")
    grown = after.sum(axis=0) / m > base / known
    p0, p1 = _rates(before, after, grown), _rates(after, before, grown)
    w0, w1 = before.sum(axis=1) / n, after.sum(axis=1) / m
    begun, ended = float(before[:, grown].sum()) / n, float(after[:, grown].sum()) / m
    mix = (w1 - w0) * (0.5 * (p0 + p1) - 0.5 * (begun + ended))
    within = 0.5 * (w0 + w1) * (p1 - p0)
    own = float(base[grown].sum()) / known
    return Decomposition(ended - own, 0.5 * (w0 + w1), mix, within, begun - own)


def _rates(counts: Counts, others: Counts, grown: np.ndarray) -> Floats:
    """Shape (s,): the share of each segment's events in the cells that grew; where it has none, that of the others."""
    some = np.where((counts.sum(axis=1) > 0)[:, None], counts, others)
    found: Floats = some[:, grown].sum(axis=1) / np.maximum(some.sum(axis=1), 1)
    return found
