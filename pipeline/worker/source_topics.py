"""The source topics as the broker has them, and where the group is in them."""

from aiokafka import TopicPartition

from pipeline.connections.admin import Admin, Committed, Topic, source_topics
from pipeline.connections.topics import ingest_group
from schemas.config import Config
from schemas.packet import SourcePartition


class SourceTopics:
    """The source topics of a worker, as last looked up. The look-ups wait for the broker: they are for a thread. Raise
    BrokerError where a topic does not exist."""

    def __init__(self, config: Config) -> None:
        self._config = config
        self._found: dict[str, Topic] = {}
        self._began_with: dict[str, int] = {}

    def find(self) -> None:
        """Looks the topics up for the first time: the partitions that they have now are not new."""
        with Admin(self._config) as admin:
            self._found = source_topics(admin, self._config)
        self._began_with = self.partitions()

    def committed(self, sources: list[SourcePartition]) -> dict[SourcePartition, Committed]:
        """What the group has committed for those of the partitions that it has read; looks the topics up anew."""
        with Admin(self._config) as admin:
            self._found = source_topics(admin, self._config)
            return admin.committed(ingest_group(self._config), sources)

    def id_of(self, tp: TopicPartition) -> str:
        """The id of a partition's topic: one that was deleted and made anew has another."""
        return self._found[tp.topic].topic_id

    def partitions(self) -> dict[str, int]:
        """How many partitions each topic has, by its name."""
        return {name: topic.partitions for name, topic in self._found.items()}

    def all(self) -> list[TopicPartition]:
        """Every partition of every topic."""
        return [TopicPartition(name, i) for name, n in self.partitions().items() for i in range(n)]

    def is_new(self, tp: TopicPartition) -> bool:
        """Whether the topic has gained the partition since `find`."""
        return bool(tp.partition >= self._began_with[tp.topic])
