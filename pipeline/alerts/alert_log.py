"""The alert topic, read from where its history begins and then as it grows; without a group, so nothing is committed."""

import asyncio
import logging
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping
from contextlib import aclosing, asynccontextmanager
from types import MappingProxyType
from typing import Any, NamedTuple, NoReturn

from aiokafka import TopicPartition
from aiokafka.errors import KafkaError

from pipeline.connections.admin import Admin
from pipeline.connections.connection import aiokafka_settings
from pipeline.connections.kafka_consumer import AIOKafkaConsumer
from pipeline.connections.log_reader import unread
from pipeline.connections.rights import read_rights
from schemas.alert import Alert, AlertState
from schemas.config import Config
from schemas.errors import BrokerError, InputError

log = logging.getLogger("driftline.notify")

_POLL_MS = 500
_MOST_RECORDS = 4000
_MOST_BYTES = 10 * 1024 * 1024


class Written(NamedTuple):
    """An alert event, when it was written to the topic, epoch milliseconds, and what stood there."""

    alert: Alert
    written_ms: int
    value: bytes = b""
    headers: Mapping[str, bytes] = MappingProxyType({})


class AlertLog:
    """A reader of the alert topic; made by `opened`. While the broker is away there is nothing to read."""

    def __init__(self, consumer: Any, ends: dict[Any, int], config: Config) -> None:
        self._consumer = consumer
        self._ends = ends
        self._config = config

    async def read(self) -> list[Written]:
        """The next alerts; none where there are none for half a second. Raises BrokerError where they are refused."""
        try:
            found = await self._consumer.getmany(timeout_ms=_POLL_MS, max_records=_MOST_RECORDS)
        except KafkaError as error:
            raise unread(self._config, error) from error
        return [written for records in found.values() for record in records if (written := _written(record))]

    async def caught_up(self) -> bool:
        """Whether all has been read that was there when the reader was opened."""
        for place, end in list(self._ends.items()):
            if await self._consumer.position(place) < end:
                return False
            del self._ends[place]
        return True

    async def lag(self) -> int:
        """How many messages have not been read, as far as the broker has said."""
        behind = 0
        for place in self._consumer.assignment():
            end = self._consumer.highwater(place) or self._ends.get(place, 0)
            behind += max(0, end - await self._consumer.position(place))
        return behind


@asynccontextmanager
async def opened(config: Config, since_ms: int | None) -> AsyncIterator[AlertLog]:
    """A reader from the first message written at `since_ms` or later, or, with None, from the next that comes. Raises BrokerError where the broker has no such
    topic, or cannot be reached."""
    partitions = await asyncio.to_thread(_partitions, config)
    places = [TopicPartition(config.kafka.alerts_topic, partition) for partition in range(partitions)]
    consumer = AIOKafkaConsumer(
        **aiokafka_settings(config),
        group_id=None,
        enable_auto_commit=False,
        auto_offset_reset="earliest",
        retry_backoff_ms=_POLL_MS,
        max_partition_fetch_bytes=_MOST_BYTES,
    )
    try:
        yield AlertLog(consumer, await _begin(consumer, places, since_ms, config), config)
    finally:
        await consumer.stop()


async def held(config: Config) -> AsyncGenerator[Written]:
    """What the topic held when this began, oldest first within a partition. Raises as `opened` does."""
    async with opened(config, 0) as alerts:
        done = False
        while not done:
            done = await alerts.caught_up()
            for written in await alerts.read():
                yield written


async def follow(config: Config, show: Callable[[Written], None], *, from_beginning: bool) -> NoReturn:
    """Shows what comes, and before it what the topic holds, where that is wanted. Raises as `opened` does."""
    async with opened(config, 0 if from_beginning else None) as alerts:
        while True:
            for written in await alerts.read():
                show(written)


def find_alert(config: Config, name: str) -> Alert:
    """The first firing alert that the topic holds of this id, or of the incident of this id. Raises InputError where there is
    none, BrokerError where the topic cannot be read."""
    return asyncio.run(_find(config, name))


async def _find(config: Config, name: str) -> Alert:
    async with aclosing(held(config)) as alerts:
        async for written in alerts:
            alert = written.alert
            if name in (alert.id, alert.incident) and alert.state is AlertState.FIRING:
                return alert
    raise InputError(
        f"no alert and no incident {name!r} on {config.kafka.alerts_topic}; their ids are in: driftline alerts list -c FILE"
    )


def _partitions(config: Config) -> int:
    """How many the topic has."""
    topic = config.kafka.alerts_topic
    with Admin(config) as admin:
        found = admin.topics([topic])
        if topic not in found:
            raise BrokerError(f"topic {topic} does not exist; create it with: driftline topics -c FILE")
        admin.demand(read_rights([topic]))
    return found[topic].partitions


async def _begin(consumer: Any, places: list[Any], since_ms: int | None, config: Config) -> dict[Any, int]:
    """Takes every partition up, and returns where each ends now."""
    try:
        await consumer.start()
        consumer.assign(places)
        ends: dict[Any, int] = await consumer.end_offsets(places)
        starts: dict[Any, Any] = dict.fromkeys(places)
        if since_ms is not None:
            starts = await consumer.offsets_for_times(dict.fromkeys(places, max(0, since_ms)))
    except KafkaError as error:
        raise unread(config, error) from error
    for place in places:
        consumer.seek(place, ends[place] if starts[place] is None else starts[place].offset)
    return ends


def _written(record: Any) -> Written | None:
    try:
        value = record.value or b""
        return Written(Alert.model_validate_json(value), record.timestamp, value, dict(record.headers))
    except ValueError:
        log.warning(
            "passed over a message that is no alert, or one of a newer version: topic=%s partition=%d offset=%d",
            record.topic,
            record.partition,
            record.offset,
        )
        return None
