"""The bar that a test must clear before its verdict is drift: significance, and an effect that matters."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from detectors.alignment import Flags
from detectors.grid import Counts, Indices
from detectors.ordering import Floats
from detectors.settings import Settings
from schemas.verdict import State

# A state's code is its place here.
STATES = tuple(State)
OK, WARNING, DRIFT, INSUFFICIENT = (STATES.index(s) for s in (State.OK, State.WARNING, State.DRIFT, State.INSUFFICIENT))

Codes = npt.NDArray[np.intp]


@dataclass(frozen=True, slots=True)
class Bar:
    """Of n signals, arrays of shape (n,): `level` and `warning_level` are those of one of a signal's tests, by
    Bonferroni: a share of the signal's. Without `enough` events every verdict is `insufficient`."""

    level: Floats
    warning_level: Floats
    enough: Flags
    effect: float
    rare_effect: float

    @classmethod
    def of(cls, settings: Settings, level: float, tests: Counts, events: Counts) -> "Bar":
        """The bar for each of the signals' tests; `events` are the numbers in the smaller samples."""
        return cls(
            level / tests,
            settings.warning_level / tests,
            events >= settings.minimum_events,
            settings.minimum_effect,
            settings.minimum_rare_effect,
        )

    def of_signals(self, rows: Indices) -> "Bar":
        """That of some of the signals."""
        return Bar(self.level[rows], self.warning_level[rows], self.enough[rows], self.effect, self.rare_effect)

    def states(self, p_values: Floats, effects: Floats, floor: Floats | float) -> Codes:
        """Drift and warning need both: a p-value within the level, and an effect of at least `floor`."""
        significant = np.where(p_values <= self.level, DRIFT, np.where(p_values <= self.warning_level, WARNING, OK))
        return np.where(self.enough, np.where(effects < floor, OK, significant), INSUFFICIENT)
