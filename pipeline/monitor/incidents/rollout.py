"""A new version of a model beside an old one: which of its drifts the change of version explains.

All versions are compared with the model's baseline. For as long as `detection.rollout` says after it was first there, a new
version is held against the old one, too, in the same window where both have events enough. A drift that the two versions differ in,
and that the old one does not show, is no more than a warning; one that both show is what it would be.

Everything follows from the window's profiles and from what is remembered of the old version once it has closed the window,
so that a worker that begins again in the middle comes to the same.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from enum import Enum, auto

from detectors.comparisons.comparison import Comparison, compare_all
from detectors.correlations.pairwise import SIGNAL as CORRELATIONS
from detectors.groups.group import GroupProfile
from detectors.references.reference import Reference
from detectors.statistics.settings import Settings
from pipeline.monitor.incidents.alerting import SignalMemory
from pipeline.monitor.incidents.arrival import Arrival, Seen, in_order_of_arrival, old_of
from pipeline.monitor.incidents.memory import GroupMemory
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


class Why(Enum):
    """Why a change of version explains a drift: the old version was looked at and lacks it, or it was there as soon as the
    new one could show it, and there was nothing to compare with."""

    DIFFERS = auto()
    CAME = auto()


@dataclass(frozen=True, slots=True)
class Rollout:
    """The versions of a model in one window. `arrivals` is when each came, and a version is new for `lasts_ms`; `groups` are
    the window's profiles."""

    start_ms: int
    length_ms: int
    lasts_ms: int
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
        length_ms = config.window.length_ms
        return cls(start_ms, length_ms, min(rollout.windows * length_ms, rollout.at_most_ms), arrivals, profiles)

    def in_order(self) -> list[tuple[Group, GroupProfile]]:
        """The groups, those of old versions before those of new ones, and of a version in the order that they had."""
        place = {version: at for at, version in enumerate(in_order_of_arrival(self.arrivals))}
        return sorted(self.groups.items(), key=lambda item: place[item[0].version])

    def arrival(self, group: Group, memory: GroupMemory | None) -> Arrival:
        """The group's own: it came with its version, and what was found of its signals is its own. Once the version is not
        new any more, nothing asks for that."""
        arrival = self.arrivals[group.version]._replace(differs=(), came=(), well=())
        if memory is None or self.old_of(group) is None:
            return arrival
        _, _, differs, came, well = memory.arrival
        return arrival._replace(differs=differs, came=came, well=well)

    def old_of(self, group: Group) -> Group | None:
        """The old version's group; None where the group's version is not new any more, or was the first."""
        arrival = self.arrivals[group.version]
        if arrival.old is None or self.start_ms >= arrival.first_ms + self.lasts_ms:
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
        self, records: Sequence[SignalRecord], arrival: Arrival, settings: Settings
    ) -> tuple[tuple[SignalRecord, ...], Arrival]:
        """The records, those of drifts that the change of version explains as warnings that say so; and the group's
        arrival with what is then known of its signals, of which `arrival` had what was known before."""
        well = {*arrival.well, *self._well(records)}
        drifted = [record.name for record in records if record.state is State.DRIFT]
        compared = (
            self.compared([name for name in drifted if name != CORRELATIONS], settings, DIFFERS) if drifted else {}
        )
        why = {name: self._why(name, compared.get(name), arrival) for name in drifted}
        differs = {*arrival.differs}.difference(drifted) | {name for name in drifted if why[name] is Why.DIFFERS}
        came = {*arrival.came}.difference(drifted, well) | {name for name in drifted if why[name] is Why.CAME}
        told = tuple(self._told(one, compared.get(one.name), why.get(one.name)) for one in records)
        known = tuple(tuple(sorted(names)) for names in (differs, came, well))
        return told, Arrival(arrival.first_ms, arrival.old, *known)

    def _well(self, records: Sequence[SignalRecord]) -> list[str]:
        """The signals that are ok, where the version has no fewer events than the old one: the few of a canary, or of the
        window that it takes over in, may be too few to show what it came with."""
        if self.old_profile is not None and self.profile.count < self.old_profile.count:
            return []
        return [record.name for record in records if record.state is State.OK]

    def _why(self, signal: str, compared: Comparison | None, arrival: Arrival) -> Why | None:
        """Why the change of version explains that a signal drifts; None where it does not."""
        memory = self.old.get(signal, SignalMemory())
        if memory.onset_ms is not None or (memory.recent and memory.recent[-1][1]):
            return None
        if compared is not None:
            return Why.DIFFERS if compared.state is State.DRIFT else None
        if self._is_judged(memory) or signal in arrival.differs:
            return Why.DIFFERS
        if signal in arrival.well:
            return None
        return Why.CAME if signal in arrival.came or self.start_ms < self._settled_ms(memory) else None

    def _is_judged(self, memory: SignalMemory) -> bool:
        """Whether the old version has a verdict on the signal in this very window."""
        return bool(memory.recent) and memory.recent[-1][0] == self.start_ms

    def _settled_ms(self, memory: SignalMemory) -> int:
        """Until then the old version's last verdict on a signal, or the new one's arrival, is near enough."""
        last = memory.recent[-1][0] + self.length_ms if memory.recent else self.arrival.first_ms
        return max(self.arrival.first_ms, last) + SETTLING * self.length_ms

    def _told(self, record: SignalRecord, compared: Comparison | None, why: Why | None) -> SignalRecord:
        """The record with what the comparison says; a warning where the change of version explains the drift."""
        if record.state is not State.DRIFT:
            return record
        verdict = self._verdict(record.name, compared, State.OK if why is None else State.WARNING).to_json()
        verdicts = (*record.verdicts, verdict)
        if why is None:
            return replace(record, verdicts=verdicts)
        summary = f"{record.summary}; {self._reason(why)}"
        return replace(record, state=State.WARNING, summary=summary, verdicts=verdicts)

    def _reason(self, why: Why) -> str:
        if why is Why.DIFFERS:
            return f"the version differs from {self.name}"
        if self.start_ms < self.arrival.first_ms + SETTLING * self.length_ms:
            return "the version has just arrived"
        return "it may have come with the version"

    def _verdict(self, signal: str, compared: Comparison | None, state: State) -> Verdict:
        if compared is not None:
            return verdict_of(compared, state, f"against {self.name} in the same window")
        if self._is_judged(self.old.get(signal, SignalMemory())):
            return Verdict(DETECTOR, state, note=f"what {self.name} shows in this window")
        return Verdict(DETECTOR, state, note=f"{self.name} has too few events in this window to compare with")

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
