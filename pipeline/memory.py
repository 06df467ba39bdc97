"""What outlives a window: the records that the monitor keeps, each with a version and a checksum.

version (1 byte) | JSON | CRC-32 (4 bytes)
"""

import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from pipeline.alerting import SignalMemory
from pipeline.event_time import BEGINNING
from schemas import codec
from schemas.errors import StateError, WireError
from schemas.packet import SourcePartition

VERSION = 1


@dataclass(frozen=True, slots=True)
class GroupMemory:
    """One group's: the end of the last window closed for it, each signal's alert, and the trace of its last slices
    as (mean, count) pairs."""

    closed_through_ms: int = BEGINNING
    signals: Mapping[str, SignalMemory] = field(default_factory=dict)
    traces: Mapping[str, tuple[tuple[float, int], ...]] = field(default_factory=dict)

    def encode(self) -> bytes:
        signals = {name: memory.to_json() for name, memory in self.signals.items()}
        return _sealed({"closed_through_ms": self.closed_through_ms, "signals": signals, "traces": self.traces})

    @classmethod
    def decode(cls, data: bytes) -> "GroupMemory":
        """Raises StateError where the record is damaged or of a version not known here."""
        record = _opened(data)
        signals = {name: SignalMemory.from_json(memory) for name, memory in record["signals"].items()}
        traces = {name: tuple((float(m), int(n)) for m, n in trace) for name, trace in record["traces"].items()}
        return cls(record["closed_through_ms"], signals, traces)


@dataclass(frozen=True, slots=True)
class PartitionMemory:
    """One profiles partition's: the window last closed, how far its log had been read by then, the first message
    (`head`) that its open windows need, the watermarks of the source partitions (position, watermark, generation, topic id),
    and how many partitions each source topic has."""

    closed_through_ms: int = BEGINNING
    read_through: int = -1
    head: int = 0
    sources: Mapping[str, int] = field(default_factory=dict)
    vector: Mapping[SourcePartition, tuple[int, int, int, str]] = field(default_factory=dict)

    def encode(self) -> bytes:
        vector = [[*source, *view] for source, view in sorted(self.vector.items())]
        return _sealed(
            {
                "closed_through_ms": self.closed_through_ms,
                "read_through": self.read_through,
                "head": self.head,
                "sources": self.sources,
                "vector": vector,
            }
        )

    @classmethod
    def decode(cls, data: bytes) -> "PartitionMemory":
        """Raises StateError where the record is damaged or of a version not known here."""
        record = _opened(data)
        vector = {
            SourcePartition(topic, i): (position, mark, gen, topic_id)
            for topic, i, position, mark, gen, topic_id in record["vector"]
        }
        return cls(record["closed_through_ms"], record["read_through"], record["head"], record["sources"], vector)


def _sealed(record: dict[str, Any]) -> bytes:
    body = bytes([VERSION]) + codec.encode_canonical(record)
    return body + zlib.crc32(body).to_bytes(4, "big")


def _opened(data: bytes) -> Any:
    if len(data) < 5 or zlib.crc32(data[:-4]) != int.from_bytes(data[-4:], "big"):
        raise StateError(
            "a state record is damaged: its checksum does not match; restore the state topic or use a new kafka.group"
        )
    if data[0] != VERSION:
        raise StateError(f"a state record has version {data[0]}, this worker reads {VERSION}: upgrade it")
    try:
        return codec.decode(data[1:-4])
    except WireError as error:
        raise StateError(f"a state record is damaged: {error}") from error
