"""From states to alerts: the state machine of one signal of one group.

It fires when at least `fire.windows` of the last `fire.of` windows drifted, and resolves after `resolve_after` windows
in a row that are well. A window in `warning` is neither: it does not fire, and it does not count towards resolving.
Windows without a verdict leave everything as it is.
"""

from dataclasses import dataclass, field, replace
from typing import Any

from schemas.alert import AlertState
from schemas.detection_config import DetectionConfig
from schemas.verdict import State


@dataclass(frozen=True, slots=True)
class SignalMemory:
    """What the machine remembers of a signal: the starts of its last windows that spoke, each with whether it
    drifted; the onset while an alert is firing; how many windows in a row have been well; and while an alert is
    firing, the onset of its incident, which `pipeline.monitor.incidents.incidents` decides."""

    recent: tuple[tuple[int, bool], ...] = ()
    onset_ms: int | None = None
    well: int = 0
    incident_ms: int | None = None

    def to_json(self) -> list[Any]:
        return [self.recent, self.onset_ms, self.well, self.incident_ms]

    @classmethod
    def from_json(cls, data: list[Any]) -> "SignalMemory":
        """Of three entries, as state of before version 4 has them, the incident is the alert's own."""
        recent, onset_ms, well, *incident = data
        onset_ms = None if onset_ms is None else int(onset_ms)
        incident_ms = incident[0] if incident else onset_ms
        incident_ms = None if incident_ms is None else int(incident_ms)
        return cls(tuple((int(start), bool(drift)) for start, drift in recent), onset_ms, int(well), incident_ms)


@dataclass(frozen=True, slots=True)
class Decision:
    """The memory after a window, and what it says to the world: an event with its onset, or nothing. `incident_ms` is
    that of an alert that resolved."""

    memory: SignalMemory
    event: AlertState | None = None
    onset_ms: int = field(default=0)
    incident_ms: int | None = None


def decide(memory: SignalMemory, start_ms: int, state: State, config: DetectionConfig) -> Decision:
    """The machine's next step, for the window that starts at `start_ms`."""
    if state is not State.OK and state is not State.WARNING and state is not State.DRIFT:
        return Decision(memory)
    recent = (*memory.recent, (start_ms, state is State.DRIFT))[-config.fire.of :]
    memory = SignalMemory(recent, memory.onset_ms, memory.well, memory.incident_ms)
    return _while_quiet(memory, config) if memory.onset_ms is None else _while_firing(memory, state, config)


def ended(memory: SignalMemory) -> Decision:
    """The end of an alert that rested on what is not there any more; the next window begins anew."""
    assert memory.onset_ms is not None
    return Decision(SignalMemory(), AlertState.RESOLVED, memory.onset_ms, memory.incident_ms)


def _while_quiet(memory: SignalMemory, config: DetectionConfig) -> Decision:
    if not memory.recent[-1][1]:
        return Decision(memory)
    drifted = [start for start, drift in memory.recent if drift]
    if len(drifted) < config.fire.windows:
        return Decision(memory)
    onset = drifted[0]
    return Decision(replace(memory, onset_ms=onset, well=0), AlertState.FIRING, onset)


def _while_firing(memory: SignalMemory, state: State, config: DetectionConfig) -> Decision:
    onset = memory.onset_ms
    assert onset is not None
    well = memory.well + 1 if state is State.OK else 0
    if well < config.resolve_after:
        return Decision(replace(memory, well=well))
    return Decision(SignalMemory(), AlertState.RESOLVED, onset, memory.incident_ms)
