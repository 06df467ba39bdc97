"""SIGHUP: a configuration that a start would end by is refused while the old one still runs."""

import asyncio
import re
import socket
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from aiokafka import AIOKafkaConsumer, TopicPartition

from pipeline.configuration.config_file import read_config
from pipeline.connections.topics import ingest_group
from pipeline.ingest.passage import Progress
from pipeline.ingest.resume import encode_progress
from pipeline.worker.worker import check_anew
from schemas.config import Config
from schemas.errors import DriftlineError, StateError
from tests.kafka.choice import Kafka
from tests.pipeline.workers import create_topic, free_port, write_config

# A broker that nobody can come to: where nothing else is wrong, the check ends by this.
SHUT = {"security": {"tls": {"ca_file": "/nowhere/ca.pem"}}}
THE_REST_IS_RIGHT = re.escape("kafka.security.tls.ca_file: /nowhere/ca.pem")


def check(folder: Path, old: Mapping[str, Any], new: Mapping[str, Any], **halves: bool) -> None:
    before = read_config(write_config(folder, "old.yaml", **old))
    check_anew(write_config(folder, "new.yaml", **new), before, **{"ingest": True, "monitor": True} | halves)


@pytest.mark.parametrize(
    ("sections", "why"),
    [
        ({"window": {"length": "10m"}}, "window.length cannot be changed for a group that has begun (5m -> 10m)"),
        (
            {"kafka": {**SHUT, "prefix": "other"}},
            "kafka.prefix cannot be changed for a group that has begun (driftline -> other)",
        ),
        (
            {"kafka": {**SHUT, "block_size": 2000}},
            "kafka.block_size cannot be changed for a group that has begun (1000000 -> 2000)",
        ),
        (
            {"event": {"redact": ["features.a"], "redact_key": {"env": "DRIFTLINE_NOT_SET"}}},
            "event.redact_key: the environment variable DRIFTLINE_NOT_SET is not set",
        ),
        ({"metrics": {"username": "u", "password_file": "/nowhere/pw"}}, "metrics.password_file: /nowhere/pw: No such"),
        (
            {"metrics": {"tls": {"certificate_file": "/nowhere/c.pem", "key_file": "/nowhere/k.pem"}}},
            "metrics.tls.certificate_file: /nowhere/c.pem: No such",
        ),
        ({"metrics": {"host": "203.0.113.9"}}, "metrics cannot be served on 203.0.113.9:9464: "),
    ],
)
def test_what_a_start_would_end_by_is_refused(tmp_path: Path, sections: Mapping[str, Any], why: str) -> None:
    old = {"kafka": SHUT}
    with pytest.raises(DriftlineError, match=re.escape(why)):
        check(tmp_path, old, {**old, **sections})
    with pytest.raises(DriftlineError, match=THE_REST_IS_RIGHT):
        check(tmp_path, old, old)


def test_a_monitor_alone_needs_no_key_of_pseudonyms(tmp_path: Path) -> None:
    event = {"redact": ["features.a"], "redact_key": {"env": "DRIFTLINE_NOT_SET"}}
    with pytest.raises(DriftlineError, match=THE_REST_IS_RIGHT):
        check(tmp_path, {"kafka": SHUT}, {"kafka": SHUT, "event": event}, ingest=False)


def test_a_port_that_another_has_is_refused_and_that_of_the_worker_is_not(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        old, new = ({"kafka": SHUT, "metrics": {"port": p}} for p in (free_port(), port))
        with pytest.raises(DriftlineError, match=rf"127\.0\.0\.1:{port}: Address already in use"):
            check(tmp_path, old, new)
        with pytest.raises(DriftlineError, match=THE_REST_IS_RIGHT):
            check(tmp_path, new, {"kafka": SHUT, "metrics": {"port": port, "host": "0.0.0.0"}})


async def test_a_group_that_has_begun_with_other_settings_is_refused(real_kafka: Kafka, tmp_path: Path) -> None:
    servers, topic = real_kafka.bootstrap_servers, "reload.events"
    create_topic(servers, topic, 1)
    running, begun = (
        {"kafka": {"bootstrap_servers": servers, "topics": [topic], "group": name, "prefix": name}}
        for name in ("reload", "reload-begun")
    )
    longer = {"window": {"length": "10m"}}
    await asyncio.to_thread(check, tmp_path, running, {**begun, **longer})
    await commit(Config.from_mapping(begun), topic, "another topic")
    with pytest.raises(StateError, match=r"reload.events\[0\]: the topic was deleted and created again"):
        await asyncio.to_thread(check, tmp_path, running, begun)
    await asyncio.to_thread(check, tmp_path, running, begun, ingest=False)


async def commit(config: Config, topic: str, topic_id: str) -> None:
    """What a worker of this configuration commits."""
    consumer = AIOKafkaConsumer(
        bootstrap_servers=",".join(config.kafka.bootstrap_servers),
        group_id=ingest_group(config),
        enable_auto_commit=False,
    )
    at = TopicPartition(topic, 0)
    consumer.assign([at])
    await consumer.start()
    try:
        metadata = encode_progress(Progress(0), topic_id, config.kafka.block_size, config.window.length_ms)
        await consumer.commit({at: (0, metadata)})
    finally:
        await consumer.stop()
