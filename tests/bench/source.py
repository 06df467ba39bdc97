"""The events, made once: a file and a topic of two partitions for each mix, on a real Kafka."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager

from confluent_kafka import KafkaException, Producer
from kafka import KafkaAdminClient

from tests.bench.events import EVENT_BYTES, MIXES, PARTITIONS, events
from tests.bench.work import events_file
from tests.kafka.broker import KafkaBroker
from tests.kafka.ready import wait_until_ready
from tests.pipeline.workers import create_topic

_WITHIN = 0.01
_MOST_QUEUED = 200_000
_FLUSH_S = 120.0


def write_events(folder: str, mixes: Iterable[str], n: int) -> None:
    for mix in mixes:
        values = list(events(MIXES[mix].size(n), MIXES[mix]))
        mean = sum(map(len, values)) / len(values)
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


class Dealer:
    """Deals events to the partitions of a topic in turn. librdkafka's producer: its CPU is a tenth of an ingest's."""

    def __init__(self, servers: str, topic: str, partitions: int = PARTITIONS) -> None:
        create_topic(servers, topic, partitions)
        self._topic = topic
        self._partitions = partitions
        self._dealt = 0
        self._failures: list[object] = []
        settings = {
            "bootstrap.servers": servers,
            "acks": "all",
            "linger.ms": 5,
            "queue.buffering.max.messages": 2 * _MOST_QUEUED,
            "queue.buffering.max.kbytes": 1 << 20,
            "log_level": 0,
        }
        self._producer = Producer(settings)

    def deal(self, values: Iterable[bytes]) -> int:
        """Sends them, in order, and returns how many once all are acknowledged."""
        before = self._dealt
        for value in values:
            partition = self._dealt % self._partitions
            self._producer.produce(self._topic, value, partition=partition, on_delivery=self._delivered)
            self._dealt += 1
            if len(self._producer) > _MOST_QUEUED:
                self._flush()
        self._flush()
        return self._dealt - before

    def _flush(self) -> None:
        left = self._producer.flush(_FLUSH_S)
        if left or self._failures:
            raise KafkaException(f"{left} events not sent to {self._topic}; {self._failures[:1]}")

    def _delivered(self, error: object, _: object) -> None:
        if error is not None:
            self._failures.append(error)


def _delete(servers: str, run: str) -> None:
    with KafkaAdminClient(bootstrap_servers=servers) as admin:
        admin.delete_topics([name for name in admin.list_topics() if name.startswith(run)])
        admin.delete_groups([g["group_id"] for g in admin.list_groups() if g["group_id"].startswith(run)])
