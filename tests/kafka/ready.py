"""Waiting until a broker answers."""

import socket
import time
from collections.abc import Callable

from kafka import KafkaAdminClient
from kafka.errors import KafkaError

PAUSE_SECONDS = 0.1


def wait_until_ready(bootstrap_servers: str, timeout_seconds: float, check: Callable[[], None] = lambda: None) -> None:
    """Returns once the cluster answers a metadata call. Calls `check`, which may raise, before each attempt.

    Raises TimeoutError, which names the last failure.
    """
    deadline = time.monotonic() + timeout_seconds
    while True:
        check()
        try:
            return _ask(bootstrap_servers)
        except (OSError, KafkaError) as failure:
            if time.monotonic() > deadline:
                raise TimeoutError(
                    f"no Kafka at {bootstrap_servers} after {timeout_seconds} s: {failure!r}"
                ) from failure
        time.sleep(PAUSE_SECONDS)


def _ask(bootstrap_servers: str) -> None:
    # A plain connection first: the client logs a warning for each attempt that is refused.
    host, _, port = bootstrap_servers.split(",")[0].partition(":")
    socket.create_connection((host, int(port or 9092)), timeout=5).close()
    admin = KafkaAdminClient(bootstrap_servers=bootstrap_servers)
    try:
        admin.describe_cluster()
    finally:
        admin.close()
