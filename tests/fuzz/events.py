"""Events: each record is counted as one thing, whatever it holds and whichever records it is read with."""

from random import Random
from typing import Any

import numpy as np

from detectors.groups.wire import decode_group, encode_group
from pipeline.events.reader import Events
from pipeline.ingest.partition import PartitionIngest
from pipeline.ingest.passage import Records
from pipeline.ingest.shared import Ingest
from schemas import codec
from schemas.config import Config
from schemas.errors import WireError
from schemas.packet import SourcePartition, decode_message, encode_packet
from tests.fuzz.decoder import Decoder, same
from tests.fuzz.documents import changed, oddly_written, text_of
from tests.fuzz.mutation import mutated, noise
from tests.pipeline.events import START_MS, event

BATCH = 100
_WINDOW = {"length": "10s", "allowed_lateness": "2s"}
_SIGNALS = [
    {"name": "x", "path": "features.x", "kind": "numeric"},
    {"name": "c", "path": "features.c", "kind": "categorical"},
    {"name": "deep", "path": "features.a.b"},
]
_CONFIGS = (
    Config.from_mapping({"window": _WINDOW, "limits": {"event_bytes": 20_000, "signals_per_model": 3}}),
    Config.from_mapping(
        {"window": _WINDOW, "models": [{"name": "m", "segments": ["tags.country", "version"], "signals": _SIGNALS}]}
    ),
)
_INGESTS = [Ingest(config) for config in _CONFIGS]
_END_MS = START_MS + 10_000_000
_WRITTEN_DEPTH = 250  # the encoder goes no deeper


def _document(random: Random) -> dict[str, Any]:
    i = random.randrange(1000)
    tags = {"country": random.choice(("DE", "FR", 7, None))}
    return event(i, START_MS + random.randrange(15_000), tags=tags, latency_ms=float(i))


def changed_event(random: Random) -> bytes | None:
    """An event, as it should be or changed in its structure, its text or its bytes."""
    choice, document = random.random(), _document(random)
    if choice < 0.3:
        return text_of(document)
    if choice < 0.8:
        return text_of(changed(random, document))
    if choice < 0.9:
        return oddly_written(random, text_of(document))
    text = text_of(document)
    return mutated(random, text, [text]) if choice < 0.98 else random.choice((None, b"", noise(random)))


def _batch(random: Random) -> list[bytes | None]:
    return [changed_event(random) for _ in range(BATCH)]


def _feed(values: list[bytes | None]) -> int:
    """Each record is profiled, late, refused or excluded, and the packets hold what was profiled."""
    shared = _INGESTS[sum(map(len, filter(None, values))) % 2]
    _read_alone(shared, values)
    ingest = PartitionIngest(shared, SourcePartition("events", 0), "id", 0)
    n = len(values)
    record_ms = np.full(n + 1, _END_MS)
    fed = ingest.feed(Records(np.arange(n + 1), record_ms, [*values, text_of(event(0, _END_MS))]))
    same(fed.profiled + fed.late + fed.excluded + len(fed.dead_letters), n + 1, "records accounted for")
    packets = [packet for emission in fed.emissions for packet in emission.packets]
    for packet in packets:
        same(decode_message(encode_packet(packet)), packet, "a packet read again")
        same(encode_group(decode_group(packet.payload)), packet.payload, "its profile read again")
    sent = sum(packet.header.events for packet in packets if packet.header.segment is None)
    same(sent + ingest.pending_rows, fed.profiled, "events in packets")
    return sent


def _read_alone(shared: Ingest, values: list[bytes | None]) -> None:
    """A record is read alike alone and among others. Of each batch a few, for speed."""
    together = _outcomes(shared.reader.read(values))
    same(len(together), len(values), "records read or refused")
    for row in range(0, len(values), 8):
        same(_outcomes(shared.reader.read([values[row]]))[0], together[row], f"record {row} alone")


def _outcomes(events: Events) -> dict[int, Any]:
    """What became of each record: why it was refused, or its place."""
    places = zip(events.models, events.versions, events.times_ms.tolist(), strict=True)
    return dict(zip(events.rows.tolist(), places, strict=True)) | dict(events.refusals)


def _json(random: Random) -> bytes:
    value = changed_event(random) or b""
    return oddly_written(random, value) if random.random() < 0.3 else value


def _read_json(data: bytes) -> int:
    """The lenient reader reads what the strict one reads, and what either reads can be written."""
    try:
        lenient = codec.loads_lenient(data)
    except (ValueError, RecursionError):
        lenient = ...
    try:
        strict = codec.decode(data)
    except WireError:
        return int(lenient is not ...)
    if lenient is ...:
        raise AssertionError("the lenient reader refuses what the strict one reads")
    if data.count(b"[") + data.count(b"{") < _WRITTEN_DEPTH:
        same(lenient, strict, "the lenient reader's value")
        text = codec.encode_canonical(strict)
        same(codec.encode_canonical(codec.decode(text)), text, "JSON read and written again")
    return 1


DECODERS = (
    Decoder("events", 1700, _batch, _feed, BATCH),
    Decoder("json", 1350, _json, _read_json),
)
