"""Refused records, laid aside unchanged with the reason, or, where they may hold what is private, by their place alone."""

import asyncio
from bisect import bisect_left
from collections.abc import Sequence
from operator import attrgetter
from typing import Any

from aiokafka import AIOKafkaProducer, TopicPartition

from pipeline.connections.kafka_consumer import Record
from pipeline.events.waiting import Waiting
from pipeline.ingest.passage import DeadLetter
from pipeline.serving.board import Board
from schemas.config import Config

_OFFSET = attrgetter("offset")
_MOST_BYTES = 10 * 1024 * 1024
_ROOM_BYTES = 64 * 1024


class DeadLetters:
    """The dead-letter topic."""

    def __init__(self, config: Config, producer: AIOKafkaProducer, board: Board, *, keeps_records: bool) -> None:
        self._topic = config.kafka.dead_letters_topic
        self._producer = producer
        self._board = board
        self._keeps_records = keeps_records

    async def send(self, tp: TopicPartition, letters: Sequence[DeadLetter], records: Sequence[Record]) -> None:
        """Sends what was refused, of these records or of halves that came before them, and waits until all are acknowledged."""
        sent = []
        for letter in letters:
            record = letter.record or records[bisect_left(records, letter.offset, key=_OFFSET)]
            self._board.refused[letter.reason] += 1
            sent.append(await self._send(tp, letter, record))
        await asyncio.gather(*sent)

    async def _send(self, tp: TopicPartition, letter: DeadLetter, record: Record | Waiting) -> Any:
        place = {
            "reason": letter.reason,
            "topic": tp.topic,
            "partition": str(tp.partition),
            "offset": str(record.offset),
        }
        key, value = (record.key, record.value) if self._keeps_records else (None, None)
        if value is not None and len(value) + len(key or b"") > _MOST_BYTES - _ROOM_BYTES:
            place, value = {**place, "omitted_bytes": str(len(value))}, None
        if key is not None and len(key) > _MOST_BYTES - _ROOM_BYTES:
            place, key = {**place, "omitted_key_bytes": str(len(key))}, None
        if key is None and value is None:
            key = b""  # the client sends no record that has neither
        headers = [(name, text.encode()) for name, text in place.items()]
        return await self._producer.send(self._topic, value, key, headers=headers)
