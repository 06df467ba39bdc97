"""aiokafka's consumer, with a `stop()` that ends, and with records as they were read where these are asked for.

Its fetcher cancels each fetch under way and awaits it. One that has not yet begun answers with a CancelledError, which
ends `stop()` itself: connections stay open, and in Faust's consumer and in ours whoever waits for the end waits for ever.
The fetcher is mended for every consumer of the process, Faust's among them.

Of each record it makes another, of eleven fields, in half a microsecond.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Protocol, TypeVar

from aiokafka import AIOKafkaConsumer
from aiokafka.consumer.fetcher import Fetcher, PartitionRecords

__all__ = ["AIOKafkaConsumer", "Record", "as_read", "end_of", "was_cancelled"]

T = TypeVar("T")


class Record(Protocol):
    """What is asked of a record; aiokafka's `ConsumerRecord` has it, too."""

    offset: int
    timestamp: int
    key: bytes | None
    value: bytes | None
    headers: Sequence[tuple[str, bytes]]


def as_read(value: T) -> T:
    """As a consumer's `value_deserializer`, has it give each record as it was read."""
    return value


_record: Callable[[Any, Any, Any], Any] = PartitionRecords._consumer_record


def _record_as_asked(records: Any, place: Any, record: Any) -> Any:
    return record if records._value_deserializer is as_read else _record(records, place, record)


PartitionRecords._consumer_record = _record_as_asked

_close: Callable[[Any], Awaitable[None]] = Fetcher.close


async def _end_fetches_and_close(fetcher: Any) -> None:
    fetcher._closed = True
    fetches = [fetcher._fetch_task, *fetcher._pending_tasks]
    for fetch in fetches:
        fetch.cancel()
    await asyncio.wait(fetches)
    fetcher._pending_tasks.clear()
    await _close(fetcher)


Fetcher.close = _end_fetches_and_close


def was_cancelled() -> bool:
    """Whether somebody cancelled the task that runs, which has to end then. A CancelledError can also be of a task that a
    client cancelled and awaited."""
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0


def end_of(consumer: Any, place: Any) -> int | None:
    """The end of a partition as the broker told it last, for show. None where it did not tell, or where the partition has
    moved to another worker meanwhile: aiokafka asserts that it has not, and a rebalance runs in a thread of Faust's."""
    try:
        end: int | None = consumer.highwater(place)
    except AssertionError:
        return None
    return end
