"""A new version of a model beside an old one: which of its drifts the change of version explains.

All versions are compared with the model's baseline. For `detection.rollout.windows` after it was first there, a new version
is held against the old one, too, in the same window where both have events enough. A drift that the two versions differ in,
and that the old one does not show, is no more than a warning; one that both show is what it would be.

Everything follows from the window's profiles and from what is remembered of the old version once it has closed the window,
so that a worker that begins again in the middle comes to the same.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from detectors.comparisons.comparison import Comparison, compare_all
from detectors.correlations.pairwise import SIGNAL as CORRELATIONS
from detectors.groups.group import GroupProfile
from detectors.references.reference import Reference
from detectors.statistics.settings import Settings
from pipeline.monitor.alerting import SignalMemory
from pipeline.monitor.arrival import Arrival, Seen, in_order_of_arrival, old_of
from pipeline.monitor.memory import GroupMemory
from schemas.config import Config
from schemas.group import Group
from schemas.verdict import State, Verdict
from schemas.window import SignalRecord

DETECTOR = "version"
# Where the old version has no events left to compare with, its last windows speak for so many.
SETTLING = 3
# That there is a drift is certain by then. What is asked is whether the old version lacks it, and of two samples of one
# window, both small, the level of an alarm would ask too much.
DIFFERS = 0.05


@dataclass(frozen=True, slots=True)
class Rollout:
    """The versions of a model in one window. `arrivals` is when each came; `groups` are the window's profiles."""

    start_ms: int
    length_ms: int
    windows: int
    arrivals: Mapping[str, Arrival]
    groups: Mapping[Group, GroupProfile]

    @classmethod
    def of(
        cls,
        config: Config,
        start_ms: int,
        groups: Sequence[tuple[Group, GroupProfile]],
        memories: Mapping[Group, GroupMemory],
    ) -> "Rollout":
        """That of the window that starts then. O(groups), and O(memories) where a version is new."""
        profiles = dict(groups)
        wholes = {group.version: Group(group.model, group.version) for group in profiles}
        arrivals = {version: memories[whole].arrival for version, whole in wholes.items() if whole in memories}
        if len(arrivals) < len(wholes):
            model = next(iter(profiles)).model
            new = Arrival(start_ms, old_of(_seen(model, start_ms, profiles, memories)))
            arrivals |= dict.fromkeys(wholes.keys() - arrivals.keys(), new)
        rollout = config.detection.rollout
        return cls(start_ms, config.window.length_ms, rollout.windows, arrivals, profiles)

    def in_order(self) -> list[tuple[Group, GroupProfile]]:
        """The groups, those of old versions before those of new ones, and of a version in the order that they had."""
        place = {version: at for at, version in enumerate(in_order_of_arrival(self.arrivals))}
        return sorted(self.groups.items(), key=lambda item: place[item[0].version])

    def arrival(self, group: Group, memory: GroupMemory | None) -> Arrival:
        """The group's own: it came with its version, and differs where it was found to."""
        return self.arrivals[group.version]._replace(differs=memory.arrival.differs if memory else ())

    def old_of(self, group: Group) -> Group | None:
        """The old version's group; None where the group's version is not new any more, or was the first."""
        arrival = self.arrivals[group.version]
        if arrival.old is None or self.start_ms >= arrival.first_ms + self.windows * self.length_ms:
            return None
        return Group(group.model, arrival.old, group.segment)

    def beside(self, group: Group, old: Group, signals: Mapping[str, SignalMemory]) -> "Beside":
        """The group and the old version's, of which `signals` are remembered once it has closed the window."""
        arrival = self.arrivals[group.version]
        return Beside(arrival, self.start_ms, self.length_ms, self.groups[group], self.groups.get(old), signals)


