"""The section `kafka`: where events come from, and our own topics."""

from typing import Annotated, Literal

from pydantic import Field, model_validator

from schemas.security_config import SecurityConfig
from schemas.settings import Many, Name, Section, Servers, TopicName, unique


class KafkaConfig(Section):
    """Where events come from, and the names and shapes of our own topics."""

    bootstrap_servers: Servers = ("localhost:9092",)
    """Brokers to ask first: host:port, or a list of them."""

    topics: Annotated[Many[TopicName], Field(min_length=1), unique("topic", str)] = ("inference.events",)
    """The source topics."""

    group: Name = "driftline"
    """The consumer group. Workers that share it share the work."""

    start: Literal["earliest", "latest"] = "earliest"
    """Where a group that has committed nothing begins."""

    prefix: Annotated[TopicName, Field(max_length=200)] = "driftline"
    """What the names of our own topics begin with."""

    profiles_partitions: Annotated[int, Field(ge=1, le=256)] = 4
    """Partitions of the profiles topic: at most so many workers monitor."""

    replication_factor: Annotated[int, Field(ge=1, le=32_767)] = 1
    """Replicas of our own topics, when they are created."""

    block_size: Annotated[int, Field(ge=1_000, le=10_000_000)] = 1_000_000
    """Offsets in a block: at most so many events of a partition are read again after a crash. Cannot be changed
    for a group that has begun."""

    security: SecurityConfig = SecurityConfig()

    @property
    def profiles_topic(self) -> str:
        return f"{self.prefix}.profiles"

    @property
    def windows_topic(self) -> str:
        return f"{self.prefix}.windows"

    @property
    def alerts_topic(self) -> str:
        return f"{self.prefix}.alerts"

    @property
    def dead_letters_topic(self) -> str:
        return f"{self.prefix}.dead-letters"

    @model_validator(mode="after")
    def _does_not_read_itself(self) -> "KafkaConfig":
        ours = {self.profiles_topic, self.windows_topic, self.alerts_topic, self.dead_letters_topic}
        both = next((topic for topic in self.topics if topic in ours), None)
        if both is not None:
            raise ValueError(f"{both!r} is a source topic and one of our own; change topics or prefix")
        return self
