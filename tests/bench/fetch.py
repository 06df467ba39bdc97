"""aiokafka's `getmany`, alone and with orjson on whole batches: the floor."""

import asyncio
from collections.abc import Callable

from aiokafka import TopicPartition
from aiokafka.structs import ConsumerRecord

from pipeline.connections.kafka_consumer import AIOKafkaConsumer
from schemas import codec
from tests.bench.events import PARTITIONS
from tests.bench.stopwatch import Stopwatch
from tests.bench.work import BATCH, Measured, Work

JOINED = 1000
Use = Callable[[list[ConsumerRecord]], None]


def measure(work: Work) -> Measured:
    return asyncio.run(_read(work, lambda _: None))


def measure_floor(work: Work) -> Measured:
    return asyncio.run(_read(work, _decode))


def _decode(records: list[ConsumerRecord]) -> None:
    for i in range(0, len(records), JOINED):
        codec.loads(b"[%b]" % b",".join([record.value for record in records[i : i + JOINED]]))


async def _read(work: Work, use: Use) -> Measured:
    """All of the topic, fetched as ingest does."""
    partitions = [TopicPartition(work.topic_of("clean"), i) for i in range(PARTITIONS)]
    consumer = AIOKafkaConsumer(
        bootstrap_servers=work.servers,
        enable_auto_commit=False,
        auto_offset_reset="none",
        max_partition_fetch_bytes=4 * 1024 * 1024,
        fetch_max_wait_ms=200,
    )
    await consumer.start()
    try:
        consumer.assign(partitions)
        for partition in partitions:
            consumer.seek(partition, 0)
        watch, left = Stopwatch(), work.events
        while left:
            for records in (await consumer.getmany(timeout_ms=200, max_records=BATCH)).values():
                use(records)
                left -= len(records)
        return watch.stop(work.events)
    finally:
        await consumer.stop()
