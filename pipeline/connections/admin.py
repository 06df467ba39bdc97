"""Kafka administration, by kafka-python: topics, committed offsets with their metadata, and the tools' producer."""

import logging
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, NamedTuple, Self, TypeVar
from uuid import uuid4

from kafka import KafkaAdminClient, KafkaProducer
from kafka.admin import ConfigResource, ConfigResourceType, MemberToRemove, NewTopic
from kafka.errors import (
    CoordinatorLoadInProgressError,
    CoordinatorNotAvailableError,
    GroupAuthorizationFailedError,
    GroupIdNotFoundError,
    KafkaError,
    KafkaTimeoutError,
    NotCoordinatorError,
    UnknownMemberIdError,
)
from kafka.structs import TopicPartition

from pipeline.connections.connection import kafka_python_settings
from pipeline.connections.knock import knock
from pipeline.connections.rights import Right, refusal_of, refused
from pipeline.connections.topics import TopicSpec, servers_of
from schemas.config import Config
from schemas.errors import BrokerError
from schemas.packet import SourcePartition

_BOOTSTRAP_MS = 5_000
_ATTEMPTS = 30
_MOST_BYTES = 10 * 1024 * 1024
_EXISTS = 36
_FORBIDDEN = 29
# What a coordinator answers that has only just become one.
_COMING_UP = (CoordinatorLoadInProgressError, CoordinatorNotAvailableError, NotCoordinatorError)

T = TypeVar("T")


class Topic(NamedTuple):
    """A topic as the broker has it."""

    name: str
    topic_id: str
    partitions: int
    allowed: frozenset[str] | None = None
    """What we may do with it, as in DESCRIBECONFIGS; None where the broker does not say."""


class Committed(NamedTuple):
    """A group's committed offset, and what was written beside it."""

    offset: int
    metadata: str


class Admin:
    """A connection for administration. Raises BrokerError, in one line, where the broker cannot be reached."""

    def __init__(self, config: Config) -> None:
        self._servers = servers_of(config)
        self._replication = config.kafka.replication_factor
        self._client = _connected(config, lambda: KafkaAdminClient(**_connection(config)))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._client.close()

    def topics(self, names: Iterable[str]) -> dict[str, Topic]:
        """Those of the topics that exist. Raises BrokerError for one that we may not even look at."""
        described = self._call(lambda: self._client.describe_topics(sorted(set(names))))
        hidden = sorted(d["name"] for d in described if d["error_code"] == _FORBIDDEN)
        if hidden:
            raise BrokerError("\n".join(refused(Right("topic", name, "Describe")) for name in hidden))
        return {d["name"]: _topic(d) for d in described if not d["error_code"]}

    def lacking(self, rights: Iterable[Right]) -> list[str]:
        """Those of the rights that we do not have, a line each; of a topic that does not exist it is not known."""
        wanted = list(rights)
        topics = self.topics(right.name for right in wanted if right.kind == "topic")
        return [refused(right) for right in wanted if not self._has(right, topics)]

    def demand(self, rights: Iterable[Right]) -> None:
        """Raises BrokerError, a line for each right that we do not have."""
        lines = self.lacking(rights)
        if lines:
            raise BrokerError("\n".join(lines))

    def create(self, specs: Iterable[TopicSpec]) -> list[str]:
        """Creates the topics that do not exist; returns their names."""
        wanted = list(specs)
        known = self.topics(spec.name for spec in wanted)
        missing = [spec for spec in wanted if spec.name not in known]
        if not missing:
            return []
        new = [NewTopic(s.name, s.partitions, self._replication, topic_configs=dict(s.settings)) for s in missing]
        answer = self._call(lambda: self._client.create_topics(new, raise_errors=False, wait_for_metadata=False))
        for topic in answer["topics"]:
            if topic["error_code"] == _FORBIDDEN:
                raise BrokerError(refused(Right("topic", topic["name"], "Create")))
            if topic["error_code"] not in (0, _EXISTS):
                raise BrokerError(f"topic {topic['name']} could not be created: {topic['error_message']}")
        self._wait_for(spec.name for spec in missing)
        return [spec.name for spec in missing]

    def faults(self, specs: Iterable[TopicSpec]) -> list[str]:
        """What is wrong with our topics, a line each; nothing where all is well."""
        wanted = list(specs)
        known = self.topics(spec.name for spec in wanted)
        return [fault for spec in wanted for fault in self._faults(spec, known.get(spec.name))]

    def committed(self, group: str, sources: Iterable[SourcePartition]) -> dict[SourcePartition, Committed]:
        """The group's committed offsets for those partitions that have one, with their metadata."""
        found = self._call(lambda: self._client.list_group_offsets(group))[group]
        answer = {}
        for source in sources:
            at = found.get(TopicPartition(source.topic, source.partition))
            if at is not None and at.offset >= 0:
                answer[source] = Committed(at.offset, at.metadata or "")
        return answer

    def _has(self, right: Right, topics: Mapping[str, Topic]) -> bool:
        if right.kind == "group":
            return self._may_join(right.name)
        topic = topics.get(right.name)
        return topic is None or topic.allowed is None or right.operation.upper() in topic.allowed

    def _may_join(self, group: str) -> bool:
        """Whether we may read with a group. The broker does not say so of a group that does not exist yet: so a member that
        never was leaves it, which takes the same right and does nothing."""
        nobody = MemberToRemove(member_id=f"nobody-{uuid4().hex}")
        try:
            self._call(lambda: self._client.remove_group_members(group, [nobody]))
        except BrokerError as error:
            if isinstance(error.__cause__, GroupAuthorizationFailedError):
                return False
            if not isinstance(error.__cause__, UnknownMemberIdError | GroupIdNotFoundError):
                raise
        return True

    def _faults(self, spec: TopicSpec, topic: Topic | None) -> Iterator[str]:
        if topic is None:
            yield f"topic {spec.name} does not exist; create it with: driftline topics -c FILE"
            return
        if topic.partitions != spec.partitions:
            yield (
                f"topic {spec.name} has {topic.partitions} partitions, kafka.profiles_partitions asks for "
                f"{spec.partitions}; set it to {topic.partitions}, or use another kafka.prefix and kafka.group"
            )
        resource = ConfigResource(ConfigResourceType.TOPIC, spec.name)
        settings = self._call(lambda: self._client.describe_configs([resource], config_filter="all"))["topic"][
            spec.name
        ]
        cleanup = settings.get("cleanup.policy", {}).get("value", spec.cleanup)
        if cleanup != spec.cleanup:
            yield (
                f"topic {spec.name} has cleanup.policy={cleanup}, it must be {spec.cleanup}; change it with: kafka-configs.sh "
                f"--bootstrap-server {self._servers} --alter --topic {spec.name} --add-config cleanup.policy={spec.cleanup}"
            )

    def _wait_for(self, names: Iterable[str]) -> None:
        waiting = set(names)
        for _ in range(_ATTEMPTS):
            waiting -= set(self.topics(waiting))
            if not waiting:
                return
            time.sleep(0.1)
        raise BrokerError(f"topics {', '.join(sorted(waiting))} were created and did not appear")

    def _call(self, call: Callable[[], T]) -> T:
        """Calls, waiting while the broker's group coordinator starts."""
        for _ in range(_ATTEMPTS):
            try:
                return _reached(self._servers, call)
            except _COMING_UP:
                time.sleep(0.5)
        raise BrokerError(f"the group coordinator of {self._servers} is not available")


