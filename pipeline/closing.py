"""Closing a window: from its profiles to window records, alerts, and what is remembered.

Plain and deterministic: the same packets give the same bytes. Whoever calls it sends, in this order and each step
acknowledged: alerts, window records, group memories and baselines, the partition's memory; only then may the log be
acknowledged. A group whose memory already holds the window has been sent in full, and is passed over.

A window closes model by model: what one says is sent before the next is judged, so that memory is a model's.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace

from detectors.baseline import BaselineGroup
from detectors.group import GroupProfile
from pipeline.alerting import SignalMemory, decide
from pipeline.announcement import Announced, announcement
from pipeline.arrival import Arrival
from pipeline.collect import OpenWindow
from pipeline.judge import Judgement, judge
from pipeline.memory import GroupMemory
from pipeline.rolling import Rolled, Rolling
from pipeline.rollout import Beside, Rollout
from pipeline.standards import Key, Standards
from schemas.alert import Alert, AlertState, alert_id, incident_id
from schemas.config import Config, FalseAlarms
from schemas.group import Group, Segment
from schemas.window import Cell, Completeness, SignalRecord, WindowRecord

CELLS_IN_ALERT = 5


@dataclass(slots=True)
class Closing:
    """What closing one window says and remembers of a model; `last` of the window's models. `where` holds the offsets of each source partition, for people:
    it depends on the partitioning and stands outside the canonical bodies."""

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
    budgets: dict[str, FalseAlarms] = field(default_factory=dict)


class Closer:
    """Closes the windows of one profiles partition, in order."""

    def __init__(
        self,
        config: Config,
        standards: Standards,
        memories: Mapping[Group, GroupMemory] | None = None,
        rolled: Mapping[Group, Mapping[int, Rolled]] | None = None,
    ) -> None:
        self._config = config
        self._standards = standards
        self._memories = dict(memories or {})
        self._rolling = {group: standards.rolling(group, windows) for group, windows in (rolled or {}).items()}

    def close(self, window: OpenWindow) -> Iterator[Closing]:
        """Judges every group of the window and moves its alerts on. One closing for each model, in order; one for a
        window without any. O(buckets of all its profiles)."""
        where = {str(source): offsets for source, offsets in sorted(window.offsets.items())}
        models = sorted(window.models)
        for at in range(max(1, len(models))):
            closing = Closing(window.start_ms, window.end_ms, window.completeness, where, last=at + 1 >= len(models))
            for model in models[at : at + 1]:
                watched = self._config.model(model)
                closing.budgets[model] = watched.false_alarms if watched else FalseAlarms()
                self._close_model(closing, [(group, part.profile) for group, part in window.models[model].in_order()])
            yield closing

    def _close_model(self, closing: Closing, groups: list[tuple[Group, GroupProfile]]) -> None:
        if closing.completeness is Completeness.COMPLETE:
            self._learn(closing, groups)
        rollout = Rollout.of(self._config, closing.start_ms, groups, self._memories)
        for group, profile in rollout.in_order():
            memory = self._memories.get(group, GroupMemory())
            if memory.closed_through_ms < closing.end_ms:
                self._close_group(closing, group, profile, memory, rollout)
            if closing.completeness is Completeness.COMPLETE:
                self._roll(closing, group, profile)

    def _learn(self, closing: Closing, groups: list[tuple[Group, GroupProfile]]) -> None:
        merged: dict[tuple[str, Segment | None], GroupProfile] = {}
        for group, profile in groups:
            key = (group.model, group.segment)
            merged[key] = merged[key].merge(profile) if key in merged else profile
        for (model, segment), profile in merged.items():
            kept = self._standards.learn(model, segment, closing.start_ms, profile)
            if kept is not None:
                closing.baselines[model, segment] = kept

    def _roll(self, closing: Closing, group: Group, profile: GroupProfile) -> None:
        """Takes the window into the group's rolling baseline, unless it is part of an incident."""
        rolling = self._rolling_of(group)
        if rolling is None or any(signal.onset_ms is not None for signal in self._memories[group].signals.values()):
            return
        rolled = rolling.add(closing.start_ms, profile)
        if rolled is not None:
            closing.rolled[group] = rolled

    def _rolling_of(self, group: Group) -> Rolling | None:
        if group not in self._rolling:
            self._rolling[group] = self._standards.rolling(group)
        return self._rolling[group]

    def _close_group(
        self, closing: Closing, group: Group, profile: GroupProfile, memory: GroupMemory, rollout: Rollout
    ) -> None:
        judgement = judge(
            group,
            closing.start_ms,
            profile,
            closing.completeness,
            self._standards,
            memory.traces,
            len(rollout.arrivals),
            self._rolling_of(group),
        )
        arrival = rollout.arrival(group, self._memories.get(group))
        old = rollout.old_of(group)
        if old is not None:
            beside = rollout.beside(group, old, self._memories.get(old, GroupMemory()).signals)
            judgement, arrival = self._roll_out(closing, group, judgement, arrival, beside)
        signals = dict(memory.signals)
        for record in judgement.signals:
            decision = decide(
                signals.get(record.name, SignalMemory()), closing.start_ms, record.state, self._config.detection
            )
            signals[record.name] = decision.memory
            if decision.event is not None:
                alert = _alert(closing, group, profile, judgement, record, decision.event, decision.onset_ms)
                closing.alerts.append(alert)
        closing.records.append(_window_record(closing, group, profile, judgement))
        onsets = self._onsets(closing, group, memory)
        remembered = GroupMemory(closing.end_ms, signals, judgement.traces, onsets, arrival)
        self._memories[group] = closing.memories[group] = remembered

    def _roll_out(
        self, closing: Closing, group: Group, judgement: Judgement, arrival: Arrival, beside: Beside
    ) -> tuple[Judgement, Arrival]:
        """Announces a version that is new, and takes for warnings the drifts that it explains."""
        settings = self._standards.settings
        if arrival.first_ms == closing.start_ms and group.segment is None:
            window = Announced(closing.start_ms, closing.end_ms, judgement.baseline_events)
            closing.alerts.append(announcement(group, window, beside, judgement.signals, settings))
        signals, differs = beside.explained(judgement.signals, arrival.differs, settings)
        return replace(judgement, signals=signals), arrival._replace(differs=differs)

    def _onsets(self, closing: Closing, group: Group, memory: GroupMemory) -> tuple[int, ...]:
        """The onsets of the group's alerts within the period of the model's budget."""
        budget = closing.budgets[group.model]
        began = [a.onset_ms for a in closing.alerts if a.state is AlertState.FIRING and a.group == group]
        counted = sorted({*memory.onsets_ms, *began})
        return tuple(onset for onset in counted if onset > closing.end_ms - budget.per_ms)


