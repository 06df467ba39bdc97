"""Files into the source topic."""

import time
from collections.abc import Iterable, Sequence

from pipeline.admin import Admin, producer, source_topics
from schemas.config import Config
from schemas.errors import BrokerError


def produce_files(config: Config, batches: Iterable[Sequence[bytes]], rate: float | None, topic: str | None) -> int:
    """Sends all events, in order, at most `rate` a second, and waits until the broker has them. Records without a key
    go to the partitions in turn. Returns how many were sent."""
    name = topic or config.kafka.topics[0]
    with Admin(config) as admin:
        partitions = (admin.topics([name]) if topic else source_topics(admin, config))[name].partitions
    client = producer(config)
    started, sent = time.monotonic(), 0
    futures = []
    try:
        for values in batches:
            for value in values:
                futures.append(client.send(name, value=value.rstrip(b"\n"), partition=sent % partitions))
                sent += 1
                if rate is not None:
                    time.sleep(max(0.0, started + sent / rate - time.monotonic()))
            futures = [f for f in futures if not f.succeeded()]
        client.flush()
    finally:
        client.close()
    failed = next((f.exception for f in futures if f.failed()), None)
    if failed is not None:
        raise BrokerError(f"some events were not taken by {name}: {failed}")
    return sent
