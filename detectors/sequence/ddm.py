"""DDM: the error rate of a learner held against the lowest it has had.

Gama, Medas, Castillo, Rodrigues, "Learning with drift detection", SBIA 2004; in river's implementation.
"""

from river.drift import binary

from detectors.sequence.detector import rate_of
from schemas.verdict import State, Verdict


class Ddm:
    """DDM on errors, 0 or 1: one-sided, it finds rates that rise.

    Drift on the value at which the rate is `drift_threshold` standard deviations above its lowest, warning from
    `warning_threshold` on; otherwise ok. On slices (`count` above 1) it is fed their means, whose spread it cannot
    know, so there it warns at most. 0.4 µs a value.

    >>> detector = Ddm()
    >>> states = [detector.update(x).state.value for x in [0.0, 0.0, 1.0, 0.0] * 100 + [1.0] * 100]
    >>> states.index("drift")
    423
    """

    def __init__(self, warm_start: int = 30, warning_threshold: float = 2.0, drift_threshold: float = 3.0) -> None:
        """`warm_start`: values before the first check. Thresholds are in standard deviations. Raises ValueError for what is out of bounds; `update` also
        for a mean that is not in [0, 1]."""
        if warm_start < 1:
            raise ValueError(f"warm_start must be at least 1, got {warm_start}")
        if not 0.0 < warning_threshold <= drift_threshold:
            raise ValueError(
                f"warning_threshold and drift_threshold must be above 0 and in that order, got {warning_threshold} and {drift_threshold}"
            )
        self._ddm = binary.DDM(
            warm_start=warm_start, warning_threshold=warning_threshold, drift_threshold=drift_threshold
        )
        self._values = 0

    def update(self, total: float, count: int = 1, squares: float | None = None) -> Verdict:
        """See `SequenceDetector`."""
        self._ddm.update(rate_of(total, count))
        self._values += count
        state = State.OK
        if self._ddm.drift_detected:
            state = State.DRIFT if count == 1 else State.WARNING
        elif self._ddm.warning_detected:
            state = State.WARNING
        return Verdict("ddm", state, n_current=self._values)
