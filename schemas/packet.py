"""The messages of the profiles topic: packets of profiles, and the markers that say what was sent.

    "DL" | version (1 byte) | kind (1 byte) | length of header (4 bytes) | header, JSON | payload | CRC-32 (4 bytes)

A packet holds a group's profiles for one window of one block of one source partition. It is a function of that
partition's records and the configuration alone, so it has the same bytes whoever sends it, and however often.
"""

import zlib
from typing import Annotated, NamedTuple, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from schemas.errors import WireError
from schemas.group import Group, Segment

VERSION = 1
SCORED_VERSION = 2
"""That of a packet whose events were scored; one of others has the bytes that it always had."""
_MAGIC = b"DL"
_PACKET, _MARKER = b"P", b"M"
_FIXED = 8
_CHECKSUM = 4

Whole = Annotated[int, Field(ge=-(1 << 63), lt=1 << 63)]
Count = Annotated[int, Field(ge=0, lt=1 << 63)]
Score = Annotated[float, Field(ge=0, allow_inf_nan=False)]
Partitions = Annotated[int, Field(ge=1, le=100_000)]
Header = TypeVar("Header", bound=BaseModel)


class SourcePartition(NamedTuple):
    """A partition that events are read from."""

    topic: str
    partition: int

    def __str__(self) -> str:
        return f"{self.topic}[{self.partition}]"


class _Header(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    topic: str
    topic_id: str
    partition: Count
    position: Count
    watermark_ms: Whole
    fingerprint: str
    block_size: Count

    @property
    def source(self) -> SourcePartition:
        return SourcePartition(self.topic, self.partition)


class Stamp(NamedTuple):
    """Where in its source partition a message was sent: messages of one partition are sent in this order."""

    position: int
    watermark_ms: int
    ordinal: int


class PacketHeader(_Header):
    """What stands before a packet's profiles.

    `position` is the offset after the last record read when it was sent, `begin` and `end` the offsets its events
    lie between. `fold` says how far segments were folded into `__other__`. A group too large for one message is sent
    in parts, each with some of its signals; `events` are counted in part 0.
    """

    ordinal: Count
    begin: Count
    end: Count
    window_start_ms: Whole
    window_end_ms: Whole
    model: str
    version: str
    segment: tuple[str, str] | None = None
    fold: Count = 0
    part: Count = 0
    events: Count

    @property
    def group(self) -> Group:
        return Group(self.model, self.version, Segment(*self.segment) if self.segment else None)

    @property
    def stamp(self) -> Stamp:
        return Stamp(self.position, self.watermark_ms, self.ordinal)


class Anomalies(BaseModel):
    """The most anomalous events of a packet, offset and score, by the scorer of that digest."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    scorer: str
    worst: tuple[tuple[Count, Score], ...] = ()


class ScoredPacketHeader(PacketHeader):
    """That of a group whose events were scored."""

    anomalies: Anomalies


class Sent(BaseModel):
    """How many packets and events of one window one emission sent to one profiles partition."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    window_start_ms: Whole
    packets: Count
    events: Count


class Marker(_Header):
    """Sent to every profiles partition after the packets of an emission are acknowledged.

    `sources` counts the partitions of each source topic; `previous` is the position and watermark of the marker
    before this one; `late`, `refused` and `excluded` count events since then.
    """

    sources: dict[str, Partitions]
    generation: Whole
    previous: tuple[Whole, Whole] | None = None
    sent: tuple[Sent, ...] = ()
    late: Count = 0
    refused: Count = 0
    excluded: Count = 0

    @property
    def stamp(self) -> Stamp:
        return Stamp(self.position, self.watermark_ms, 1 << 62)


class Packet(NamedTuple):
    """A packet as sent: its header, and its profiles as `detectors.groups.wire` has them."""

    header: PacketHeader
    payload: bytes


def encode_packet(packet: Packet) -> bytes:
    """The bytes of a packet."""
    version = SCORED_VERSION if isinstance(packet.header, ScoredPacketHeader) else VERSION
    return _frame(version, _PACKET, packet.header, packet.payload)


def encode_marker(marker: Marker) -> bytes:
    """The bytes of a marker."""
    return _frame(VERSION, _MARKER, marker, b"")


def decode_message(data: bytes) -> Packet | Marker:
    """The packet or marker that `data` is. Raises WireError on anything else."""
    version, kind, header, payload = _unframed(data)
    if kind == _PACKET:
        return Packet(_header(ScoredPacketHeader if version == SCORED_VERSION else PacketHeader, header), payload)
    if kind != _MARKER:
        raise WireError(f"profile message: kind {kind!r} is not known")
    if payload:
        raise WireError("profile message: a marker with a payload")
    return _header(Marker, header)


def _header(kind: type[Header], text: bytes) -> Header:
    try:
        header = kind.model_validate_json(text)
    except ValidationError as error:
        raise WireError(f"profile message: header: {error.errors()[0]['msg']}") from error
    if _text(header) != text:
        raise WireError("profile message: header: not as it is written here")
    return header


def _text(header: BaseModel) -> bytes:
    return header.model_dump_json(exclude_none=True).encode()


def _frame(version: int, kind: bytes, header: BaseModel, payload: bytes) -> bytes:
    text = _text(header)
    body = b"".join((_MAGIC, bytes([version]), kind, len(text).to_bytes(4, "big"), text, payload))
    return body + zlib.crc32(body).to_bytes(_CHECKSUM, "big")


def _unframed(data: bytes) -> tuple[int, bytes, bytes, bytes]:
    if len(data) < _FIXED + _CHECKSUM or data[:2] != _MAGIC:
        raise WireError("profile message: not one of ours")
    known = (VERSION, SCORED_VERSION) if data[3:4] == _PACKET else (VERSION,)
    if data[2] not in known:
        raise WireError(
            f"profile message: version {data[2]} is not known here, only {' and '.join(map(str, known))}: upgrade this reader"
        )
    if zlib.crc32(data[:-_CHECKSUM]) != int.from_bytes(data[-_CHECKSUM:], "big"):
        raise WireError("profile message: the checksum does not match")
    length = int.from_bytes(data[4:_FIXED], "big")
    if length > len(data) - _FIXED - _CHECKSUM:
        raise WireError("profile message: the header is cut off")
    return data[2], data[3:4], data[_FIXED : _FIXED + length], data[_FIXED + length : -_CHECKSUM]
