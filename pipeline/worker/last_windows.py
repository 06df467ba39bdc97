"""What a worker shows of profiles partitions that it was just given: each group's last window, with its own time, until the
next one closes. Of the windows topic, as far back as the groups' last records lie at most, and of what is remembered of alerts.

It is for people and for Prometheus alone: nothing that is judged rests on it, and where it cannot be read nothing is shown.
"""

import asyncio
import logging
from collections.abc import Mapping
from typing import Any

from aiokafka import TopicPartition
from aiokafka.errors import KafkaError
from pydantic import ValidationError

from pipeline.connections.connection import aiokafka_settings
from pipeline.connections.kafka_consumer import AIOKafkaConsumer
from pipeline.monitor.incidents.memory import GroupMemory
from pipeline.monitor.tables.keeping import kept_of
from pipeline.serving.board import Board, GroupStatus
from schemas.config import Config
from schemas.errors import StateError
from schemas.group import Group
from schemas.window import WindowRecord

log = logging.getLogger("driftline.monitor")

_POLL_MS = 500
# Groups that had no events in the last window have older records: so many windows of all of them are read, and of many groups fewer.
_WINDOWS = 3
_MOST_RECORDS = 1_000


class LastWindows:
    """Puts them on the board."""

    def __init__(self, config: Config, board: Board) -> None:
        self._config = config
        self._board = board

    async def show(self, partition: int, state: Mapping[bytes, bytes]) -> None:
        """Those of a partition whose groups are remembered in `state`, the records of the state table. Logs where they cannot
        be read."""
        try:
            found = await self._found(partition, state)
        except (KafkaError, OSError, StateError) as error:
            log.warning("the last windows of partition %d are not shown before the next close: %s", partition, error)
            return
        for status in found.values():
            watched = self._config.model(status.group.model)
            if watched is not None:
                self._board.restored(partition, status, watched.false_alarms)

    async def _found(self, partition: int, state: Mapping[bytes, bytes]) -> dict[Group, GroupStatus]:
        kept = await asyncio.to_thread(kept_of, partition, state, {})
        missing = {g: memory for g, memory in kept.groups.items() if (partition, g) not in self._board.groups}
        if not missing:
            return {}
        values = await self._tail(partition, min(_WINDOWS * len(kept.groups), _MOST_RECORDS))
        return await asyncio.to_thread(_statuses, values, missing)

    async def _tail(self, partition: int, most: int) -> list[bytes]:
        """The last records of the windows topic's partition."""
        place = TopicPartition(self._config.kafka.windows_topic, partition)
        consumer: Any = AIOKafkaConsumer(
            **aiokafka_settings(self._config), group_id=None, enable_auto_commit=False, auto_offset_reset="earliest"
        )
        try:
            await consumer.start()
            consumer.assign([place])
            first, end = (
                (await consumer.beginning_offsets([place]))[place],
                (await consumer.end_offsets([place]))[place],
            )
            values: list[bytes] = []
            consumer.seek(place, max(first, end - most))
            while await consumer.position(place) < end:
                for records in (await consumer.getmany(place, timeout_ms=_POLL_MS)).values():
                    values += [record.value or b"" for record in records]
            return values
        finally:
            await consumer.stop()


def _statuses(values: list[bytes], groups: Mapping[Group, GroupMemory]) -> dict[Group, GroupStatus]:
    """Of each group the window that it closed last by what is remembered: one that was sent and not kept is closed again."""
    found: dict[Group, GroupStatus] = {}
    for value in values:
        try:
            record = WindowRecord.model_validate_json(value)
        except ValidationError:
            continue
        memory = groups.get(record.group)
        if memory is not None and record.end_ms == memory.closed_through_ms:
            firing = {name for name, signal in memory.signals.items() if signal.onset_ms is not None}
            found[record.group] = GroupStatus.of(record, firing, memory.onsets_ms)
    return found
