"""Which Kafka the tests use."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from tests.kafka.broker import KafkaBroker
from tests.kafka.libs import KafkaUnavailableError, kafka_version, why_unavailable
from tests.kafka.mock import MockBroker
from tests.kafka.ready import wait_until_ready

GIVEN = "KAFKA_BOOTSTRAP_SERVERS"
REQUIRED = "DRIFTLINE_REQUIRE_REAL_KAFKA"


@dataclass(frozen=True)
class Kafka:
    """`real` is false for the mock broker."""

    bootstrap_servers: str
    real: bool


def real_kafka_required() -> bool:
    return os.environ.get(REQUIRED, "") not in ("", "0")


def describe() -> str:
    """What `open_kafka` will use, in a line."""
    given = os.environ.get(GIVEN)
    if given:
        return f"{given} (from {GIVEN})"
    reason = why_unavailable()
    if reason is None:
        return f"Apache Kafka {kafka_version()}, started when a test asks for it"
    if real_kafka_required():
        return f"none: {REQUIRED} is set, but {reason}"
    return f"librdkafka's mock broker ({reason})"


@contextmanager
def open_kafka() -> Iterator[Kafka]:
    """The cluster named in the environment, else Apache Kafka, else the mock broker where Java or Maven is missing.

    Never falls back on the mock for another reason: a broker that does not start is an error.
    Raises KafkaUnavailableError where only the mock is left and real Kafka is required.
    """
    given = os.environ.get(GIVEN)
    reason = why_unavailable()
    if given:
        wait_until_ready(given, timeout_seconds=15)
        yield Kafka(given, real=True)
    elif reason is None:
        with KafkaBroker() as broker:
            yield Kafka(broker.bootstrap_servers, real=True)
    elif real_kafka_required():
        raise KafkaUnavailableError(f"{REQUIRED} is set, but {reason}")
    else:
        with MockBroker() as mock:
            yield Kafka(mock.bootstrap_servers, real=False)
