"""The bar that a test must clear before its verdict is drift: significance, and an effect that matters."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from detectors.profiles.alignment import Flags
from detectors.profiles.grid import Counts, Indices
from detectors.profiles.ordering import Floats
from detectors.statistics.settings import Settings
from schemas.basis import Basis
from schemas.verdict import State

# A state's code is its place here.
STATES = tuple(State)
OK, WARNING, DRIFT, INSUFFICIENT, LEARNING = (
    STATES.index(s) for s in (State.OK, State.WARNING, State.DRIFT, State.INSUFFICIENT, State.LEARNING)
)

Codes = npt.NDArray[np.intp]


@dataclass(frozen=True, slots=True)
class Bar:
    """Of n signals, arrays of shape (n,): `level` and `warning_level` are those of one of a signal's tests, by
    Bonferroni: a share of the signal's. Without `enough` events every verdict is `insufficient`; while one is
    `learning` from its baseline, it has none; and where it may not `fire`, it warns at most."""

    level: Floats
    warning_level: Floats
    enough: Flags
    learning: Flags
    fire: Flags
    effect: float
    rare_effect: float

    @classmethod
    def of(
        cls, settings: Settings, level: float, share: Floats, events: Counts, bases: Sequence[Basis | None]
    ) -> "Bar":
        """The bar for a test with that `share` of each signal's level; `events` are the numbers in the smaller samples,
        `bases` what the baselines can bear."""
        return cls(
            level * share,
            settings.warning_level * share,
            events >= settings.minimum_events,
            np.array([basis is None for basis in bases], np.bool_),
            np.array([basis is not Basis.ASSUMED for basis in bases], np.bool_),
            settings.minimum_effect,
            settings.minimum_rare_effect,
        )

    def of_signals(self, rows: Indices) -> "Bar":
        """That of some of the signals."""
        return Bar(
            self.level[rows],
            self.warning_level[rows],
            self.enough[rows],
            self.learning[rows],
            self.fire[rows],
            self.effect,
            self.rare_effect,
        )

    def states(self, p_values: Floats, effects: Floats, floor: Floats | float) -> Codes:
        """Drift and warning need both: a p-value within the level, and an effect of at least `floor`."""
        highest = np.where(self.fire, DRIFT, WARNING)
        significant = np.where(p_values <= self.level, highest, np.where(p_values <= self.warning_level, WARNING, OK))
        return self.judged(np.where(effects < floor, OK, significant))

    def judged(self, states: Codes | int) -> Codes:
        """The states, where there may be any."""
        return np.where(self.learning, LEARNING, np.where(self.enough, states, INSUFFICIENT))
