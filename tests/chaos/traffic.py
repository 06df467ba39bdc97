"""Records sent where and when a test wants them: to a partition, with a Kafka timestamp."""

import asyncio
from collections.abc import Iterable
from typing import NamedTuple

from confluent_kafka import KafkaError, Message, Producer

_PATIENCE_S = 60


class Item(NamedTuple):
    """A record to send; without a timestamp the producer's clock gives one."""

    partition: int
    value: bytes | None
    timestamp_ms: int = 0
    key: bytes | None = None


async def send_items(servers: str, topic: str, items: Iterable[Item]) -> None:
    """Sends all, those of each partition in order. The client is librdkafka's: aiokafka's sends no record that has
    neither key nor value."""
    await asyncio.to_thread(_send, servers, topic, items)


def _send(servers: str, topic: str, items: Iterable[Item]) -> None:
    producer = Producer({"bootstrap.servers": servers, "enable.idempotence": True, "linger.ms": 20})
    failed: list[KafkaError] = []

    def delivered(error: KafkaError | None, _: Message) -> None:
        if error is not None:
            failed.append(error)

    for item in items:
        while True:
            try:
                producer.produce(
                    topic, item.value, item.key, item.partition, timestamp=item.timestamp_ms, on_delivery=delivered
                )
                break
            except BufferError:
                producer.poll(0.1)
        producer.poll(0)
    left = producer.flush(_PATIENCE_S)
    assert not left, f"{left} records were not sent"
    assert not failed, failed[0]
