"""Seconds from the start of a worker that takes over an open window to its first new packet.

The worker before it read all events of the window, committed how far it had come, and was killed. The window's sealing
event came after that, so the new worker reads all of the window again before it can send it. The figure is measured
twice: with a predecessor whose session had ended before, and with one killed the moment before, whose session the new
worker has to wait out.
"""

import time
from collections.abc import Iterator
from contextlib import contextmanager

from kafka import KafkaConsumer
from kafka.structs import TopicPartition

from pipeline.connections.admin import Admin
from pipeline.connections.topics import ingest_group
from schemas import codec
from schemas.config import Config
from schemas.packet import Packet, SourcePartition, decode_message
from tests.bench.events import START_MS, WINDOW_MS, Mix, events
from tests.bench.finding import Finding
from tests.bench.source import Dealer
from tests.bench.work import Work
from tests.bench.worker import MeasuredWorker, running, settings

EVENTS = 1_000_000
BLOCK_SIZE = 2_000_000
MIX = Mix(scattered=1)
WITHIN_S = 15.0
PATIENCE_S = 300.0
READS = ": reads from"


class Life:
    """A group of one worker on the topic, and its profiles topic."""

    def __init__(self, work: Work, topic: str, name: str) -> None:
        self._servers = work.servers
        self._source = SourcePartition(topic, 0)
        group = f"{work.run}-{name}"
        mapping = settings(work, topic, group, block_size=BLOCK_SIZE)
        self._config = Config.from_mapping(mapping)
        self._worker = MeasuredWorker(work, group, mapping, work.core)

    def read_all(self, n: int) -> None:
        """Starts, reads the topic, commits that, and is killed."""
        with running(self._worker):
            self._worker.start()
            self._worker.wait("the position is committed", lambda: self._position() == n)

    def first_packet(self, after: int) -> tuple[float, float]:
        """Starts again. Seconds until it begins to read, and until there is a packet or marker of a later position."""
        begun = time.monotonic()
        before = self._worker.log.count(READS)
        with running(self._worker), self._profiles() as consumer:
            self._worker.start()
            reads = None
            while not _beyond(consumer, after):
                if reads is None and self._worker.log.count(READS) > before:
                    reads = time.monotonic() - begun
                if not self._worker.alive or time.monotonic() - begun > PATIENCE_S:
                    raise TimeoutError(f"no packet:\n{self._worker.log[-2000:]}")
            return reads or 0.0, time.monotonic() - begun

    def _position(self) -> int:
        """What is committed as accounted for."""
        with Admin(self._config) as admin:
            committed = admin.committed(ingest_group(self._config), [self._source])
        return int(codec.decode(committed[self._source].metadata.encode())["position"]) if committed else 0

    @contextmanager
    def _profiles(self) -> Iterator[KafkaConsumer]:
        """All of the profiles topic that is still to come."""
        consumer = KafkaConsumer(bootstrap_servers=self._servers, enable_auto_commit=False)
        partitions = range(self._config.kafka.profiles_partitions)
        consumer.assign([TopicPartition(self._config.kafka.profiles_topic, i) for i in partitions])
        consumer.seek_to_beginning()
        try:
            yield consumer
        finally:
            consumer.close()


def measure(work: Work) -> list[Finding]:
    topic, n = f"{work.run}.events", work.scaled(EVENTS)
    dealer = Dealer(work.servers, topic, 1)
    dealer.deal(events(n, MIX))
    early, late = Life(work, topic, "early"), Life(work, topic, "late")
    early.read_all(n)
    late.read_all(n)
    dealer.deal([_sealing()])
    at_once = late.first_packet(n)
    cold = early.first_packet(n)
    return [
        Finding(f"cold start, {n:,} events of an open window: first packet", cold[1], "s", at_most=WITHIN_S),
        Finding("until it begins to read", cold[0], "s"),
        Finding("started at once after kill -9: first packet", at_once[1], "s", at_most=WITHIN_S),
        Finding("until it begins to read: the dead worker's session has ended", at_once[0], "s"),
    ]


def _sealing() -> bytes:
    event = codec.decode(next(events(1)))
    return codec.encode({**event, "ts": START_MS + 3 * WINDOW_MS})


def _beyond(consumer: KafkaConsumer, position: int) -> bool:
    polled = consumer.poll(timeout_ms=50).values()
    return any(_position_of(record.value) > position for records in polled for record in records)


def _position_of(value: bytes) -> int:
    message = decode_message(value)
    return message.header.position if isinstance(message, Packet) else message.position
