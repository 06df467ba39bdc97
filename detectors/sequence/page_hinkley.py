"""Page-Hinkley: the cumulated deviation from the running mean, held against its own extreme.

Page, "Continuous inspection schemes", Biometrika 41, 1954; in river's implementation.
"""

import numpy as np
from river import drift

from detectors.profiles.grid import Indices
from detectors.profiles.ordering import Floats
from detectors.sequence.detector import mean_of
from schemas.verdict import State, Verdict


class PageHinkley:
    """Page-Hinkley, two-sided. `delta` and `threshold` are in units of the values.

    Drift on the value at which the cumulated deviation exceeds `threshold`, after which it begins anew; learning before
    `min_instances` values; otherwise ok. On slices (`count` above 1) it is fed their means, whose spread it cannot
    know, so there it warns at most. 0.4 µs a value.

    >>> detector = PageHinkley(threshold=10)
    >>> states = [detector.update(x).state.value for x in [0.0] * 100 + [1.0] * 100]
    >>> states.index("drift")
    110
    """

    def __init__(
        self, delta: float = 0.005, threshold: float = 50.0, min_instances: int = 30, alpha: float = 0.9999
    ) -> None:
        """`delta`: the change of the mean that does not matter. `threshold`: what the cumulated deviation must exceed.
        `alpha`: how much of the sum is kept at each value. Raises ValueError for what is out of bounds."""
        if delta < 0.0 or threshold <= 0.0:
            raise ValueError(f"delta must be at least 0 and threshold above 0, got {delta} and {threshold}")
        if min_instances < 1:
            raise ValueError(f"min_instances must be at least 1, got {min_instances}")
        if not 0.0 < alpha <= 1.0:
            raise ValueError(f"alpha must be in (0, 1], got {alpha}")
        self._page_hinkley = drift.PageHinkley(
            min_instances=min_instances, delta=delta, threshold=threshold, alpha=alpha, mode="both"
        )
        self._min_instances = min_instances
        self._threshold = threshold
        self._read = 0
        self._values = 0

    def update(self, total: float, count: int = 1, squares: float | None = None) -> Verdict:
        """See `SequenceDetector`."""
        self._page_hinkley.update(mean_of(total, count))
        changed = self._page_hinkley.drift_detected
        self._read += 1
        self._values += count
        state = State.OK if self._read >= self._min_instances else State.LEARNING
        if changed:
            state = State.DRIFT if count == 1 else State.WARNING
            self._read = 0
        return Verdict("page_hinkley", state, threshold=self._threshold, n_current=self._values)


def page_hinkley_changes(
    values: Floats, lengths: Indices, after: Indices, delta: float, threshold: float, least: int
) -> Indices:
    """Shape (n,): the first value at which `PageHinkley` without forgetting finds a change, of those from `after` on; -1
    for none. Series are columns: shape (t, n), each from its first row on, and then anything; `lengths` and `after`,
    shape (n,). The same sums in the same order as value by value. O(t n)."""
    n = values.shape[1]
    found = np.full(n, -1, np.intp)
    read, mean, up, down, least_up, greatest_down = np.zeros((6, n))
    least_up[:], greatest_down[:] = np.inf, -1.0
    for at, value in enumerate(values):
        read += 1.0
        mean += (1.0 / read) * (value - mean)
        away = value - mean
        up += away
        up -= delta
        down += away
        down += delta
        np.minimum(least_up, up, out=least_up)
        np.maximum(greatest_down, down, out=greatest_down)
        changed = (np.maximum(up - least_up, greatest_down - down) > threshold) & (read >= least)
        if changed.any():
            places = changed.nonzero()[0]
            found[places[(found[places] < 0) & (at >= after[places]) & (at < lengths[places])]] = at
            for sums, start in ((read, 0.0), (mean, 0.0), (up, 0.0), (down, 0.0), (least_up, np.inf)):
                sums[places] = start
            greatest_down[places] = -1.0
    return found
