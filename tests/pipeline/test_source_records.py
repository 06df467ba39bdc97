"""What may be on a source topic: any compression, keys of any size; and where a group begins to read it."""

import asyncio
import gc
import time
import uuid
from collections.abc import Callable
from typing import Any

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from kafka import KafkaAdminClient, KafkaProducer
from kafka.admin import NewTopic

from pipeline.connections.admin import Admin, Committed
from pipeline.connections.topics import ingest_group, topic_specs
from pipeline.serving.board import Board
from pipeline.worker.kafka_ingest import KafkaIngest
from schemas.config import Config
from schemas.errors import BrokerError, StateError
from schemas.packet import SourcePartition
from tests.kafka.choice import Kafka
from tests.pipeline.events import START_MS, encode, event
from tests.pipeline.workers import read_topic, send

N = 50
LARGE = 32 << 20


class Source:
    """A source topic with one partition, and what reads it."""

    def __init__(self, kafka: Kafka, **section: Any) -> None:
        self.servers, self.name = kafka.bootstrap_servers, f"source-{uuid.uuid4().hex[:8]}"
        names = {"topics": [self.name], "group": self.name, "prefix": self.name}
        self.config = Config.from_mapping({"kafka": {"bootstrap_servers": self.servers, **names, **section}})
        with Admin(self.config) as admin:
            admin.create(topic_specs(self.config))
        client = KafkaAdminClient(bootstrap_servers=self.servers)
        client.create_topics(
            [NewTopic(self.name, 1, 1, topic_configs={"retention.ms": "-1", "max.message.bytes": str(LARGE)})]
        )
        client.close()
        self.board = Board()

    async def produce(self, records: list[tuple[bytes | None, bytes | None]], **settings: Any) -> None:
        producer = AIOKafkaProducer(bootstrap_servers=self.servers, max_request_size=LARGE, **settings)
        await producer.start()
        try:
            for key, value in records:
                await producer.send_and_wait(self.name, value, key)
        finally:
            await producer.stop()

    async def read(self, done: Callable[[], bool], ingest: KafkaIngest | None = None) -> None:
        """Reads until it is done. Raises what ingest raises."""
        ingest = ingest or KafkaIngest(self.config, self.board)
        running = asyncio.create_task(ingest.run())
        deadline = time.monotonic() + 60.0
        while not running.done() and not done():
            assert time.monotonic() < deadline, "it does not come to an end"
            await asyncio.sleep(0.1)
        ingest.stop()
        await running

    def committed(self) -> Committed | None:
        source = SourcePartition(self.name, 0)
        with Admin(self.config) as admin:
            return admin.committed(ingest_group(self.config), [source]).get(source)


def good(n: int = N) -> list[tuple[bytes | None, bytes | None]]:
    return [(None, encode(event(i, START_MS + i))) for i in range(n)]


@pytest.mark.parametrize("codec", ["gzip", "lz4", "snappy", "zstd"])
def test_records_are_read_however_they_are_compressed(real_kafka: Kafka, codec: str) -> None:
    source = Source(real_kafka)
    asyncio.run(source.produce(good(), compression_type=codec, linger_ms=20))
    asyncio.run(source.read(lambda: source.board.events["profiled"] == N))
    gc.collect()  # what the client leaves open is told of here, and not in the test that comes next


def test_a_key_too_large_for_the_dead_letters_is_left_out_there(real_kafka: Kafka) -> None:
    source = Source(real_kafka)
    key = b"k" * (11 << 20)
    asyncio.run(source.produce([*good(), (key, None), *good()]))
    asyncio.run(source.read(lambda: source.board.events["profiled"] == 2 * N))
    [letter] = read_topic(source.servers, source.config.kafka.dead_letters_topic)
    headers = dict(letter.headers)
    assert (letter.key, letter.value, headers["omitted_key_bytes"]) == (b"", None, str(len(key)).encode())
    gc.collect()


def test_where_a_group_begins_is_committed_before_anything_is_read(real_kafka: Kafka) -> None:
    """Else a worker that dies before its first commit has the next one begin at the end again."""
    source = Source(real_kafka, start="latest")
    asyncio.run(send(source.servers, source.name, (value for _, value in good() if value), 1))
    found: list[Committed | None] = []

    async def read() -> None:
        ingest = KafkaIngest(source.config, source.board)
        fetch = ingest._fetch

        async def after_a_look() -> Any:
            if ingest._owned and not found:
                found.append(await asyncio.to_thread(source.committed))
            return await fetch()

        ingest._fetch = after_a_look  # type: ignore[method-assign]
        await source.read(lambda: bool(found), ingest)

    asyncio.run(read())
    assert [at and at.offset for at in found] == [N]
    gc.collect()


def test_a_log_that_ends_before_what_was_read_of_it_is_said_in_one_line(real_kafka: Kafka) -> None:
    """As after an election of a replica that lacked records."""
    source = Source(real_kafka)
    asyncio.run(source.produce(good()))
    asyncio.run(source.read(lambda: source.board.events["profiled"] == N))
    at = source.committed()
    assert at is not None
    metadata = at.metadata.replace(f"{N}", f"{N + 7}", 1)
    assert metadata != at.metadata

    async def commit() -> None:
        consumer = AIOKafkaConsumer(bootstrap_servers=source.servers, group_id=ingest_group(source.config))
        await consumer.start()
        place = TopicPartition(source.name, 0)
        consumer.assign([place])
        await consumer.commit({place: (at.offset, metadata)})
        await consumer.stop()

    asyncio.run(commit())
    with pytest.raises(
        StateError, match=rf"{source.name}\[0\] ends at {N}, and was read up to {N + 7}: the broker has lost"
    ):
        asyncio.run(source.read(lambda: False))
    gc.collect()


class Latin(str):
    """A text that clients which take bytes may send."""

    __slots__ = ()

    def encode(self, *_: object) -> bytes:
        return b"caf\xe9"


def test_a_header_whose_name_the_client_cannot_read_is_said_in_one_line(real_kafka: Kafka) -> None:
    source = Source(real_kafka)
    producer = KafkaProducer(bootstrap_servers=source.servers)
    producer.send(source.name, good(1)[0][1], headers=[(Latin("name"), b"x")])
    producer.close()
    with pytest.raises(BrokerError, match=rf"header whose name is not UTF-8.*{source.name}\[0\] from 0"):
        asyncio.run(source.read(lambda: False))
    gc.collect()
