"""HDDM-W: exponentially weighted averages before and after, held apart by McDiarmid's bound.

Frías-Blanco and others, "Online and non-parametric drift detection methods based on Hoeffding's bounds", IEEE Trans.
Knowledge and Data Engineering 27, 2015; in river's implementation.
"""

from river.drift import binary

from detectors.sequence.detector import rate_of
from schemas.verdict import State, Verdict


class HddmW:
    """HDDM-W on values in [0, 1]; one-sided, for means that rise, unless `two_sided`.

    Drift on the value at which the averages differ by more than chance allows at `drift_confidence`, warning at
    `warning_confidence`; otherwise ok. On slices (`count` above 1) it is fed their means, whose spread it cannot
    know, so there it warns at most. 3 µs a value.

    >>> detector = HddmW()
    >>> states = [detector.update(x).state.value for x in [0.0, 0.0, 1.0, 0.0] * 100 + [1.0] * 100]
    >>> states.index("drift")
    414
    """

    def __init__(
        self,
        drift_confidence: float = 0.001,
        warning_confidence: float = 0.005,
        decay: float = 0.05,
        two_sided: bool = False,
    ) -> None:
        """Confidences are chances of error. `decay`: the weight of the newest value. Raises ValueError for what is out of bounds."""
        if not 0.0 < drift_confidence <= warning_confidence < 1.0:
            raise ValueError(
                f"drift_confidence and warning_confidence must be in (0, 1) and in that order, got {drift_confidence} and {warning_confidence}"
            )
        if not 0.0 < decay < 1.0:
            raise ValueError(f"decay must be in (0, 1), got {decay}")
        self._hddm = binary.HDDMW(drift_confidence, warning_confidence, decay, two_sided)
        self._values = 0

    def update(self, total: float, count: int = 1, squares: float | None = None) -> Verdict:
        """See `SequenceDetector`."""
        self._hddm.update(rate_of(total, count))
        self._values += count
        state = State.OK
        if self._hddm.drift_detected:
            state = State.DRIFT if count == 1 else State.WARNING
        elif self._hddm.warning_detected:
            state = State.WARNING
        return Verdict("hddm_w", state, n_current=self._values)
