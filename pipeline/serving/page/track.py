"""The track: one signal over its last windows, a few numbers for each."""

import math
from array import array
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from schemas.verdict import State

_STATES = tuple(State)
_NUMBERS = 9


class Point(NamedTuple):
    """A signal in the window `[start_ms, end_ms)`. `statistic` and `threshold` are the primary test's."""

    start_ms: int
    end_ms: int
    state: State
    p_value: float | None
    level: float | None
    effect: float | None
    minimum_detectable_effect: float | None
    statistic: float | None
    threshold: float | None


class Reading(NamedTuple):
    """A signal of a window record, as a track takes it."""

    name: str
    numbers: tuple[float, ...]
    summary: str
    budget_basis: str

    @classmethod
    def of(cls, start_ms: int, end_ms: int, signal: Mapping[str, Any]) -> "Reading":
        """The signal, as JSON has it. Raises KeyError, TypeError or ValueError for what is none."""
        verdicts = signal["verdicts"]
        primary = verdicts[0] if verdicts else {}
        numbers = (
            float(start_ms),
            float(end_ms),
            float(_STATES.index(State(signal["state"]))),
            _or_nan(signal.get("p_value")),
            _or_nan(signal.get("level")),
            _or_nan(signal.get("effect")),
            _or_nan(signal.get("minimum_detectable_effect")),
            _or_nan(primary.get("statistic")),
            _or_nan(primary.get("threshold")),
        )
        return cls(str(signal["name"]), numbers, str(signal["summary"]), str(signal.get("budget_basis", "")))


class Track:
    """The points of one signal, oldest first, 72 bytes each, and the last sentence about it."""

    __slots__ = ("_numbers", "budget_basis", "summary")

    def __init__(self) -> None:
        self._numbers = array("d")
        self.summary = ""
        self.budget_basis = ""

    def __len__(self) -> int:
        return len(self._numbers) // _NUMBERS

    def __iter__(self) -> Iterator[Point]:
        return (self._point(at) for at in range(len(self)))

    @property
    def last(self) -> Point:
        """The newest point. Raises IndexError where there is none."""
        if not self._numbers:
            raise IndexError("the track is empty")
        return self._point(len(self) - 1)

    def add(self, reading: "Reading", most: int) -> None:
        """Appends a point, and keeps the last `most`."""
        self._numbers.extend(reading.numbers)
        self.summary, self.budget_basis = reading.summary, reading.budget_basis
        if len(self) > most:
            del self._numbers[: (len(self) - most) * _NUMBERS]

    def _point(self, at: int) -> Point:
        start_ms, end_ms, state, *rest = self._numbers[at * _NUMBERS : (at + 1) * _NUMBERS]
        return Point(int(start_ms), int(end_ms), _STATES[int(state)], *map(_or_none, rest))


def _or_nan(value: Any) -> float:
    return math.nan if value is None else float(value)


def _or_none(value: float) -> float | None:
    return None if math.isnan(value) else value
