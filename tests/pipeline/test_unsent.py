"""What a worker has read and could not send is read again: it commits nothing beyond that when it ends."""

import asyncio
import gc
import time
import uuid
from collections import Counter

import pytest

from pipeline.connections.admin import Admin
from pipeline.connections.topics import topic_specs
from pipeline.ingest import partition
from pipeline.serving.board import Board
from pipeline.worker.kafka_ingest import KafkaIngest
from schemas.config import Config
from schemas.packet import Packet, decode_message
from tests.kafka.choice import Kafka
from tests.pipeline.events import START_MS, encode, event
from tests.pipeline.workers import create_topic, read_topic, send

WINDOW_MS, WINDOW_EVENTS = 10_000, 100
AHEAD_S = 3600.0


def packets(config: Config) -> list[Packet]:
    messages = read_topic(config.kafka.bootstrap_servers, config.kafka.profiles_topic)
    return [message for value in messages if isinstance(message := decode_message(value.value), Packet)]


def events_by_window(config: Config) -> Counter[int]:
    """Of distinct packets."""
    found: Counter[int] = Counter()
    for header in {packet.header.stamp: packet.header for packet in packets(config)}.values():
        found[(header.window_start_ms - START_MS) // WINDOW_MS] += header.events
    return found


async def run_until_sent(config: Config, windows: int, clock_ahead_s: float) -> None:
    """Runs an ingest until so many windows are sent. Raises what it raises."""
    ingest = KafkaIngest(config, Board(), clock=lambda: time.time() + clock_ahead_s)
    running = asyncio.create_task(ingest.run())
    deadline = time.monotonic() + 60.0
    while not running.done() and len(await asyncio.to_thread(events_by_window, config)) < windows:
        if time.monotonic() > deadline:
            break
        await asyncio.sleep(0.2)
    ingest.stop()
    await running


@pytest.mark.parametrize(
    ("idle", "windows", "fails_at"), [(False, 3, 2), (True, 1, 1)], ids=["between events", "on an idle partition"]
)
def test_an_error_before_a_packet_is_sent_loses_no_event(
    real_kafka: Kafka, monkeypatch: pytest.MonkeyPatch, idle: bool, windows: int, fails_at: int
) -> None:
    """On an idle partition a window is sealed by the time that passes, here an hour at once."""
    servers, name = real_kafka.bootstrap_servers, f"unsent-{uuid.uuid4().hex[:8]}"
    config = Config.from_mapping(
        {
            "kafka": {
                "bootstrap_servers": servers,
                "topics": [name],
                "group": name,
                "prefix": name,
                "profiles_partitions": 1,
            },
            "window": {"length": "10s", "allowed_lateness": "0s", "idle_timeout": "1s" if idle else "1d"},
        }
    )
    create_topic(servers, name, 1)
    with Admin(config) as admin:
        admin.create(topic_specs(config))
    times = [START_MS + i * WINDOW_MS // WINDOW_EVENTS for i in range((windows + (not idle)) * WINDOW_EVENTS)]
    asyncio.run(send(servers, name, (encode(event(i, ts)) for i, ts in enumerate(times)), 1))

    encode_groups, calls = partition.encode_groups, Counter[str]()

    def without_memory_once(groups: list[partition.GroupProfile]) -> list[bytes]:
        calls["made"] += 1
        if calls["made"] == fails_at:
            raise MemoryError
        return encode_groups(groups)

    monkeypatch.setattr(partition, "encode_groups", without_memory_once)
    ahead_s = AHEAD_S if idle else 0.0
    with pytest.raises(MemoryError):
        asyncio.run(run_until_sent(config, windows, ahead_s))
    assert len(events_by_window(config)) < windows
    asyncio.run(run_until_sent(config, windows, ahead_s))
    assert events_by_window(config) == dict.fromkeys(range(windows), WINDOW_EVENTS)
    gc.collect()  # what the client leaves open is told of here, and not in the test that comes next
