"""A regime: the values since the last change, and the incident they may still belong to."""

from dataclasses import dataclass

from schemas.verdict import State

OVERSHOOT = 3.0
_ROUNDING = 1e-9


@dataclass(frozen=True, slots=True)
class Change:
    """A change of level that is sure: after how many values of the series it began (`onset`), the levels before and
    after it, and by how much (`size`, with sign: of a rate, or in standard deviations of numbers)."""

    onset: float
    before: float
    after: float
    size: float


class Regime:
    """Decides which changes are announced. From a stable regime each is, up or down.

    An announced change opens an incident, which lasts until a regime has lasted `settle` values. While it is open, a
    change is announced only if it is as great as the farthest that the level has been from where it came, and goes the
    incident's way, or else ends beyond where it came by `OVERSHOOT` times that. All others are part of the incident: the
    way back, and where it leads, the slow improvement of a model that learns anew, and the steps by which a level goes
    on creeping. It is resolved once the level is back, to less than `effect`, or beyond.
    """

    __slots__ = ("_direction", "_home", "_jump", "_settle", "began", "effect", "note", "opened", "resolved")

    def __init__(self, effect: float, settle: int) -> None:
        """`effect` is in the unit of `Change.size`, `settle` a number of values."""
        self.effect = effect
        self._settle = settle
        self._direction = 0.0
        self._jump = 0.0
        self._home = 0.0
        self.began = 0.0
        self.opened: float | None = None
        self.resolved = False
        self.note = ""

    def after(self, other: "Regime") -> "Regime":
        """This one, as far on as the other, whose changes were sized in another unit."""
        self.began, self.opened, self.resolved, self.note = other.began, other.opened, other.resolved, other.note
        self._direction, self._home, self._jump = other._direction, other._home, 0.0
        return self

    def state(self, known: bool) -> State:
        """How the series stands, when nothing new is announced; `known`: whether its level is."""
        if self.opened is not None and not self.resolved:
            return State.WARNING
        return State.OK if known else State.LEARNING

    def at(self, values: float) -> None:
        """After so many values of the series: a regime that has stood for long closes its incident."""
        if self.opened is not None and values - self.began >= self._settle:
            self.opened, self.resolved, self.note = None, False, ""

    def changed(self, change: Change) -> bool:
        """A new regime begins; whether its change is to be announced."""
        new = self._announces(change)
        if new:
            self.opened, self.resolved = change.onset, False
            self._jump, self._home = abs(change.size), change.before
            self._direction = 1.0 if change.size > 0.0 else -1.0
            self.note = f"from {change.before:.3g} to {change.after:.3g} after value {change.onset:.0f}"
        elif not self.resolved:
            unit = abs(change.after - change.before) / abs(change.size)
            self.resolved = (change.after - self._home) * self._direction < self.effect * unit * (1.0 - _ROUNDING)
            if self.resolved:
                self.note = f"back at {change.after:.3g} after value {change.onset:.0f}"
        self.began = change.onset
        return new

    def _announces(self, change: Change) -> bool:
        if self.opened is None:
            return True
        unit = abs(change.after - change.before) / abs(change.size)
        self._jump = max(self._jump, (change.before - self._home) * self._direction / unit)
        if change.size * self._direction > 0.0:
            return abs(change.size) >= self._jump * (1.0 - _ROUNDING)
        return (self._home - change.after) * self._direction > OVERSHOOT * self._jump * unit * (1.0 + _ROUNDING)
