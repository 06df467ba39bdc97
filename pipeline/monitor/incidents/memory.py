"""What outlives a window: the records that the monitor keeps, each with a version and a checksum.

version (1 byte) | JSON | CRC-32 (4 bytes)
"""

import zlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple, TypeVar

from detectors.sequence.slices import Remembered
from detectors.statistics.sustained import Scores
from pipeline.events.event_time import BEGINNING
from pipeline.monitor.incidents.alerting import SignalMemory
from pipeline.monitor.incidents.arrival import SINCE_EVER, Arrival
from schemas import codec
from schemas.errors import StateError, WireError
from schemas.packet import SourcePartition, Stamp

VERSION = 7
_READ = (1, 2, 3, 4, 5, 6, 7)
_MOST_EVENTS = 1 << 53
Memory = TypeVar("Memory", "GroupMemory", "PartitionMemory")


class Incident(NamedTuple):
    """A model's incident: its onset, and the end of the window in which its last alert resolved; None while one fires."""

    onset_ms: int
    over_ms: int | None = None


@dataclass(frozen=True, slots=True)
class GroupMemory:
    """One group's: the end of the last window closed for it, each signal's alert, the trace of its last slices as (mean,
    count) pairs, the onsets of the incidents that its alerts opened or joined and that its budget still counts, the model's
    last incident as of that window, the last scores, and when it arrived. Version 1 had no onsets; version 3 writes the means and the counts of a trace
    apart; version 4 has the model's incident, that of each firing alert, scores and arrivals. Version 5 is the same; version 6 has
    more of an arrival, and version 7 the same."""

    closed_through_ms: int = BEGINNING
    signals: Mapping[str, SignalMemory] = field(default_factory=dict)
    traces: Remembered = field(default_factory=Remembered.nothing)
    onsets_ms: tuple[int, ...] = ()
    scores: Scores = field(default_factory=Scores)
    incident: Incident | None = None
    arrival: Arrival = SINCE_EVER

    def encode(self, version: int = VERSION) -> bytes:
        entries = 3 if version < 4 else 4
        signals = {name: memory.to_json()[:entries] for name, memory in self.signals.items()}
        traces = dict(self.traces) if version < 3 else self.traces.to_json()
        record: dict[str, Any] = {"closed_through_ms": self.closed_through_ms, "signals": signals, "traces": traces}
        if version >= 2:
            record["onsets_ms"] = self.onsets_ms
        if version >= 4:
            record["incident"] = None if self.incident is None else [*self.incident]
            record["scores"] = self.scores.to_json()
            record["arrival"] = self.arrival.to_json(version)
        return _sealed(record, version)

    @classmethod
    def decode(cls, data: bytes) -> "GroupMemory":
        """Raises StateError where the record is damaged or of a version not known here."""
        return _opened(data, cls._of)

    @classmethod
    def _of(cls, record: Any, version: int) -> "GroupMemory":
        signals = {name: SignalMemory.from_json(memory) for name, memory in record["signals"].items()}
        written = record["traces"].items()
        pairs = {name: trace if version < 3 else list(zip(*trace, strict=True)) for name, trace in written}
        traces = {name: [(float(m), int(n)) for m, n in trace] for name, trace in pairs.items()}
        if any(abs(n) > _MOST_EVENTS for trace in traces.values() for _, n in trace):
            raise ValueError("a slice has too many events")
        onsets = tuple(map(int, record.get("onsets_ms", ())))
        scores = Scores() if version < 4 else Scores.from_json(record["scores"])
        incident = None if version < 4 else _incident(record["incident"])
        arrival = SINCE_EVER if version < 4 else Arrival.from_json(record["arrival"])
        return cls(int(record["closed_through_ms"]), signals, Remembered.of(traces), onsets, scores, incident, arrival)


class SourceMemory(NamedTuple):
    """A source partition's: how far it has come, and its generation and its last marker at the head. Before version 5 the
    marker was not kept."""

    position: int
    watermark_ms: int
    generation: int
    topic_id: str
    marker: Stamp | None = None

    def to_json(self, version: int) -> list[Any]:
        found: list[Any] = [*self[:4]]
        return found if version < 5 else [*found, self.marker and [*self.marker]]

    @classmethod
    def from_json(cls, data: Sequence[Any]) -> "SourceMemory":
        position, mark, generation, topic_id, *last = data
        marker = Stamp(*map(int, last[0])) if last and last[0] is not None else None
        return cls(int(position), int(mark), int(generation), str(topic_id), marker)


@dataclass(frozen=True, slots=True)
class PartitionMemory:
    """One profiles partition's: the window last closed, how far its log had been read by then, the first message
    (`head`) that its open windows need, the source partitions (`vector`), and how many partitions each source topic has. Of windows
    that begin by `gap_through_ms` messages were lost, as far as it was known at the head; before version 7 it was not kept."""

    closed_through_ms: int = BEGINNING
    read_through: int = -1
    head: int = 0
    sources: Mapping[str, int] = field(default_factory=dict)
    vector: Mapping[SourcePartition, SourceMemory] = field(default_factory=dict)
    gap_through_ms: int = BEGINNING

    def encode(self, version: int = VERSION) -> bytes:
        record = {
            "closed_through_ms": self.closed_through_ms,
            "read_through": self.read_through,
            "head": self.head,
            "sources": self.sources,
            "vector": [[*source, *view.to_json(version)] for source, view in sorted(self.vector.items())],
        }
        return _sealed(record if version < 7 else record | {"gap_through_ms": self.gap_through_ms}, version)

    @classmethod
    def decode(cls, data: bytes) -> "PartitionMemory":
        """Raises StateError where the record is damaged or of a version not known here."""
        return _opened(data, cls._of)

    @classmethod
    def _of(cls, record: Any, version: int) -> "PartitionMemory":
        vector = {
            SourcePartition(str(topic), int(i)): SourceMemory.from_json(view) for topic, i, *view in record["vector"]
        }
        sources = {str(topic): int(n) for topic, n in record["sources"].items()}
        closed_ms, read_through, head = (int(record[name]) for name in ("closed_through_ms", "read_through", "head"))
        gap_ms = BEGINNING if version < 7 else int(record["gap_through_ms"])
        return cls(closed_ms, read_through, head, sources, vector, gap_ms)


def _incident(data: Any) -> Incident | None:
    if data is None:
        return None
    onset_ms, over_ms = data
    return Incident(int(onset_ms), None if over_ms is None else int(over_ms))


def _sealed(record: dict[str, Any], version: int) -> bytes:
    body = bytes([version]) + codec.encode_canonical(record)
    return body + zlib.crc32(body).to_bytes(4, "big")


def _opened(data: bytes, of: Callable[[Any, int], Memory]) -> Memory:
    """The memory that `of` makes of the record. What is of another type than it was written as does not come back as
    the same bytes, so it is refused."""
    if len(data) < 5 or zlib.crc32(data[:-4]) != int.from_bytes(data[-4:], "big"):
        raise StateError(
            "a state record is damaged: its checksum does not match; restore the state topic or use another kafka.group and kafka.prefix"
        )
    if data[0] not in _READ:
        raise StateError(f"a state record has version {data[0]}, this worker reads {VERSION}: upgrade it")
    try:
        memory = of(codec.decode(data[1:-4]), data[0])
        damaged = memory.encode(data[0]) != data
    except (WireError, LookupError, TypeError, ValueError, AttributeError, OverflowError) as error:
        raise StateError(f"a state record is damaged: {error}") from error
    if damaged:
        raise StateError("a state record is damaged: it is not in the form written here")
    return memory
