"""Bytes that ingest sends on the profiles topic, to the bytes of the events that it read.

The load is one source partition's share: a model of 21 signals and 10 segments, 5,000 events a second over 16
partitions, windows of 5 minutes. The events are one block, so that packets cut by a block's end have their share.
"""

from collections import Counter
from collections.abc import Iterator

from pipeline.events.files.batch import in_batches
from pipeline.history.local import LocalIngest
from schemas.config import Config
from schemas.packet import Packet, encode_marker, encode_packet
from tests.bench.events import BLOCK, SEGMENTS, WINDOW_MS, Mix, events, model_names
from tests.bench.finding import Finding
from tests.bench.work import Work

PER_SECOND, PARTITIONS = 5_000, 16
MIX = Mix(window_events=PER_SECOND * WINDOW_MS // 1000 // PARTITIONS)
EVENTS = BLOCK


def measure(work: Work) -> list[Finding]:
    sent: Counter[str] = Counter()
    ingest = LocalIngest(_config())
    for message in ingest.messages(batch.values for batch in in_batches(_counted(sent))):
        if isinstance(message, Packet):
            sent["packets"] += 1
            sent["packet bytes"] += len(encode_packet(message))
        else:
            sent["marker bytes"] += len(encode_marker(message))
    event = sent["event bytes"] / 100
    load = f"{PER_SECOND:,} events/s, {len(SEGMENTS)} segments, {PARTITIONS} partitions"
    return [
        Finding(f"bytes of packets to bytes of events, {load}", sent["packet bytes"] / event, "%", at_most=2.0),
        Finding("bytes of markers to bytes of events, one profiles partition", sent["marker bytes"] / event, "%"),
        Finding("a packet", sent["packet bytes"] / sent["packets"], "bytes"),
        Finding("packets for an event", sent["packet bytes"] / EVENTS, "bytes"),
    ]


def _config() -> Config:
    return Config.from_mapping({"models": [{"name": name, "segments": ["tags.country"]} for name in model_names(MIX)]})


def _counted(sent: Counter[str]) -> Iterator[bytes]:
    for event in events(EVENTS, MIX):
        sent["event bytes"] += len(event)
        yield event
