"""Fixtures for all tests. A test that takes a Kafka fixture is marked by it; see `KAFKA_MARKS`."""

import os
from collections.abc import Iterator

import pytest
from hypothesis import settings

from tests.kafka.broker import KafkaBroker
from tests.kafka.choice import Kafka, describe, open_kafka, real_kafka_required
from tests.kafka.libs import why_unavailable
from tests.pipeline.workers import Worker

KAFKA_MARKS = {
    "kafka": ["kafka"],
    "real_kafka": ["kafka", "real_kafka"],
    "private_kafka": ["kafka", "real_kafka"],
    "can_run_kafka": ["kafka", "real_kafka"],
}

# kafka-python's client, by which tests look at topics, leaves a socket open where a broker is slow or gone.
SOCKET_LEFT = "ignore:Exception ignored in. <socket:pytest.PytestUnraisableExceptionWarning"

settings.register_profile("here", deadline=None)
settings.register_profile("ci", deadline=None, derandomize=True)
settings.load_profile("ci" if os.environ.get("CI") else "here")


def pytest_report_header() -> str:
    return f"kafka: {describe()}"


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Before others, among them the selection by `-m`."""
    for item in items:
        for fixture in getattr(item, "fixturenames", ()):
            for mark in KAFKA_MARKS.get(fixture, ()):
                item.add_marker(mark)
            if fixture in KAFKA_MARKS:
                item.add_marker(pytest.mark.filterwarnings(SOCKET_LEFT))


@pytest.fixture(scope="session")
def kafka() -> Iterator[Kafka]:
    """A broker for the session; real or not, see `tests.kafka.choice.open_kafka`. Use topic names of your own."""
    with open_kafka() as opened:
        yield opened


@pytest.fixture(scope="session")
def real_kafka(kafka: Kafka) -> Kafka:
    """The same broker, where it is Apache Kafka."""
    if not kafka.real:
        pytest.skip(f"needs Apache Kafka, and {why_unavailable()}")
    return kafka


@pytest.fixture(scope="session")
def can_run_kafka() -> None:
    """For tests that start Apache Kafka themselves. Skips, or fails where real Kafka is required."""
    reason = why_unavailable()
    if reason is not None:
        stop = pytest.fail if real_kafka_required() else pytest.skip
        stop(f"needs Apache Kafka, and {reason}")


@pytest.fixture
def private_kafka(can_run_kafka: None) -> Iterator[KafkaBroker]:
    """A broker of the test's own, to stop, kill and restart."""
    with KafkaBroker() as broker:
        yield broker


@pytest.fixture
def workers() -> Iterator[list[Worker]]:
    """For the workers that a test starts: those that still run at its end are stopped."""
    running: list[Worker] = []
    yield running
    for worker in running:
        if worker.alive:
            worker.stop()
