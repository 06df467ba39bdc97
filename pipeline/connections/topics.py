"""The topics that Driftline keeps, and how each must be set up."""

from collections.abc import Mapping
from dataclasses import dataclass

from schemas.config import Config

_DAY_MS = 86_400_000
_MOST_BYTES = 10 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class TopicSpec:
    """`settings` are the broker's topic settings."""

    name: str
    partitions: int
    settings: Mapping[str, str]

    @property
    def cleanup(self) -> str:
        return self.settings["cleanup.policy"]


def servers_of(config: Config) -> str:
    """The bootstrap servers, as the clients take them and people read them."""
    return ",".join(config.kafka.bootstrap_servers)


def monitor_group(config: Config) -> str:
    """The monitor's consumer group; Faust's name of the application."""
    return f"{config.kafka.group}-monitor"


def ingest_group(config: Config) -> str:
    """The consumer group of ingest."""
    return f"{config.kafka.group}-ingest"


def changelog(config: Config, table: str) -> str:
    """The compacted topic behind one of the monitor's tables."""
    return f"{monitor_group(config)}-{table}-changelog"


STATE_TABLE = "state"
BASELINE_TABLE = "baselines"


def topic_specs(config: Config) -> list[TopicSpec]:
    """Every topic of ours. Those of one model's messages have as many partitions as the profiles topic."""
    kafka = config.kafka
    n = kafka.profiles_partitions
    log = {"cleanup.policy": "delete", "max.message.bytes": str(_MOST_BYTES)}
    kept = {"cleanup.policy": "compact", "max.message.bytes": str(_MOST_BYTES)}
    return [
        TopicSpec(kafka.profiles_topic, n, {**log, "retention.ms": str(7 * _DAY_MS)}),
        TopicSpec(kafka.windows_topic, n, {**log, "retention.ms": str(90 * _DAY_MS)}),
        TopicSpec(kafka.alerts_topic, n, {**log, "retention.ms": str(90 * _DAY_MS)}),
        TopicSpec(kafka.dead_letters_topic, n, {**log, "retention.ms": str(14 * _DAY_MS)}),
        TopicSpec(changelog(config, STATE_TABLE), n, kept),
        TopicSpec(changelog(config, BASELINE_TABLE), n, kept),
    ]
