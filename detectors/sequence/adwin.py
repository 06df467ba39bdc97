"""ADWIN: a window that grows while its mean is steady, and drops its older part when two parts differ.

Bifet and Gavaldà, "Learning from time-changing data with adaptive windowing", SDM 2007; in river's implementation.
"""

from collections.abc import Iterable

from river import drift

from detectors.sequence.detector import mean_of
from schemas.verdict import State, Verdict


class Adwin:
    """ADWIN on single values, meant for values in [0, 1]: its bound has a term in units of that range.

    Drift on the value at which the window is cut; otherwise ok. On slices (`count` above 1) it is fed their means, whose
    spread it cannot know, so there it warns at most. The statistic is the window's mean. 0.1 to 0.3 µs a value.

    >>> detector = Adwin()
    >>> states = [detector.update(x).state.value for x in [0.0] * 500 + [1.0] * 100]
    >>> states.index("drift")
    511
    """

    def __init__(self, delta: float = 0.002, clock: int = 32, grace_period: int = 10) -> None:
        """`delta`: significance of a cut. `clock`: how many values between two checks. `grace_period`: values before
        the first. Raises ValueError for what is out of bounds."""
        if not 0.0 < delta < 1.0:
            raise ValueError(f"delta must be in (0, 1), got {delta}")
        if clock < 1 or grace_period < 0:
            raise ValueError(f"clock must be at least 1 and grace_period at least 0, got {clock} and {grace_period}")
        self._adwin = drift.ADWIN(delta=delta, clock=clock, grace_period=grace_period)
        self._values = 0

    def first_change(self, values: Iterable[float], after: int) -> int:
        """Takes values until a change is found at one of those from `after` on; which that is, -1 for none."""
        adwin = self._adwin
        for at, value in enumerate(values):
            adwin.update(value)
            if adwin.drift_detected and at >= after:
                return at
        return -1

    def update(self, total: float, count: int = 1, squares: float | None = None) -> Verdict:
        """See `SequenceDetector`."""
        self._adwin.update(mean_of(total, count))
        changed = self._adwin.drift_detected
        self._values += count
        state = State.OK
        if changed:
            state = State.DRIFT if count == 1 else State.WARNING
        return Verdict("adwin", state, statistic=float(self._adwin.estimation), n_current=self._values)
