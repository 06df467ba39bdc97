"""Closing a window: from its profiles to window records, alerts, and what is remembered.

Plain and deterministic: the same packets give the same bytes. Whoever calls it sends, in this order and each step
acknowledged: alerts, window records, group memories and baselines, the partition's memory; only then may the log be
acknowledged. A group whose memory already holds the window has been sent in full, and is passed over.

A window closes model by model: what one says is sent before the next is judged, so that memory is a model's. All groups
of the model are judged before any of them speaks, for its alerts are of one incident.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from math import isnan

from detectors.baselines.baseline_group import BaselineGroup
from detectors.comparisons.rate_cells import of_values
from detectors.correlations.pairwise import SIGNAL as PAIRWISE
from detectors.groups.group import GroupProfile
from detectors.profiles.quantiles import quantiles_of
from pipeline.ingest.sightings import Sighting, Sightings
from pipeline.monitor.collect import OpenWindow
from pipeline.monitor.decided import Decided
from pipeline.monitor.incidents.alerting import Decision, SignalMemory, decide, ended
from pipeline.monitor.incidents.announcement import Announced, announcement
from pipeline.monitor.incidents.arrival import Arrival
from pipeline.monitor.incidents.forgetting import Forgotten, resolutions, stale
from pipeline.monitor.incidents.incidents import Incidents
from pipeline.monitor.incidents.memory import GroupMemory, Incident
from pipeline.monitor.incidents.rollout import Beside, Rollout
from pipeline.monitor.standards.rolling import Rolled, Rolling
from pipeline.monitor.standards.standards import Key, Standards
from pipeline.monitor.verdicts.contributions import Explanation
from pipeline.monitor.verdicts.judge import Judgement, judge
from schemas.alert import Alert, AlertState, alert_id, incident_id
from schemas.config import Config
from schemas.contributions import Contributions
from schemas.group import Group
from schemas.model_config import FalseAlarms
from schemas.verdict import State
from schemas.window import Cell, Completeness, SignalRecord, WindowRecord

CELLS_IN_ALERT = 5


@dataclass(slots=True)
class Closing:
    """What closing one window says and remembers of a model; `last` of the window's models. `where` holds the offsets of each source partition, for people:
    it depends on the partitioning and stands outside the canonical bodies. `quantiles` are of the groups' numeric signals, those that
    the closer was asked for."""

    start_ms: int
    end_ms: int
    completeness: Completeness
    where: dict[str, tuple[int, int]]
    last: bool = True
    alerts: list[Alert] = field(default_factory=list)
    records: list[WindowRecord] = field(default_factory=list)
    memories: dict[Group, GroupMemory] = field(default_factory=dict)
    baselines: dict[Key, BaselineGroup] = field(default_factory=dict)
    rolled: dict[Group, Rolled] = field(default_factory=dict)
    forgotten: list[Forgotten] = field(default_factory=list)
    budgets: dict[str, FalseAlarms] = field(default_factory=dict)
    sightings: dict[Group, Sightings] = field(default_factory=dict)
    quantiles: dict[Group, dict[str, tuple[float, ...]]] = field(default_factory=dict)

    def look_at(self, alert: Alert) -> tuple[Sighting, ...]:
        """The most anomalous events of the window, where an alert fires and they were scored: of its version, whatever its
        segment. Outside the canonical bodies, as `where` is."""
        if alert.state is not AlertState.FIRING:
            return ()
        return self.sighted(alert.group._replace(segment=None))

    def sighted(self, group: Group) -> tuple[Sighting, ...]:
        """The most anomalous events of a group in the window; none of a segment, which are not scored apart."""
        found = self.sightings.get(group)
        return found.worst if found else ()


class Closer:
    """Closes the windows of one profiles partition, in order."""

    def __init__(
        self,
        config: Config,
        standards: Standards,
        memories: Mapping[Group, GroupMemory] | None = None,
        rolled: Mapping[Group, Mapping[int, Rolled]] | None = None,
        quantiles: Sequence[float] = (),
    ) -> None:
        """`quantiles` are the shares of which closings have the quantiles: for show, nothing rests on them."""
        self._config = config
        self._shares = quantiles
        self._standards = standards
        self._memories: dict[str, dict[Group, GroupMemory]] = {}
        for group, memory in (memories or {}).items():
            self._memories.setdefault(group.model, {})[group] = memory
        patience_ms = config.detection.resolve_after * config.window.length_ms
        self._incidents = Incidents(memories or {}, patience_ms)
        self._rolling = {group: standards.rolling(group, windows) for group, windows in (rolled or {}).items()}
        self._unused = {
            group: tuple(window.slot for window in windows.values())
            for group, windows in (rolled or {}).items()
            if self._rolling[group] is None
        }

    @property
    def slots(self) -> dict[Group, tuple[int, ...]]:
        """Those that the groups' rolling baselines are kept in."""
        return {group: rolling.slots for group, rolling in self._rolling.items() if rolling is not None}

    def close(self, window: OpenWindow) -> Iterator[Closing]:
        """Judges every group of the window and moves its alerts on. One closing for each model, in order; one for a
        window without any. With the last of them, groups without events for long are forgotten. O(buckets of all its
        profiles, and groups)."""
        where = {str(source): offsets for source, offsets in sorted(window.offsets.items())}
        models = sorted(window.models)
        for at in range(max(1, len(models))):
            closing = Closing(window.start_ms, window.end_ms, window.completeness, where, last=at + 1 >= len(models))
            for model in models[at : at + 1]:
                watched = self._config.model(model)
                closing.budgets[model] = watched.false_alarms if watched else FalseAlarms()
                parts = list(window.models[model].in_order())
                closing.sightings = {group: part.sightings for group, part in parts if part.sightings}
                self._close_model(closing, [(group, part.profile) for group, part in parts])
            if closing.last:
                self._forget(closing)
            yield closing

    def _forget(self, closing: Closing) -> None:
        for group in stale(self._memories, closing.end_ms, self._config):
            memory = self._memories[group.model].pop(group)
            closing.alerts += resolutions(group, memory, closing.start_ms, closing.end_ms)
            rolling = self._rolling.pop(group, None)
            if rolling is not None:
                self._standards.let_go(rolling)
            self._incidents.forget(group)
            learned = None if self._is_shared(group) else self._standards.forget(group)
            unused = self._unused.pop(group, ())
            forgotten = Forgotten(group, rolling.slots if rolling else unused)
            if learned is not None:
                forgotten = replace(forgotten, learned=tuple(learned.windows), hours=tuple(learned.hour_totals))
            closing.forgotten.append(forgotten)
            if not self._memories[group.model]:
                del self._memories[group.model]

    def _is_shared(self, group: Group) -> bool:
        """Whether another version has the same baseline."""
        return any(other.segment == group.segment for other in self._memories[group.model])

    def _close_model(self, closing: Closing, groups: list[tuple[Group, GroupProfile]]) -> None:
        if closing.completeness is Completeness.COMPLETE:
            self._learn(closing, groups)
        memories = self._of(groups[0][0].model) if groups else {}
        rollout = Rollout.of(self._config, closing.start_ms, groups, memories)
        decided: dict[Group, Decided] = {}
        for group, profile in rollout.in_order():
            memory = memories.get(group, GroupMemory())
            if memory.closed_through_ms < closing.end_ms:
                decided[group] = self._decide(closing, group, profile, memory, rollout, decided)
        if decided:
            self._speak(closing, groups, list(decided.values()))
        if closing.completeness is Completeness.COMPLETE:
            self._watch(closing, groups)
            for group, profile in rollout.in_order():
                self._roll(closing, group, profile)

    def _of(self, model: str) -> Mapping[Group, GroupMemory]:
        """What is remembered of a model's groups."""
        return self._memories.get(model, {})

    def _learn(self, closing: Closing, groups: list[tuple[Group, GroupProfile]]) -> None:
        for (model, segment), profile in _of_all_versions(groups).items():
            kept = self._standards.learn(model, segment, closing.start_ms, profile)
            if kept is not None:
                closing.baselines[model, segment] = kept

    def _watch(self, closing: Closing, groups: list[tuple[Group, GroupProfile]]) -> None:
        """Takes the window for what windows are like, where a baseline cannot tell, unless it is part of an incident."""
        if not groups or not self._standards.watches(groups[0][0].model):
            return
        for (model, segment), profile in _of_all_versions(groups).items():
            if not any(self._fires(group) for group in self._of(model) if group.segment == segment):
                kept = self._standards.watch(model, segment, closing.start_ms, profile)
                if kept is not None:
                    closing.baselines[model, segment] = kept

    def _fires(self, group: Group) -> bool:
        return any(signal.onset_ms is not None for signal in self._of(group.model)[group].signals.values())

    def _roll(self, closing: Closing, group: Group, profile: GroupProfile) -> None:
        """Takes the window into the group's rolling baseline, unless it is part of an incident."""
        rolling = self._rolling_of(group)
        if rolling is None or self._fires(group):
            return
        rolled = rolling.add(closing.start_ms, profile)
        if rolled is not None:
            closing.rolled[group] = rolled

    def _rolling_of(self, group: Group) -> Rolling | None:
        if group not in self._rolling:
            self._rolling[group] = self._standards.rolling(group)
        return self._rolling[group]

    def _decide(
        self,
        closing: Closing,
        group: Group,
        profile: GroupProfile,
        memory: GroupMemory,
        rollout: Rollout,
        before: Mapping[Group, Decided],
    ) -> Decided:
        """What becomes of a group; `before` are those decided already, the old version's among them."""
        firing = [name for name, signal in memory.signals.items() if signal.onset_ms is not None]
        judgement = judge(
            group,
            closing.start_ms,
            profile,
            closing.completeness,
            self._standards,
            memory.traces,
            memory.scores,
            firing,
            len(rollout.arrivals),
            self._rolling_of(group),
            closing.sightings[group].scorer if group in closing.sightings else "",
        )
        arrival = rollout.arrival(group, self._of(group.model).get(group))
        old = rollout.old_of(group)
        if old is not None:
            theirs = before[old].signals if old in before else self._of(old.model).get(old, GroupMemory()).signals
            beside = rollout.beside(group, old, theirs)
            judgement, arrival = self._roll_out(closing, group, judgement, arrival, beside)
        found = Decided(group, profile, judgement, memory, arrival, dict(memory.signals), [])
        found.replaced = memory.scores.baseline_events not in (0, judgement.baseline_events)
        for record in judgement.signals:
            known = found.signals.get(record.name, SignalMemory())
            decision = (
                ended(known)
                if found.replaced and known.onset_ms is not None
                else decide(known, closing.start_ms, record.state, self._config.detection)
            )
            found.signals[record.name] = decision.memory
            if decision.event is not None:
                found.events.append((record, decision))
        if closing.completeness is Completeness.COMPLETE:
            found.end_unjudged()
        return found

    def _roll_out(
        self, closing: Closing, group: Group, judgement: Judgement, arrival: Arrival, beside: Beside
    ) -> tuple[Judgement, Arrival]:
        """Announces a version that is new, and takes for warnings the drifts that it explains."""
        settings = self._standards.settings
        if arrival.first_ms == closing.start_ms and group.segment is None:
            window = Announced(closing.start_ms, closing.end_ms, judgement.baseline_events)
            closing.alerts.append(announcement(group, window, beside, judgement.signals, settings))
        signals, arrival = beside.explained(judgement.signals, arrival, settings)
        return replace(judgement, signals=signals), arrival

    def _speak(self, closing: Closing, groups: list[tuple[Group, GroupProfile]], decided: list[Decided]) -> None:
        """What the model's groups say and remember, once it is known which incident their alerts belong to."""
        model = groups[0][0].model
        onsets = [onset for one in decided for onset in one.onsets_ms]
        incident_ms = self._incidents.of_firing(model, onsets)
        if incident_ms is not None:
            for one in decided:
                one.belong_to(incident_ms)
        moved = {one.group: one.incidents for one in decided}
        incident = self._incidents.after(model, closing.end_ms, incident_ms, moved)
        for one in decided:
            closing.alerts += self._alerts(closing, groups, one)
            closing.records.append(_window_record(closing, one))
            closing.quantiles[one.group] = self._quantiles(one.profile)
            remembered = self._remembered(closing, one, incident_ms, incident)
            self._memories.setdefault(model, {})[one.group] = closing.memories[one.group] = remembered
        for one in decided:
            self._incidents.take(one.group, closing.memories[one.group])

    def _quantiles(self, profile: GroupProfile) -> dict[str, tuple[float, ...]]:
        """By signal, of those that have numbers."""
        found = quantiles_of(list(profile.signals.values()), self._shares).tolist()
        return {name: tuple(row) for name, row in zip(profile.signals, found, strict=True) if row and not isnan(row[0])}

    def _alerts(self, closing: Closing, groups: list[tuple[Group, GroupProfile]], one: Decided) -> Iterator[Alert]:
        why = self._explanation(closing, groups, one) if one.onsets_ms else None
        for record, decision in one.events:
            if decision.event is AlertState.FIRING and why is not None:
                yield _alert(closing, one, record, decision, record.summary, why.of(record.name))
            else:
                yield _alert(closing, one, record, decision, self._well(record, replaced=one.replaced))

    def _explanation(self, closing: Closing, groups: list[tuple[Group, GroupProfile]], one: Decided) -> Explanation:
        return Explanation(one.group, closing.start_ms, one.judgement.signals, groups, self._standards)

    def _well(self, record: SignalRecord, *, replaced: bool) -> str:
        """What an alert says that resolves."""
        subject = "correlations" if record.name == PAIRWISE else record.name
        if replaced:
            return f"{subject}: has another baseline now"
        if record.state is State.NO_DATA:
            return f"{subject}: nothing judges it any more"
        n = self._config.detection.resolve_after
        return f"{subject}: no change that matters in " + (f"{n} windows in a row" if n > 1 else "a window")

    def _remembered(
        self, closing: Closing, one: Decided, incident_ms: int | None, incident: Incident | None
    ) -> GroupMemory:
        """With the onsets of the incidents within the period of the model's budget that the group had a part in."""
        per_ms = closing.budgets[one.group.model].per_ms
        began = {incident_ms} if incident_ms is not None and one.onsets_ms else set()
        counted = sorted({*one.memory.onsets_ms, *began})
        onsets = tuple(onset for onset in counted if onset > closing.end_ms - per_ms)
        # What an alert rested on would else raise it again in the first window that is a little high.
        resolved = [record.name for record, decision in one.events if decision.event is AlertState.RESOLVED]
        scores = one.judgement.scores.without(resolved)
        return GroupMemory(closing.end_ms, one.signals, one.judgement.traces, onsets, scores, incident, one.arrival)


