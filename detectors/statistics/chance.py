"""How often chance alone shows a p-value, in plain words."""

import math
from dataclasses import dataclass

from schemas.basis import Basis

_SECOND_MS, _DAY_MS = 1_000, 86_400_000
_UNITS = (
    ("years", 365.25 * _DAY_MS),
    ("days", _DAY_MS),
    ("hours", 3_600 * _SECOND_MS),
    ("minutes", 60 * _SECOND_MS),
    ("seconds", _SECOND_MS),
)
# No tail is measured as far out as this, so nothing is said beyond it.
_MOST_YEARS = 100
_RESTS_ON = {Basis.THIN: " (thin baseline)", Basis.ASSUMED: " (if events are independent)"}


@dataclass(frozen=True, slots=True)
class Chance:
    """A model takes `tests` tests in each window of `window_ms`."""

    window_ms: int
    tests: int

    def every_ms(self, p_value: float) -> float:
        """The mean event time, at least, between p-values as low as this in any of the tests, where nothing changes:
        a test at level p passes it once in 1 / p windows, however the tests depend on each other."""
        return self.window_ms / (self.tests * p_value) if p_value > 0.0 else math.inf

    def said(self, p_value: float | None, level: float, basis: Basis | None) -> str:
        """How sure a change with that p-value is, held against `level`: the end of a sentence, empty where there is nothing to
        say, as of what chance shows in every window. It is no probability that something drifted, which no p-value is."""
        every_ms = 0.0 if p_value is None else self.every_ms(p_value)
        often = _often(every_ms) if every_ms >= self.window_ms else None
        if p_value is None or often is None:
            return ""
        too_often = ", too often for an alert" if p_value > level else ""
        rests_on = _RESTS_ON.get(basis, "") if basis else ""
        return f"chance shows as much in any signal of the model {often}{too_often}{rests_on}"


def _often(every_ms: float) -> str | None:
    """Rounded down to two digits: what is said to be seen at most so often is."""
    for unit, size_ms in _UNITS:
        if every_ms >= 2 * size_ms:
            n = every_ms / size_ms
            if unit == "years" and n >= _MOST_YEARS:
                return f"less than once in {_MOST_YEARS} years"
            step = 10 ** max(0, len(str(int(n))) - 2)
            return f"at most once in {int(n) // step * step:,} {unit}"
    return None
