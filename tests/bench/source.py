"""The events, made once: a file for each mix, and a topic of two partitions on a real Kafka."""

import asyncio
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager

from kafka import KafkaAdminClient

from tests.bench.events import EVENT_BYTES, MIXES, PARTITIONS, events
from tests.bench.work import events_file
from tests.kafka.broker import KafkaBroker
from tests.kafka.ready import wait_until_ready
from tests.pipeline.workers import create_topic, send

_WITHIN = 0.01


def write_events(folder: str, mixes: Iterable[str], n: int) -> None:
    for mix in mixes:
        values = list(events(n, MIXES[mix]))
        mean = sum(map(len, values)) / n
        if mix == "clean" and abs(mean / EVENT_BYTES - 1) > _WITHIN:
            raise ValueError(f"events must be {EVENT_BYTES} bytes on average, within {_WITHIN:.0%}, got {mean:.1f}")
        events_file(folder, mix).write_bytes(b"\n".join(values))


@contextmanager
def kafka(bootstrap_servers: str | None, run: str) -> Iterator[str]:
    """The bootstrap servers of the broker given, or of one that lasts as long as this. What the run has left on a
    broker given is deleted."""
    if bootstrap_servers is None:
        with KafkaBroker() as broker:
            yield broker.bootstrap_servers
        return
    wait_until_ready(bootstrap_servers, timeout_seconds=15)
    try:
        yield bootstrap_servers
    finally:
        _delete(bootstrap_servers, run)


def fill_topic(servers: str, topic: str, values: Sequence[bytes]) -> None:
    """Deals the events to the partitions in turn."""
    create_topic(servers, topic, PARTITIONS)
    asyncio.run(send(servers, topic, values, PARTITIONS))


def _delete(servers: str, run: str) -> None:
    with KafkaAdminClient(bootstrap_servers=servers) as admin:
        admin.delete_topics([name for name in admin.list_topics() if name.startswith(run)])
        admin.delete_groups([g["group_id"] for g in admin.list_groups() if g["group_id"].startswith(run)])
