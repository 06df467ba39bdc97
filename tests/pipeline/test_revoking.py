"""What a worker gives up in a rebalance it gives up whole, and an error on the way ends it."""

import asyncio
import gc
import time
import uuid
from typing import NoReturn

import pytest
from aiokafka import TopicPartition
from aiokafka.errors import UnknownError

from pipeline.connections.admin import Admin
from pipeline.connections.topics import topic_specs
from pipeline.serving.board import Board
from pipeline.worker.kafka_ingest import KafkaIngest
from schemas.config import Config
from tests.kafka.choice import Kafka
from tests.pipeline.workers import create_topic


async def revoked_in_vain(config: Config, topic: str) -> None:
    """Runs an ingest until it owns both partitions, and has the commits fail with which it is to give them up."""
    board = Board()
    ingest = KafkaIngest(config, board)
    running = asyncio.create_task(ingest.run())
    deadline = time.monotonic() + 60.0
    while len(board.sources) < 2:
        assert time.monotonic() < deadline, "no partitions were assigned"
        await asyncio.sleep(0.1)

    async def refused(*_: object) -> NoReturn:
        raise UnknownError("the broker knows no better")

    ingest._consumer.commit = refused
    try:
        await ingest.on_partitions_revoked([TopicPartition(topic, 0), TopicPartition(topic, 1)])
    except UnknownError as error:
        raise AssertionError("it is told to the client, which only logs it") from error
    assert not board.sources
    await asyncio.wait_for(running, 60.0)


def test_an_error_at_a_last_commit_ends_ingest(real_kafka: Kafka) -> None:
    """The client only logs what a listener raises: with a partition still owned its events would be read again, and counted
    twice."""
    name = f"revoked-{uuid.uuid4().hex[:8]}"
    kafka = {"bootstrap_servers": real_kafka.bootstrap_servers, "topics": [name], "group": name, "prefix": name}
    config = Config.from_mapping({"kafka": kafka})
    create_topic(real_kafka.bootstrap_servers, name, 2)
    with Admin(config) as admin:
        admin.create(topic_specs(config))
    with pytest.raises(UnknownError, match="knows no better"):
        asyncio.run(revoked_in_vain(config, name))
    gc.collect()  # what the client leaves open is told of here, and not in the test that comes next
