"""librdkafka's mock broker, from the confluent-kafka wheel: the protocol without the server.

It knows no CreateTopics (a topic appears, with 4 partitions, when its metadata is asked for), no transactions, and keeps
5 MB a partition. aiokafka works on it unchanged; Faust wants `topic_allow_declare=False` and `topic_disable_leader=True`;
kafka-python wants `api_version=(2, 3)`.
"""

from types import TracebackType
from typing import Self

from confluent_kafka import Producer

QUIET = 3  # librdkafka announces the mock at level 5


class MockBroker:
    """Lives as long as the producer that carries it."""

    def __init__(self) -> None:
        self._carrier: Producer | None = Producer({"test.mock.num.brokers": 1, "log_level": QUIET})
        brokers = self._carrier.list_topics(timeout=10).brokers.values()
        self.bootstrap_servers = ",".join(f"{broker.host}:{broker.port}" for broker in brokers)

    def close(self) -> None:
        self._carrier = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
