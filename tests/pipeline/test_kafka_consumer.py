"""A consumer's end, where a fetch that it cancels has not begun; the end of a partition that is not its any more; and records
as they were read."""

import asyncio
from typing import Any

from aiokafka import TopicPartition
from aiokafka.consumer.fetcher import Fetcher, PartitionRecords
from aiokafka.record.default_records import DefaultRecordBatchBuilder
from aiokafka.record.memory_records import MemoryRecords
from aiokafka.structs import ConsumerRecord

from pipeline.connections.kafka_consumer import AIOKafkaConsumer, as_read, end_of


def _fetcher(*fetches: asyncio.Task[None]) -> Fetcher:
    fetcher = Fetcher.__new__(Fetcher)  # what `close` reads, without a broker
    fetcher._fetch_task = asyncio.create_task(asyncio.sleep(60))
    fetcher._pending_tasks = set(fetches)
    fetcher._fetch_waiters = set()
    return fetcher


async def test_a_fetch_that_has_not_begun_does_not_end_its_owner() -> None:
    fetch = asyncio.create_task(asyncio.sleep(60))
    await _fetcher(fetch).close()
    assert fetch.cancelled()


async def test_the_end_of_a_partition_that_has_moved_away_is_not_known() -> None:
    """In a rebalance the thread that has the consumer knows before the one that has the monitor."""
    consumer = AIOKafkaConsumer()
    here, away = TopicPartition("a", 0), TopicPartition("a", 1)
    consumer.assign([here])
    assert end_of(consumer, here) is None
    assert end_of(consumer, away) is None
    await consumer.stop()


HEADERS = [("k", b"v")]


def _batch() -> bytes:
    batch = DefaultRecordBatchBuilder(2, 0, 0, -1, -1, -1, 1 << 20)
    for at in range(3):
        batch.append(at, 1_000 + at, None if at else b"key", None if at == 1 else b"value", HEADERS[:at])
    return bytes(batch.build())


def _read(deserializer: Any) -> list[Any]:
    place = TopicPartition("a", 0)
    return list(PartitionRecords(place, MemoryRecords(_batch()), [], 0, None, deserializer, True, 0))


def test_records_are_as_they_were_read_where_that_is_asked_for() -> None:
    """And else, as for Faust, they are what aiokafka makes of them."""
    plain, others = _read(as_read), _read(None)
    assert {type(record) for record in others} == {ConsumerRecord}
    assert not any(isinstance(record, ConsumerRecord) for record in plain)
    for one, other in zip(plain, others, strict=True):
        assert (one.offset, one.timestamp, one.key, one.value) == (
            other.offset,
            other.timestamp,
            other.key,
            other.value,
        )
        assert tuple(one.headers) == other.headers