def _pair(segment: Segment | None) -> tuple[str, str] | None:
    return None if segment is None else (segment.path, segment.value)


def _window_record(closing: Closing, group: Group, profile: GroupProfile, judgement: Judgement) -> WindowRecord:
    return WindowRecord(
        model=group.model,
        version=group.version,
        segment=_pair(group.segment),
        start_ms=closing.start_ms,
        end_ms=closing.end_ms,
        events=profile.count,
        completeness=closing.completeness,
        state=judgement.state,
        baseline_events=judgement.baseline_events,
        learned_windows=judgement.learned_windows,
        signals=judgement.signals,
    )


def _alert(
    closing: Closing,
    group: Group,
    profile: GroupProfile,
    judgement: Judgement,
    record: SignalRecord,
    state: AlertState,
    onset_ms: int,
) -> Alert:
    return Alert(
        id=alert_id(group, record.name, onset_ms),
        incident=incident_id(group.model, onset_ms),
        state=state,
        model=group.model,
        version=group.version,
        segment=_pair(group.segment),
        signal=record.name,
        onset_ms=onset_ms,
        start_ms=closing.start_ms,
        end_ms=closing.end_ms,
        summary=record.summary,
        p_value=record.p_value,
        level=record.level,
        effect=record.effect,
        effect_low=record.effect_low,
        effect_high=record.effect_high,
        budget_basis=record.budget_basis,
        baseline_events=judgement.baseline_events,
        window_events=profile.count,
        evidence=record.verdicts,
        cells=_moved_most(record.cells),
    )


def _moved_most(cells: tuple[Cell, ...]) -> tuple[Cell, ...]:
    """The cells whose share changed most."""
    before = sum(cell.reference for cell in cells) or 1
    after = sum(cell.current for cell in cells) or 1
    return tuple(
        sorted(cells, key=lambda c: (-abs(c.current / after - c.reference / before), c.label))[:CELLS_IN_ALERT]
    )
