"""EDDM: the distance between a learner's errors held against the greatest it has had.

Baena-García and others, "Early drift detection method", 4th workshop on knowledge discovery from data streams, 2006; in river's implementation.
"""

from river.drift import binary

from detectors.sequence.detector import rate_of
from schemas.verdict import State, Verdict


class Eddm:
    """EDDM on errors, 0 or 1: one-sided, it finds errors that come closer together.

    Drift on the value at which the distance is below `beta` of its greatest, warning below `alpha`; otherwise ok. On slices (`count` above 1) it is fed their means, whose spread it cannot
    know, so there it warns at most. 0.4 µs a value.

    >>> detector = Eddm()
    >>> states = [detector.update(x).state.value for x in [1.0, *[0.0] * 9] * 60 + [1.0, 0.0] * 60]
    >>> states.index("drift")
    300
    """

    def __init__(self, warm_start: int = 30, alpha: float = 0.95, beta: float = 0.9) -> None:
        """`warm_start`: errors before the first check. Raises ValueError for what is out of bounds; `update` also
        for a mean that is not in [0, 1]."""
        if warm_start < 1:
            raise ValueError(f"warm_start must be at least 1, got {warm_start}")
        if not 0.0 < beta <= alpha < 1.0:
            raise ValueError(f"beta and alpha must be in (0, 1) and in that order, got {beta} and {alpha}")
        self._eddm = binary.EDDM(warm_start=warm_start, alpha=alpha, beta=beta)
        self._values = 0

    def update(self, total: float, count: int = 1, squares: float | None = None) -> Verdict:
        """See `SequenceDetector`."""
        self._eddm.update(rate_of(total, count))
        self._values += count
        state = State.OK
        if self._eddm.drift_detected:
            state = State.DRIFT if count == 1 else State.WARNING
        elif self._eddm.warning_detected:
            state = State.WARNING
        return Verdict("eddm", state, n_current=self._values)