def _topic(described: Mapping[str, Any]) -> Topic:
    operations = described.get("authorized_operations")
    allowed = frozenset(name.replace("_", "") for name in operations) if operations else None
    return Topic(described["name"], str(described["topic_id"]), len(described["partitions"]), allowed)


def source_topics(admin: Admin, config: Config) -> dict[str, Topic]:
    """The configured source topics. Raises BrokerError where one does not exist."""
    found = admin.topics(config.kafka.topics)
    missing = sorted(set(config.kafka.topics) - set(found))
    if missing:
        raise BrokerError(
            f"source topic {', '.join(missing)} does not exist on {servers_of(config)}; create it, or correct kafka.topics"
        )
    return found


def producer(config: Config) -> Any:
    """A kafka-python producer for the tools: every replica acknowledges, batches are large."""
    settings = {
        **_connection(config),
        "acks": "all",
        "linger_ms": 20,
        "batch_size": 1 << 18,
        "max_request_size": _MOST_BYTES,
    }
    return _connected(config, lambda: KafkaProducer(**settings))


def _connection(config: Config) -> dict[str, Any]:
    return {**kafka_python_settings(config), "bootstrap_timeout_ms": _BOOTSTRAP_MS}


def reached(config: Config, call: Callable[[], T]) -> T:
    """Calls, and raises BrokerError for what Kafka raises."""
    return _reached(servers_of(config), call)


def _connected(config: Config, connect: Callable[[], T]) -> T:
    """Connects. What the client logs at each attempt is left out: the error at the end says it once."""
    suspicion = knock(config)
    log = logging.getLogger("kafka")
    level = log.level
    log.setLevel(logging.CRITICAL)
    try:
        return connect()
    except KafkaTimeoutError:
        servers, seconds = servers_of(config), _BOOTSTRAP_MS // 1000
        raise BrokerError(
            suspicion
            or f"no Kafka answers at {servers} within {seconds} s; start it, or correct kafka.bootstrap_servers"
        ) from None
    except KafkaError as error:
        raise BrokerError(f"Kafka at {servers_of(config)} cannot be reached: {error}") from error
    finally:
        log.setLevel(level)


def _reached(servers: str, call: Callable[[], T]) -> T:
    try:
        return call()
    except _COMING_UP:
        raise
    except KafkaError as error:
        raise (refusal_of(error) or BrokerError(f"Kafka at {servers} cannot be reached: {error}")) from error
