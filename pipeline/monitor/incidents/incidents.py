"""Which incident an alert belongs to: alerts of one model that overlap in time are one incident.

An incident begins at the onset of its first alert and is over with the window in which the last of them resolves. An
alert whose onset lies before that end belongs to it, whatever its group and signal. So what one cause moved, at once or
window by window, is one incident, and a model has at most one open at a time.

Every group of a model that closes in a window remembers the model's last incident as of that window. An incident that
alerts of the window opened or joined is open after it, and so a worker that takes over in the midst of a closing, when
some groups have kept their memory of the window, says the same of the others.
"""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field

from pipeline.events.event_time import BEGINNING
from pipeline.monitor.incidents.memory import GroupMemory, Incident
from schemas.group import Group


@dataclass(slots=True)
class _Model:
    """The end of the window that a model closed last, its last incident as of then, and of each group with firing
    alerts: the end of its own last window, and the incidents that they belong to."""

    closed_through_ms: int = BEGINNING
    last: Incident | None = None
    firing: dict[Group, tuple[int, frozenset[int]]] = field(default_factory=dict)
    groups: set[Group] = field(default_factory=set)

    def take(self, group: Group, memory: GroupMemory) -> None:
        if memory.closed_through_ms >= self.closed_through_ms:
            if memory.incident is not None or memory.closed_through_ms > self.closed_through_ms:
                self.last = memory.incident
            self.closed_through_ms = memory.closed_through_ms
        self.groups.add(group)
        firing = frozenset(s.incident_ms for s in memory.signals.values() if s.incident_ms is not None)
        self.firing.pop(group, None)
        if firing:
            self.firing[group] = memory.closed_through_ms, firing

    def open_at(self, end_ms: int, patience_ms: int, moved: Mapping[Group, Collection[int]]) -> int | None:
        """The onset of the incident that has firing alerts after the window that ends then; of several, the one that
        began last. `moved` are the incidents of the groups that closed in it."""
        others = (
            incidents
            for group, (closed_through_ms, incidents) in self.firing.items()
            if group not in moved and end_ms - closed_through_ms <= patience_ms
        )
        return max((onset for incidents in (*moved.values(), *others) for onset in incidents), default=None)


class Incidents:
    """The last incident of each model of a profiles partition. A group of which no window has closed for more than
    `patience_ms` of event time holds no incident open: its version may be gone, and its alert would never resolve."""

    def __init__(self, memories: Mapping[Group, GroupMemory], patience_ms: int) -> None:
        self._patience_ms = patience_ms
        self._models: dict[str, _Model] = {}
        for group, memory in memories.items():
            self.take(group, memory)

    def take(self, group: Group, memory: GroupMemory) -> None:
        """Notes what a group remembers now. O(signals)."""
        self._models.setdefault(group.model, _Model()).take(group, memory)

    def forget(self, group: Group) -> None:
        """Takes out a group that is forgotten; what is known of its model's last incident stays while it has others."""
        self._models[group.model].groups.discard(group)
        self._models[group.model].firing.pop(group, None)
        if not self._models[group.model].groups:
            del self._models[group.model]

    def of_firing(self, model: str, onsets_ms: Iterable[int]) -> int | None:
        """The onset of the incident that all alerts belong to which fire in the model's next window, from their own
        onsets. None without any."""
        first = min(onsets_ms, default=None)
        last = self._last(model)
        if first is None or last is None:
            return first
        return last.onset_ms if last.over_ms is None or first < last.over_ms else first

    def after(
        self, model: str, end_ms: int, fired: int | None, moved: Mapping[Group, Collection[int]]
    ) -> Incident | None:
        """The model's last incident after the window that ends then, in which alerts of `fired` fired and `moved` closed:
        each group with the incidents of its firing alerts. O(groups with firing alerts)."""
        last, known = self._last(model), self._models.get(model, _Model())
        if known.last is not None and known.closed_through_ms >= end_ms:
            return known.last  # a group has kept it
        if fired is not None:
            return Incident(fired)
        onset_ms = known.open_at(end_ms, self._patience_ms, moved)
        if onset_ms is not None:
            return Incident(onset_ms)
        return last if last is None or last.over_ms is not None else Incident(last.onset_ms, end_ms)

    def _last(self, model: str) -> Incident | None:
        known = self._models.get(model, _Model())
        if known.last is not None:
            return known.last
        onset_ms = known.open_at(known.closed_through_ms, self._patience_ms, {})  # kept by an older version
        return None if onset_ms is None else Incident(onset_ms)
