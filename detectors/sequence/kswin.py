"""KSWIN: the newest values of a window against a sample of the older ones, by Kolmogorov and Smirnov.

Raab, Heusinger, Schleif, "Reactive soft prototype computing for concept drift streams", Neurocomputing 416, 2020; in river's implementation.
"""

from river import drift

from detectors.sequence.detector import mean_of
from schemas.verdict import State, Verdict


class Kswin:
    """KSWIN on values of any kind. `seed` decides which older values are drawn.

    Drift on the value at which the test's p-value is at most `alpha` and its statistic above 0.1; otherwise ok. On slices (`count` above 1) it is fed their means, whose spread it cannot
    know, so there it warns at most. 160 µs a value.

    >>> detector = Kswin()
    >>> states = [detector.update(x).state.value for x in [0.0, 0.5, 1.0, 0.25] * 100 + [2.0] * 100]
    >>> states.index("drift")
    416
    """

    def __init__(self, alpha: float = 0.0001, window_size: int = 100, stat_size: int = 30, seed: int = 0) -> None:
        """`window_size`: values held; `stat_size`: how many of them are new. Raises ValueError for what is out of bounds."""
        if not 0.0 < alpha < 1.0:
            raise ValueError(f"alpha must be in (0, 1), got {alpha}")
        if not 0 < 2 * stat_size <= window_size:
            raise ValueError(f"stat_size must be 1 to half of window_size, got {stat_size} and {window_size}")
        self._kswin = drift.KSWIN(alpha=alpha, window_size=window_size, stat_size=stat_size, seed=seed)
        self._values = 0

    def update(self, total: float, count: int = 1, squares: float | None = None) -> Verdict:
        """See `SequenceDetector`."""
        self._kswin.update(mean_of(total, count))
        self._values += count
        state = State.OK
        if self._kswin.drift_detected:
            state = State.DRIFT if count == 1 else State.WARNING
        return Verdict("kswin", state, p_value=float(self._kswin.p_value), n_current=self._values)
