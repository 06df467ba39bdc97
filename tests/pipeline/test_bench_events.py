"""The events of the benchmark are what its figures say they are."""

from detectors.groups.wire import decode_group
from pipeline.history.local import LocalIngest
from schemas.config import Config
from schemas.packet import Packet
from tests.bench.events import EVENT_BYTES, MIXES, events

N = 4000


def test_events_are_the_same_every_time() -> None:
    for mix in MIXES.values():
        assert list(events(N, mix)) == list(events(N, mix))


def test_events_are_628_bytes_on_average_and_all_profiled_in_21_signals() -> None:
    values = list(events(N))
    assert abs(sum(map(len, values)) / N / EVENT_BYTES - 1) < 0.01
    ingest = LocalIngest(Config())
    packets = [message for message in ingest.messages([values]) if isinstance(message, Packet)]
    assert +ingest.counts == {"profiled": N}
    assert {len(decode_group(packet.payload).signals) for packet in packets} == {21}
