"""Reading a stretch of a partition straight from the log, without a group."""

import asyncio
from collections.abc import AsyncIterator, Coroutine, Iterable
from typing import Any, Self, TypeVar

from aiokafka import TopicPartition
from aiokafka.errors import KafkaError

from pipeline.connections.connection import aiokafka_settings
from pipeline.connections.kafka_consumer import AIOKafkaConsumer
from pipeline.connections.rights import refusal_of
from pipeline.connections.topics import servers_of
from schemas.config import Config
from schemas.errors import BrokerError
from schemas.packet import SourcePartition

_POLL_MS = 500
_MOST_RECORDS = 4000
_FETCH_BYTES = 1024 * 1024
_MOST_BYTES = 10 * 1024 * 1024

Range = tuple[int, int]
T = TypeVar("T")


async def bounds_of(config: Config, topic: str, partition: int) -> Range:
    """The offsets `[first, end)` that the log has."""
    place = TopicPartition(topic, partition)
    consumer = AIOKafkaConsumer(**aiokafka_settings(config), group_id=None)
    await consumer.start()
    try:
        first, end = await consumer.beginning_offsets([place]), await consumer.end_offsets([place])
        return int(first[place]), int(end[place])
    finally:
        await consumer.stop()


async def read_range(
    config: Config, topic: str, partition: int, start: int, stop: int
) -> AsyncIterator[tuple[int, bytes | None, bytes | None]]:
    """Offset, key and value of each message in `[start, stop)` that the log still has."""
    place = TopicPartition(topic, partition)
    consumer = AIOKafkaConsumer(
        **aiokafka_settings(config),
        group_id=None,
        enable_auto_commit=False,
        auto_offset_reset="earliest",
        max_partition_fetch_bytes=_MOST_BYTES,
    )
    await consumer.start()
    try:
        consumer.assign([place])
        consumer.seek(place, start)
        while await consumer.position(place) < stop:
            for records in (await consumer.getmany(place, timeout_ms=_POLL_MS)).values():
                for record in records:
                    if record.offset >= stop:
                        return
                    yield record.offset, record.key, record.value
    finally:
        await consumer.stop()


def unread(config: Config, error: Exception) -> BrokerError:
    """What to raise where a client cannot read."""
    return refusal_of(error) or BrokerError(f"Kafka at {servers_of(config)} cannot be read: {error}")


class RangeReader:
    """Reads stretches of partitions, one fetch at a time, on a loop of its own and without a group: nothing is
    committed, and no group is joined. Raises BrokerError where the broker cannot be reached."""

    def __init__(self, config: Config, sources: Iterable[SourcePartition]) -> None:
        self._config = config
        self._places = [TopicPartition(*source) for source in sources]
        self._next: dict[Any, int] = {}
        self._runner = asyncio.Runner()
        self._consumer = self._run(self._connected())

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._runner.run(self._consumer.stop())
        self._runner.close()

    def ranges(self, since_ms: int, until_ms: int) -> dict[SourcePartition, Range]:
        """Of each partition the offsets `[start, stop)` of the records written in `[since_ms, until_ms)`, as far as
        the log still has them."""
        return self._run(self._ranges(since_ms, until_ms))

    def bounds(self) -> dict[SourcePartition, Range]:
        """The offsets `[first, end)` that the log has of each partition."""
        return self._run(self._bounds())

    def read(self, source: SourcePartition, start: int, stop: int) -> tuple[list[Any], int]:
        """The next records of the partition from `start` on, at most `_MOST_RECORDS` and none at `stop` or beyond, and
        the offset after them; it is `stop` where there are no more."""
        return self._run(self._read(TopicPartition(*source), start, stop))

    def _run(self, call: Coroutine[Any, Any, T]) -> T:
        try:
            return self._runner.run(call)
        except KafkaError as error:
            raise unread(self._config, error) from error

    async def _connected(self) -> Any:
        consumer = AIOKafkaConsumer(
            **aiokafka_settings(self._config),
            group_id=None,
            enable_auto_commit=False,
            auto_offset_reset="none",
            max_partition_fetch_bytes=_FETCH_BYTES,
        )
        await consumer.start()
        consumer.assign(self._places)
        return consumer

    async def _bounds(self) -> dict[SourcePartition, Range]:
        places = self._places
        first, end = await self._consumer.beginning_offsets(places), await self._consumer.end_offsets(places)
        return {SourcePartition(p.topic, p.partition): (int(first[p]), int(end[p])) for p in places}

    async def _ranges(self, since_ms: int, until_ms: int) -> dict[SourcePartition, Range]:
        places = self._places
        end = await self._consumer.end_offsets(places)
        starts = await self._consumer.offsets_for_times(dict.fromkeys(places, max(0, since_ms)))
        stops = await self._consumer.offsets_for_times(dict.fromkeys(places, max(0, until_ms)))
        found = {}
        for p in places:
            start, stop = (int(end[p]) if at[p] is None else int(at[p].offset) for at in (starts, stops))
            found[SourcePartition(p.topic, p.partition)] = (start, max(start, stop))
        return found

    async def _read(self, place: Any, start: int, stop: int) -> tuple[list[Any], int]:
        if self._next.get(place) != start:
            self._consumer.seek(place, start)
        records: list[Any] = []
        while start < stop and not records:
            found = await self._consumer.getmany(place, timeout_ms=_POLL_MS, max_records=_MOST_RECORDS)
            records = [record for record in found.get(place, ()) if record.offset < stop]
            start = await self._consumer.position(place)
            self._next[place] = start
        return records, min(start, stop)
