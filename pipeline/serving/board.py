"""The board: what a worker knows right now, for `/metrics` and for people. Filled by ingest and the monitor."""

import math
from collections import Counter
from collections.abc import Container, Iterable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, NamedTuple

from pipeline.ingest.passage import Fed
from pipeline.monitor.closing import Closing
from pipeline.monitor.collect import Outcome
from pipeline.serving.durations import Durations
from pipeline.serving.health import Health
from schemas.group import Group
from schemas.model_config import FalseAlarms
from schemas.packet import SourcePartition
from schemas.verdict import State
from schemas.window import WindowRecord

SECONDS = 1000.0


@dataclass(slots=True)
class SourceStatus:
    """One source partition that this worker reads. Times are epoch milliseconds of event time."""

    position: int = 0
    lag: int = 0
    watermark_ms: int | None = None
    pending_events: int = 0


class SignalStatus(NamedTuple):
    """What is shown of a signal: of its record without the sentence, the cells, and most of the verdicts."""

    name: str
    state: State
    null_ratio: float
    mean: float | None
    p_value: float | None
    effect: float | None
    minimum_detectable_effect: float | None
    distances: tuple[tuple[str, float], ...]
    firing: bool
    level: float | None = None
    psi_threshold: float | None = None
    quantiles: tuple[float, ...] = ()


class GroupStatus(NamedTuple):
    """The last window closed for a group, and its signals in it."""

    group: Group
    end_ms: int
    events: int
    baseline_events: int
    signals: tuple[SignalStatus, ...]
    onsets_ms: tuple[int, ...] = ()
    learned_windows: int | None = None

    @classmethod
    def of(
        cls,
        record: WindowRecord,
        firing: Container[str],
        onsets_ms: tuple[int, ...] = (),
        quantiles: Mapping[str, tuple[float, ...]] = MappingProxyType({}),
    ) -> "GroupStatus":
        events = max(record.events, 1)
        signals = tuple(
            SignalStatus(
                s.name,
                s.state,
                (s.null + s.missing) / events,
                s.mean,
                s.p_value,
                s.effect,
                s.minimum_detectable_effect,
                tuple((v["detector"], shown) for v in s.verdicts if (shown := _shown(v)) is not None),
                s.name in firing,
                s.level,
                next((v.get("threshold") for v in s.verdicts if v["detector"] == "psi"), None),
                quantiles.get(s.name, ()),
            )
            for s in record.signals
        )
        learned = record.learned_windows
        return cls(record.group, record.end_ms, record.events, record.baseline_events, signals, onsets_ms, learned)


def _shown(verdict: Mapping[str, Any]) -> float | None:
    """The statistic; of Wasserstein the scaled one, of Jensen-Shannon the distance and not the divergence in nats."""
    if verdict["detector"] == "wasserstein":
        return verdict.get("effect")
    statistic: float | None = verdict.get("statistic")
    if verdict["detector"] == "js" and statistic is not None:
        return math.sqrt(statistic / math.log(2.0))
    return statistic


@dataclass(slots=True)
class Board:
    """Counters only grow; the rest is what holds now. What moves to another worker is taken off."""

    events: Counter[str] = field(default_factory=Counter)
    refused: Counter[str] = field(default_factory=Counter)
    messages: Counter[Outcome] = field(default_factory=Counter)
    windows: Counter[str] = field(default_factory=Counter)
    alerts: Counter[tuple[str, str]] = field(default_factory=Counter)
    rebalances: Counter[str] = field(default_factory=Counter)
    flushes: Durations = field(default_factory=Durations)
    closings: Durations = field(default_factory=Durations)
    emissions: int = 0
    packet_bytes: int = 0
    lost_events: int = 0
    sources: dict[SourcePartition, SourceStatus] = field(default_factory=dict)
    groups: dict[tuple[int, Group], GroupStatus] = field(default_factory=dict)
    budgets: dict[str, FalseAlarms] = field(default_factory=dict)
    watermarks_ms: dict[int, int] = field(default_factory=dict)
    open_windows: dict[int, int] = field(default_factory=dict)
    monitor_lags: dict[int, int] = field(default_factory=dict)
    health: Health = field(default_factory=Health)

    def closed(self, partition: int, closing: Closing) -> None:
        """Notes what closing a window of a profiles partition came to."""
        self.windows[str(closing.completeness)] += closing.last
        for record in closing.records:
            signals = closing.memories[record.group].signals
            firing = {name for name, memory in signals.items() if memory.onset_ms is not None}
            onsets = closing.memories[record.group].onsets_ms
            self.groups[partition, record.group] = GroupStatus.of(
                record, firing, onsets, closing.quantiles.get(record.group, {})
            )
        self.budgets.update(closing.budgets)
        for forgotten in closing.forgotten:
            self.groups.pop((partition, forgotten.group), None)
        if closing.forgotten:
            self._keep_budgets()
        for alert in closing.alerts:
            self.alerts[alert.model, str(alert.state)] += 1

    def restored(self, partition: int, status: GroupStatus, budget: FalseAlarms) -> None:
        """Notes the last window of a group that another worker closed, unless this one has closed one since."""
        self.groups.setdefault((partition, status.group), status)
        self.budgets.setdefault(status.group.model, budget)

    def fed(self, fed: Fed) -> None:
        """Notes what became of a batch of events."""
        self.events["profiled"] += fed.profiled
        self.events["late"] += fed.late
        self.events["excluded"] += fed.excluded
        self.events["refused"] += len(fed.dead_letters)

    def incidents(self) -> dict[str, int]:
        """How many incidents each model's alerts opened within the period of its budget, up to its last window closed.
        Alerts that overlap are one incident."""
        onsets: dict[str, set[int]] = {}
        ends: dict[str, int] = {}
        for (_, group), status in self.groups.items():
            onsets.setdefault(group.model, set()).update(status.onsets_ms)
            ends[group.model] = max(status.end_ms, ends.get(group.model, status.end_ms))
        return {
            model: sum(onset > ends[model] - self.budgets[model].per_ms for onset in found)
            for model, found in onsets.items()
            if model in self.budgets
        }

    def drop_partitions(self, kept: Iterable[int]) -> None:
        """Takes off what belongs to profiles partitions that are not this worker's any more."""
        mine = set(kept)
        self.groups = {key: status for key, status in self.groups.items() if key[0] in mine}
        self._keep_budgets()
        self.watermarks_ms = {p: w for p, w in self.watermarks_ms.items() if p in mine}
        self.open_windows = {p: n for p, n in self.open_windows.items() if p in mine}
        self.monitor_lags = {p: n for p, n in self.monitor_lags.items() if p in mine}

    def drop_sources(self, kept: Iterable[SourcePartition]) -> None:
        """Takes off source partitions that are not this worker's any more."""
        mine = set(kept)
        self.sources = {source: status for source, status in self.sources.items() if source in mine}

    def _keep_budgets(self) -> None:
        """Takes off those of models that have no groups here any more. O(groups)."""
        models = {group.model for _, group in self.groups}
        self.budgets = {model: budget for model, budget in self.budgets.items() if model in models}
