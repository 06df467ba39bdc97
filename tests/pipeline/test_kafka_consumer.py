"""A consumer's end, where a fetch that it cancels has not begun."""

import asyncio

from aiokafka.consumer.fetcher import Fetcher

import pipeline.connections.kafka_consumer  # noqa: F401  # mends the fetcher


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
