"""Files into the source topic."""

import time
from collections.abc import Iterable, Sequence
from typing import Any

from pipeline.connections.admin import Admin, producer, reached
from pipeline.connections.rights import Right
from pipeline.connections.topics import servers_of
from schemas.config import Config
from schemas.errors import BrokerError


def produce_files(config: Config, batches: Iterable[Sequence[bytes]], rate: float | None, topic: str | None) -> int:
    """Sends all events, in order, at most `rate` a second, and waits until the broker has them. Records without a key
    go to the partitions in turn. Returns how many were sent."""
    name = topic or config.kafka.topics[0]
    with Admin(config) as admin:
        found = admin.topics([name])
        if name not in found:
            raise BrokerError(f"topic {name} does not exist on {servers_of(config)}; create it, or name another")
        admin.demand([Right("topic", name, "Write")])
    client = producer(config)
    try:
        sent, failed = reached(config, lambda: _send(client, name, found[name].partitions, batches, rate))
    finally:
        client.close()
    if failed is not None:
        raise BrokerError(f"some events were not taken by {name}: {failed}")
    return sent


def _send(
    client: Any, topic: str, partitions: int, batches: Iterable[Sequence[bytes]], rate: float | None
) -> tuple[int, Exception | None]:
    """How many were sent, and why the first that was not taken was not."""
    started, sent = time.monotonic(), 0
    futures: list[Any] = []
    for values in batches:
        for value in values:
            futures.append(client.send(topic, value=value.rstrip(b"\n"), partition=sent % partitions))
            sent += 1
            if rate is not None:
                time.sleep(max(0.0, started + sent / rate - time.monotonic()))
        futures = [f for f in futures if not f.succeeded()]
        if any(f.failed() for f in futures):  # batches may never end, so it is not left for the end
            break
    client.flush()
    return sent, next((f.exception for f in futures if f.failed()), None)