def _of_all_versions(groups: list[tuple[Group, GroupProfile]]) -> dict[Key, GroupProfile]:
    merged: dict[Key, GroupProfile] = {}
    for group, profile in groups:
        key = (group.model, group.segment)
        merged[key] = merged[key].merge(profile) if key in merged else profile
    return merged


def _window_record(closing: Closing, one: Decided) -> WindowRecord:
    return WindowRecord(
        model=one.group.model,
        version=one.group.version,
        segment=one.group.pair,
        start_ms=closing.start_ms,
        end_ms=closing.end_ms,
        events=one.profile.count,
        completeness=closing.completeness,
        state=one.judgement.state,
        baseline_events=one.judgement.baseline_events,
        learned_windows=one.judgement.learned_windows,
        signals=one.judgement.signals,
    )


def _alert(
    closing: Closing,
    one: Decided,
    record: SignalRecord,
    decision: Decision,
    summary: str,
    contributions: Contributions | None = None,
) -> Alert:
    assert decision.event is not None
    group, onset_ms = one.group, decision.onset_ms
    incident_ms = onset_ms if decision.incident_ms is None else decision.incident_ms
    return Alert(
        id=alert_id(group, record.name, onset_ms),
        incident=incident_id(group.model, incident_ms),
        incident_onset_ms=incident_ms,
        state=decision.event,
        model=group.model,
        version=group.version,
        segment=group.pair,
        signal=record.name,
        onset_ms=onset_ms,
        start_ms=closing.start_ms,
        end_ms=closing.end_ms,
        summary=summary,
        p_value=record.p_value,
        level=record.level,
        effect=record.effect,
        effect_low=record.effect_low,
        effect_high=record.effect_high,
        budget_basis=record.budget_basis,
        baseline_events=one.judgement.baseline_events,
        window_events=one.profile.count,
        evidence=record.verdicts,
        cells=_moved_most(record.cells),
        contributions=contributions,
    )


def _moved_most(cells: tuple[Cell, ...]) -> tuple[Cell, ...]:
    """The cells whose share changed most; that of a rate that alone says drift before all."""
    before = sum(cell.reference for cell in cells) or 1
    after = sum(cell.current for cell in cells) or 1
    values = sorted(of_values(cells), key=lambda c: (-abs(c.current / after - c.reference / before), c.label))
    return tuple([*cells[: len(cells) - len(values)], *values][:CELLS_IN_ALERT])
