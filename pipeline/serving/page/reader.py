"""Reading the windows and alerts topics into a chronicle, without a group: nothing is committed, and every worker reads
all of it.

It reads for at most a quarter of the time, so that a start with a long past behind it leaves the processor to ingest and
the monitor.
"""

import asyncio
import logging
import time
from collections.abc import Callable
from typing import Any

from aiokafka import TopicPartition
from aiokafka.errors import KafkaError

from pipeline.connections.admin import Admin
from pipeline.connections.connection import aiokafka_settings
from pipeline.connections.kafka_consumer import AIOKafkaConsumer
from pipeline.connections.log_reader import unread
from pipeline.connections.rights import read_rights
from pipeline.connections.topics import servers_of
from pipeline.ingest.sightings import LOOK_AT
from pipeline.serving.page.chronicle import Chronicle
from pipeline.serving.page.renderer import Freshness
from pipeline.serving.page.words import lasting, moment
from schemas.config import Config
from schemas.errors import BrokerError

log = logging.getLogger("driftline.page")

_POLL_MS = 500
_MOST_RECORDS = 50
_FETCH_BYTES = 1024 * 1024
_MOST_WINDOW_RECORDS = 50_000
_MOST_ALERTS = 10_000
_REST = 3.0
_LOOK_EVERY_S = 5.0
_SILENT_S = 20.0
_RETRY_S = 5.0


class TopicReader:
    """Keeps a chronicle up to date, from `page.history` ago on. `clock` gives epoch seconds: it decides where to begin,
    and how long ago things were."""

    def __init__(self, config: Config, chronicle: Chronicle, clock: Callable[[], float] = time.time) -> None:
        self._config = config
        self._chronicle = chronicle
        self._clock = clock
        kafka = config.kafka
        partitions = range(kafka.profiles_partitions)
        self._windows = [TopicPartition(kafka.windows_topic, p) for p in partitions]
        self._alerts = [TopicPartition(kafka.alerts_topic, p) for p in partitions]
        self._at: dict[Any, int] = {}
        self._unread: int | None = None
        self._looked_s: float | None = None
        self._closed_s: float | None = None

    async def run(self) -> None:
        """Reads on until cancelled, come what may: a page must not end a worker."""
        while True:
            try:
                await self._read(to_the_end=False)
            except (KafkaError, OSError, TimeoutError) as error:
                log.warning("the page cannot read %s: %s", servers_of(self._config), error)
            except Exception:
                log.exception("the page stopped reading, and begins again")
            await asyncio.sleep(_RETRY_S)

    async def read_to_the_end(self) -> None:
        """Reads what there is now. Raises BrokerError where Kafka cannot be read."""
        try:
            await self._read(to_the_end=True)
        except KafkaError as error:
            raise unread(self._config, error) from error

    def freshness(self) -> Freshness:
        """How new the chronicle is."""
        now = self._clock()
        newest_ms = self._chronicle.newest_ms
        upto = "" if newest_ms is None else f"Windows up to {moment(newest_ms)}"
        if self._looked_s is None or self._unread is None:
            return Freshness("Reading has not begun: Kafka has not answered yet", stale=True)
        if now - self._looked_s > _SILENT_S:
            said = f"Kafka has not answered for {lasting(int(1000 * (now - self._looked_s)))}"
            return Freshness(". ".join(filter(None, [upto, said])), stale=True)
        if self._unread:
            return Freshness(". ".join(filter(None, [upto, f"{self._unread:,} records still to be read"])), stale=True)
        if self._closed_s is None:
            return Freshness("Up to date")
        since_ms = int(1000 * max(0.0, now - self._closed_s))
        return Freshness(f"{upto}, the last closed {lasting(since_ms)} ago", stale=since_ms > self._patience_ms)

    @property
    def _patience_ms(self) -> int:
        """How long no window may close before that is worth a look."""
        window = self._config.window
        return 3 * (window.length_ms + window.allowed_lateness_ms + window.idle_timeout_ms)

    async def _read(self, *, to_the_end: bool) -> None:
        consumer = AIOKafkaConsumer(
            **aiokafka_settings(self._config),
            group_id=None,
            enable_auto_commit=False,
            auto_offset_reset="earliest",
            max_partition_fetch_bytes=_FETCH_BYTES,
        )
        try:
            await consumer.start()
            await self._begin(consumer)
            while not (to_the_end and self._unread == 0):
                await self._turn(consumer)
        finally:
            await consumer.stop()

    async def _begin(self, consumer: Any) -> None:
        """Where it was before; else where the bounded past begins."""
        places = [*self._alerts, *self._windows]
        consumer.assign(places)
        if not self._at:
            first, end = await consumer.beginning_offsets(places), await consumer.end_offsets(places)
            since_ms = int(1000 * self._clock()) - self._config.page.history_ms
            found = await consumer.offsets_for_times(dict.fromkeys(self._windows, max(0, since_ms)))
            for place in self._alerts:
                self._at[place] = max(first[place], end[place] - _MOST_ALERTS)
            for place in self._windows:
                start = end[place] if found[place] is None else found[place].offset
                self._at[place] = max(first[place], start, end[place] - _MOST_WINDOW_RECORDS)
        for place, offset in self._at.items():
            consumer.seek(place, offset)
        await self._look(consumer)

    async def _turn(self, consumer: Any) -> None:
        batches = await consumer.getmany(timeout_ms=_POLL_MS, max_records=_MOST_RECORDS)
        for place, records in batches.items():
            take = self._chronicle.window if place.topic == self._config.kafka.windows_topic else self._chronicle.alert
            for record in records:
                began_s = time.monotonic()
                take(record.value or b"", dict(record.headers).get(LOOK_AT))
                self._at[place] = record.offset + 1
                if place.topic == self._config.kafka.windows_topic:
                    self._closed_s = max(self._closed_s or 0.0, record.timestamp / 1000)
                await asyncio.sleep(_REST * (time.monotonic() - began_s))
        if self._unread or self._looked_s is None or self._clock() - self._looked_s > _LOOK_EVERY_S:
            await self._look(consumer)

    async def _look(self, consumer: Any) -> None:
        """Asks how much there is to be read: an answer, or its lack, is what says whether Kafka is there."""
        ends = await asyncio.wait_for(consumer.end_offsets(list(self._at)), _SILENT_S)
        self._unread = sum(max(0, end - self._at[place]) for place, end in ends.items())
        self._looked_s = self._clock()


def read_all(config: Config) -> Chronicle:
    """What the topics say of the last `page.history`. Raises BrokerError where they cannot be read."""
    with Admin(config) as admin:
        wanted = [config.kafka.windows_topic, config.kafka.alerts_topic]
        missing = sorted(set(wanted) - set(admin.topics(wanted)))
        if missing:
            raise BrokerError(f"topic {', '.join(missing)} does not exist; create it with: driftline topics -c FILE")
        admin.demand(read_rights(wanted))
    chronicle = Chronicle(config.page.windows)
    asyncio.run(TopicReader(config, chronicle).read_to_the_end())
    return chronicle
