"""Reading a stretch of a partition straight from the log, without a group."""

from collections.abc import AsyncIterator

from aiokafka import AIOKafkaConsumer, TopicPartition

from pipeline.topics import servers_of
from schemas.config import Config

_POLL_MS = 500
_MOST_BYTES = 10 * 1024 * 1024


async def first_offset(config: Config, topic: str, partition: int) -> int:
    """The first offset that the log still has."""
    place = TopicPartition(topic, partition)
    consumer = AIOKafkaConsumer(bootstrap_servers=servers_of(config), group_id=None)
    await consumer.start()
    try:
        return int((await consumer.beginning_offsets([place]))[place])
    finally:
        await consumer.stop()


async def read_range(
    config: Config, topic: str, partition: int, start: int, stop: int
) -> AsyncIterator[tuple[int, bytes | None, bytes | None]]:
    """Offset, key and value of each message in `[start, stop)` that the log still has."""
    place = TopicPartition(topic, partition)
    consumer = AIOKafkaConsumer(
        bootstrap_servers=servers_of(config),
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