def _seen(
    model: str, start_ms: int, profiles: Mapping[Group, GroupProfile], memories: Mapping[Group, GroupMemory]
) -> list[Seen]:
    """The versions of a model that were there before this window."""
    return [
        Seen(group.version, memory.closed_through_ms, profiles[group].count if group in profiles else 0)
        for group, memory in memories.items()
        if group.model == model and group.segment is None and memory.arrival.first_ms < start_ms
    ]


@dataclass(frozen=True, slots=True)
class Beside:
    """A group of a new version in one window, and the old version's: its profile where it is in the window, and what is
    remembered of it once the window is closed."""

    arrival: Arrival
    start_ms: int
    length_ms: int
    profile: GroupProfile
    old_profile: GroupProfile | None
    old: Mapping[str, SignalMemory]

    def compared(self, signals: Sequence[str], settings: Settings, level: float) -> dict[str, Comparison]:
        """The signals of both versions in this window, of those that both have events enough of: `drift` where they differ
        at that level. O(buckets)."""
        if self.old_profile is None:
            return {}
        references = [Reference.of(self.old_profile.profile(signal), settings) for signal in signals]
        found = compare_all(references, [self.profile.profile(signal) for signal in signals], settings, level)
        told = (State.OK, State.WARNING, State.DRIFT)
        return {name: one for name, one in zip(signals, found, strict=True) if one.state in told}

    def explained(
        self, records: Sequence[SignalRecord], differs: Sequence[str], settings: Settings
    ) -> tuple[tuple[SignalRecord, ...], tuple[str, ...]]:
        """The records, those of drifts that the change of version explains as warnings that say so; and the signals that
        are known to differ, of which `differs` were before."""
        drifted = [record.name for record in records if record.state is State.DRIFT]
        if not drifted:
            return tuple(records), tuple(differs)
        compared = self.compared([name for name in drifted if name != CORRELATIONS], settings, DIFFERS)
        known = set(differs)
        for name in drifted:
            explains = self._explains(name, compared.get(name), name in known)
            known = known | {name} if explains else known - {name}
        return tuple(self._told(one, compared.get(one.name), known) for one in records), tuple(sorted(known))

    def _explains(self, signal: str, compared: Comparison | None, known: bool) -> bool:
        memory = self.old.get(signal, SignalMemory())
        if memory.onset_ms is not None or (memory.recent and memory.recent[-1][1]):
            return False
        if compared is not None:
            return compared.state is State.DRIFT
        return known or self.start_ms < self._settled_ms(memory)

    def _settled_ms(self, memory: SignalMemory) -> int:
        """Until then the old version's last verdict on a signal, or the new one's arrival, is near enough."""
        last = memory.recent[-1][0] + self.length_ms if memory.recent else self.arrival.first_ms
        return max(self.arrival.first_ms, last) + SETTLING * self.length_ms

    def _told(self, record: SignalRecord, compared: Comparison | None, known: set[str]) -> SignalRecord:
        """The record with what the comparison says; a warning where it explains the drift."""
        if record.state is not State.DRIFT:
            return record
        explained = record.name in known
        verdict = self._verdict(compared, explained).to_json()
        verdicts = (*record.verdicts, verdict)
        if not explained:
            return replace(record, verdicts=verdicts)
        summary = f"{record.summary}; the version differs from {self.name}"
        return replace(record, state=State.WARNING, summary=summary, verdicts=verdicts)

    def _verdict(self, compared: Comparison | None, explained: bool) -> Verdict:
        state = State.WARNING if explained else State.OK
        if compared is None:
            return Verdict(DETECTOR, state, note=f"{self.name} has too few events in this window to compare with")
        return verdict_of(compared, state, f"against {self.name} in the same window")

    @property
    def name(self) -> str:
        return f"version {self.arrival.old!r}"


def verdict_of(compared: Comparison, state: State, note: str) -> Verdict:
    """A comparison of two versions as evidence."""
    return Verdict(
        DETECTOR,
        state,
        p_value=compared.p_value,
        effect=compared.effect,
        n_reference=compared.n_reference,
        n_current=compared.n_current,
        note=note,
    )
