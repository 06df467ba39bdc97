"""The board: what a worker knows right now, for `/metrics` and for people. Filled by ingest and the monitor."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

from pipeline.closing import Closing
from pipeline.collect import Outcome
from schemas.group import Group
from schemas.packet import SourcePartition
from schemas.window import WindowRecord

SECONDS = 1000.0


@dataclass(slots=True)
class SourceStatus:
    """One source partition that this worker reads. Times are epoch milliseconds of event time."""

    position: int = 0
    lag: int = 0
    watermark_ms: int | None = None
    pending_events: int = 0


@dataclass(slots=True)
class GroupStatus:
    """The last window closed for a group, and which of its signals have an alert that is firing."""

    record: WindowRecord
    firing: frozenset[str] = frozenset()


@dataclass(slots=True)
class Board:
    """Counters only grow; the rest is what holds now. What moves to another worker is taken off."""

    events: Counter[str] = field(default_factory=Counter)
    refused: Counter[str] = field(default_factory=Counter)
    messages: Counter[Outcome] = field(default_factory=Counter)
    windows: Counter[str] = field(default_factory=Counter)
    alerts: Counter[tuple[str, str]] = field(default_factory=Counter)
    emissions: int = 0
    packet_bytes: int = 0
    lost_events: int = 0
    sources: dict[SourcePartition, SourceStatus] = field(default_factory=dict)
    groups: dict[tuple[int, Group], GroupStatus] = field(default_factory=dict)
    watermarks_ms: dict[int, int] = field(default_factory=dict)
    open_windows: dict[int, int] = field(default_factory=dict)

    def closed(self, partition: int, closing: Closing) -> None:
        """Notes a closed window of a profiles partition."""
        self.windows[str(closing.completeness)] += 1
        for record in closing.records:
            signals = closing.memories[record.group].signals
            firing = frozenset(name for name, memory in signals.items() if memory.onset_ms is not None)
            self.groups[partition, record.group] = GroupStatus(record, firing)
        for alert in closing.alerts:
            self.alerts[alert.model, str(alert.state)] += 1

    def drop_partitions(self, kept: Iterable[int]) -> None:
        """Takes off what belongs to profiles partitions that are not this worker's any more."""
        mine = set(kept)
        self.groups = {key: status for key, status in self.groups.items() if key[0] in mine}
        self.watermarks_ms = {p: w for p, w in self.watermarks_ms.items() if p in mine}
        self.open_windows = {p: n for p, n in self.open_windows.items() if p in mine}

    def drop_sources(self, kept: Iterable[SourcePartition]) -> None:
        """Takes off source partitions that are not this worker's any more."""
        mine = set(kept)
        self.sources = {source: status for source, status in self.sources.items() if source in mine}
