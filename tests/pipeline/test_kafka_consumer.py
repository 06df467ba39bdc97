"""A consumer's end, where a fetch that it cancels has not begun; and the end of a partition that is not its any more."""

import asyncio

from aiokafka import TopicPartition
from aiokafka.consumer.fetcher import Fetcher

from pipeline.connections.kafka_consumer import AIOKafkaConsumer, end_of


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
