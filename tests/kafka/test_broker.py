"""The fixtures give a Kafka that keeps what it is given."""

import subprocess
import sys
import time
import uuid
from pathlib import Path

import pytest
from aiokafka import AIOKafkaProducer, TopicPartition
from kafka import KafkaAdminClient

from pipeline.connections.kafka_consumer import AIOKafkaConsumer
from tests.kafka.broker import BrokerError, KafkaBroker, is_free
from tests.kafka.choice import Kafka

ROOT = Path(__file__).parents[2]
LONG_AGO_MS = 1_000_000_000_000


async def send(servers: str, topic: str, values: list[bytes], timestamp_ms: int | None = None) -> None:
    async with AIOKafkaProducer(bootstrap_servers=servers) as producer:
        for value in values:
            await producer.send_and_wait(topic, value, partition=0, timestamp_ms=timestamp_ms)


async def read(servers: str, topic: str, count: int) -> list[bytes]:
    async with AIOKafkaConsumer(bootstrap_servers=servers, auto_offset_reset="earliest") as consumer:
        consumer.assign([TopicPartition(topic, 0)])
        values: list[bytes] = []
        while len(values) < count:
            batches = await consumer.getmany(timeout_ms=1000)
            values += [record.value for batch in batches.values() for record in batch]
        return values


def create_topic(servers: str, topic: str, partitions: int = 1) -> None:
    with KafkaAdminClient(bootstrap_servers=servers) as admin:
        admin.create_topics({topic: {"num_partitions": partitions, "replication_factor": 1}}, wait_for_metadata=True)


def fresh_topic() -> str:
    return f"test-{uuid.uuid4().hex[:8]}"


async def test_what_is_produced_is_consumed_in_order(kafka: Kafka) -> None:
    topic = fresh_topic()
    if kafka.real:
        create_topic(kafka.bootstrap_servers, topic)
    await send(kafka.bootstrap_servers, topic, [b"one", b"two", b"three"])
    assert await read(kafka.bootstrap_servers, topic, 3) == [b"one", b"two", b"three"]


def test_admin_creates_a_topic_with_the_partitions_asked_for(real_kafka: Kafka) -> None:
    topic = fresh_topic()
    create_topic(real_kafka.bootstrap_servers, topic, partitions=3)
    with KafkaAdminClient(bootstrap_servers=real_kafka.bootstrap_servers) as admin:
        (described,) = admin.describe_topics([topic])
    assert len(described["partitions"]) == 3


async def test_events_of_long_ago_and_large_events_are_kept(real_kafka: Kafka) -> None:
    topic, large = fresh_topic(), b"x" * 4_000_000
    create_topic(real_kafka.bootstrap_servers, topic)
    async with AIOKafkaProducer(bootstrap_servers=real_kafka.bootstrap_servers, max_request_size=8_000_000) as producer:
        await producer.send_and_wait(topic, large, partition=0, timestamp_ms=LONG_AGO_MS)
    assert await read(real_kafka.bootstrap_servers, topic, 1) == [large]


async def test_a_restart_keeps_the_port_and_the_data(private_kafka: KafkaBroker) -> None:
    servers, topic = private_kafka.bootstrap_servers, fresh_topic()
    create_topic(servers, topic)
    await send(servers, topic, [b"before"])
    private_kafka.restart()
    assert private_kafka.bootstrap_servers == servers
    await send(servers, topic, [b"between"])
    private_kafka.kill()
    assert not private_kafka.running
    private_kafka.start()
    assert await read(servers, topic, 2) == [b"before", b"between"]


def test_a_broker_that_cannot_start_says_why(private_kafka: KafkaBroker) -> None:
    with (
        pytest.raises(BrokerError, match=f"port {private_kafka.port} is taken"),
        KafkaBroker(private_kafka.port),
    ):
        pass


PARENT = """
from tests.kafka.broker import KafkaBroker
broker = KafkaBroker()
broker.start()
print(broker.port, flush=True)
broker.wait()
"""


@pytest.mark.usefixtures("can_run_kafka")
def test_a_broker_ends_with_the_process_that_started_it() -> None:
    with subprocess.Popen([sys.executable, "-c", PARENT], stdout=subprocess.PIPE, text=True, cwd=ROOT) as parent:
        assert parent.stdout is not None
        port = int(parent.stdout.readline())
        assert not is_free(port)
        parent.kill()
    deadline = time.monotonic() + 10
    while not is_free(port):
        assert time.monotonic() < deadline, "the broker outlived its parent by 10 s"
        time.sleep(0.1)
