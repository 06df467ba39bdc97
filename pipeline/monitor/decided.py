"""A group that was judged in the window that closes, before it is known which incident its alerts belong to."""

from dataclasses import dataclass, replace

from detectors.groups.group import GroupProfile
from pipeline.monitor.incidents.alerting import Decision, SignalMemory, ended
from pipeline.monitor.incidents.arrival import Arrival
from pipeline.monitor.incidents.memory import GroupMemory
from pipeline.monitor.verdicts.judge import Judgement
from schemas.alert import AlertState
from schemas.group import Group
from schemas.verdict import State
from schemas.window import SignalRecord


@dataclass(slots=True)
class Decided:
    """A group judged in the window that closes: its memory of before it, each signal's after it, and the events, each
    with the record that it rests on. `replaced` is whether its alerts rested on another baseline than it has now."""

    group: Group
    profile: GroupProfile
    judgement: Judgement
    memory: GroupMemory
    arrival: Arrival
    signals: dict[str, SignalMemory]
    events: list[tuple[SignalRecord, Decision]]
    replaced: bool = False

    def end_unjudged(self) -> None:
        """Ends the alerts of signals of which a whole window says nothing: the baseline has no lens any more, or does not have
        the segment. They would never resolve."""
        judged = {record.name for record in self.judgement.signals}
        for name, known in sorted(self.memory.signals.items()):
            if known.onset_ms is not None and name not in judged:
                decision = ended(known)
                self.signals[name] = decision.memory
                self.events.append((SignalRecord(name, State.NO_DATA, 0, 0, 0), decision))

    @property
    def onsets_ms(self) -> list[int]:
        """Those of the alerts that fire."""
        return [decision.onset_ms for _, decision in self.events if decision.event is AlertState.FIRING]

    def belong_to(self, incident_ms: int) -> None:
        """Puts down the incident of the alerts that fire."""
        for at, (record, decision) in enumerate(self.events):
            if decision.event is AlertState.FIRING:
                memory = replace(decision.memory, incident_ms=incident_ms)
                self.signals[record.name] = memory
                self.events[at] = record, replace(decision, memory=memory, incident_ms=incident_ms)

    @property
    def incidents(self) -> set[int]:
        """The onsets of the incidents that its firing alerts belong to."""
        return {memory.incident_ms for memory in self.signals.values() if memory.incident_ms is not None}
