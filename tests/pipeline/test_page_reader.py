"""Reading the topics for the page: all of a bounded past, once, and how fresh that is."""

import asyncio
from typing import Any

import pytest
from aiokafka import AIOKafkaProducer

from pipeline.serving.page.chronicle import Chronicle
from pipeline.serving.page.reader import TopicReader
from schemas.config import Config
from schemas.errors import BrokerError
from tests.kafka.choice import Kafka
from tests.pipeline.past import Said, drifting
from tests.pipeline.workers import create_topic

NOW_S = 1_750_000_000.0
HOUR_MS = 3_600_000


class FixedClock:
    def __init__(self) -> None:
        self.now_s = NOW_S

    def __call__(self) -> float:
        return self.now_s


def config_of(kafka: Kafka, prefix: str) -> Config:
    raw: dict[str, Any] = {"bootstrap_servers": kafka.bootstrap_servers, "prefix": prefix, "profiles_partitions": 2}
    config = Config.from_mapping({"kafka": raw, "page": {"history": "1h"}})
    for topic in (config.kafka.windows_topic, config.kafka.alerts_topic):
        create_topic(kafka.bootstrap_servers, topic, 2)
    return config


async def put(config: Config, topic: str, values: list[bytes], ago_ms: int) -> None:
    """Values on the topic's second partition, with a broker's timestamp of so long ago."""
    producer = AIOKafkaProducer(bootstrap_servers=list(config.kafka.bootstrap_servers))
    await producer.start()
    try:
        for value in values:
            await producer.send_and_wait(topic, value, partition=1, timestamp_ms=int(NOW_S * 1000) - ago_ms)
    finally:
        await producer.stop()


async def test_it_begins_an_hour_ago_and_knows_alerts_from_before(real_kafka: Kafka) -> None:
    said = drifting("loan", 6000)
    config, clock, chronicle = config_of(real_kafka, "reader"), FixedClock(), Chronicle()
    reader = TopicReader(config, chronicle, clock)
    assert reader.freshness().stale
    await put(config, config.kafka.alerts_topic, said.alerts, 30 * HOUR_MS)
    await put(config, config.kafka.windows_topic, said.windows[:60], 2 * HOUR_MS)
    await put(config, config.kafka.windows_topic, [*said.windows[60:119], b"nonsense"], 60_000)
    await reader.read_to_the_end()
    assert sum(len(past.windows) for past in chronicle.pasts("loan")) == 59
    assert len(chronicle.episodes("loan")) == len(said.alerts)
    assert chronicle.passed_over == 1
    assert reader.freshness() == ("Windows up to 2023-11-14 02:13:20, the last closed 1 min ago", False)
    await put(config, config.kafka.windows_topic, said.windows[119:], 1_000)
    await reader.read_to_the_end()
    assert sum(len(past.windows) for past in chronicle.pasts("loan")) == 60
    assert reader.freshness().text.endswith("the last closed 1 s ago")
    clock.now_s += 15 * 60
    assert reader.freshness() == ("Windows up to 2023-11-14 02:13:20. Kafka has not answered for 15 min", True)


async def test_while_it_reads_it_says_how_much_is_left(real_kafka: Kafka, loan: Said) -> None:
    config, chronicle = config_of(real_kafka, "reading"), Chronicle()
    await put(config, config.kafka.windows_topic, loan.windows, 0)
    reader = TopicReader(config, chronicle, FixedClock())
    reading = asyncio.ensure_future(reader.run())
    seen = set()
    try:
        while len(seen) < 2 or reader.freshness().stale:
            seen.add(reader.freshness().text.split(", ")[0].split(". ")[-1].split(" ", 1)[-1])
            await asyncio.sleep(0)
    finally:
        reading.cancel()
        await asyncio.gather(reading, return_exceptions=True)
    assert sum(len(past.windows) for past in chronicle.pasts("loan")) == len(loan.windows)
    assert "records still to be read" in seen


async def test_without_kafka_it_says_so_in_one_line() -> None:
    config = Config.from_mapping({"kafka": {"bootstrap_servers": "127.0.0.1:1"}})
    with pytest.raises(BrokerError, match=r"^Kafka at 127\.0\.0\.1:1 cannot be read: "):
        await TopicReader(config, Chronicle()).read_to_the_end()


@pytest.fixture(scope="module")
def loan() -> Said:
    return drifting("loan", 6000)
