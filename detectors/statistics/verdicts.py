"""One detector's verdicts on several signals, as columns."""

from dataclasses import dataclass, field

import numpy as np

from detectors.profiles.grid import Counts, Indices
from detectors.profiles.ordering import Floats
from detectors.statistics.bar import STATES, Codes
from schemas.verdict import Verdict


@dataclass(slots=True)
class Verdicts:
    """`rows`, shape (v,), are the signals' places; the others, of the same shape, are as in `Verdict`, and a float that
    is not finite is one that the detector does not have."""

    detector: str
    rows: Indices
    states: Codes
    statistic: Floats
    threshold: Floats | None
    p_value: Floats | None
    effect: Floats
    resolution: Floats | None
    n_reference: Counts
    n_current: Counts
    notes: list[str] = field(default_factory=list)

    def rows_of(self) -> list[Verdict]:
        """One verdict for each."""
        n = len(self.rows)
        return Verdict.of_columns(
            [self.detector] * n,
            [STATES[code] for code in self.states.tolist()],
            *(_numbers(x, n) for x in (self.statistic, self.threshold, self.p_value, self.effect, self.resolution)),
            self.n_reference.tolist(),
            self.n_current.tolist(),
            self.notes or [""] * n,
        )


def _numbers(values: Floats | None, n: int) -> list[float | None]:
    if values is None:
        return [None] * n
    numbers: list[float | None] = values.tolist()
    for at in np.flatnonzero(~np.isfinite(values)).tolist():
        numbers[at] = None
    return numbers
