"""What the broker has to allow, where it has access control lists: docs/security.md lists the same for operators."""

from collections.abc import Iterable
from typing import NamedTuple

from pipeline.connections.topics import BASELINE_TABLE, STATE_TABLE, changelog, ingest_group, monitor_group
from schemas.config import Config
from schemas.errors import BrokerError

_SHOWN = "docs/security.md lists what is needed"


class Right(NamedTuple):
    """An operation, as Kafka calls it, on a `topic` or a `group`."""

    kind: str
    name: str
    operation: str


def worker_rights(config: Config, *, ingest: bool = True, monitor: bool = True) -> list[Right]:
    """What a worker needs of topics and groups that exist. Read and Write each imply Describe."""
    kafka = config.kafka
    changelogs = [changelog(config, STATE_TABLE), changelog(config, BASELINE_TABLE)]
    shown = [kafka.windows_topic, kafka.alerts_topic]
    ours = [kafka.profiles_topic, *shown, kafka.dead_letters_topic, *changelogs]
    needed = [Right("topic", name, "DescribeConfigs") for name in ours] + [
        Right("topic", kafka.dead_letters_topic, "Write")
    ]
    if config.metrics.port:
        needed += [Right("topic", name, "Read") for name in shown]
    if ingest:
        needed += [Right("topic", name, "Read") for name in kafka.topics]
        needed += [Right("topic", kafka.profiles_topic, "Write"), Right("group", ingest_group(config), "Read")]
    if monitor:
        needed += [Right("topic", name, "Read") for name in (kafka.profiles_topic, *changelogs)]
        needed += [Right("topic", name, "Write") for name in (*shown, *changelogs)]
        needed += [Right("group", monitor_group(config), "Read")]
    return needed


def read_rights(topics: Iterable[str]) -> list[Right]:
    """What reading topics without a group needs."""
    return [Right("topic", name, "Read") for name in topics]


def refused(right: Right) -> str:
    """What to say where a right is missing."""
    return f"{right.kind} {right.name}: the broker does not allow {right.operation}; add an ACL for it: {_SHOWN}"


def refusal_of(error: BaseException | None) -> BrokerError | None:
    """What an error of a Kafka client's says about rights, in a line; None where it is about something else. Both clients
    have the same names for their errors, and name what was refused, but not for what."""
    while error is not None:
        found = _refusal(type(error).__name__, error.args)
        if found:
            return BrokerError(found)
        error = error.__cause__ or error.__context__
    return None


def _refusal(kind: str, arguments: tuple[object, ...]) -> str:
    what = arguments[0] if arguments else ""
    names = ", ".join(sorted(map(str, what))) if isinstance(what, set | frozenset | list | tuple) else str(what)
    if kind == "TopicAuthorizationFailedError":
        return refused(Right("topic", names, "Read or Write"))
    if kind == "GroupAuthorizationFailedError":
        return refused(Right("group", names, "Read"))
    if kind == "ClusterAuthorizationFailedError":
        return f"cluster: the broker does not allow IdempotentWrite; add an ACL for it: {_SHOWN}"
    return ""
