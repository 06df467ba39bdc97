"""The bar that a test must clear before its verdict is drift: significance, and an effect that matters."""

from dataclasses import dataclass

from detectors.settings import Settings
from schemas.verdict import State


@dataclass(frozen=True, slots=True)
class Bar:
    """`level` and `warning_level` are those of one of the signal's `tests`, by Bonferroni: a share of the signal's.
    Without `enough` events every verdict is `insufficient`."""

    level: float
    warning_level: float
    effect: float
    rare_effect: float
    enough: bool

    @classmethod
    def of(cls, settings: Settings, level: float, tests: int, events: int) -> "Bar":
        """The bar for each of a signal's tests; `events` is the number in the smaller sample."""
        return cls(
            level / tests,
            settings.warning_level / tests,
            settings.minimum_effect,
            settings.minimum_rare_effect,
            events >= settings.minimum_events,
        )

    def state(self, p_value: float, effect: float, floor: float) -> State:
        """Drift and warning need both: a p-value within the level, and an effect of at least `floor`."""
        if not self.enough:
            return State.INSUFFICIENT
        if effect < floor:
            return State.OK
        if p_value <= self.level:
            return State.DRIFT
        return State.WARNING if p_value <= self.warning_level else State.OK
