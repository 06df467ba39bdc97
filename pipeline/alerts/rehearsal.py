"""An alert that is not one, along the way that alerts go: the alert topic, `driftline notify`, Alertmanager."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from pipeline.alerts.alertmanager_client import has_come
from pipeline.alerts.notices import labels_of
from pipeline.connections.admin import producer, reached
from pipeline.ingest.dispatch import profiles_partition
from schemas.alert import Alert, AlertState, alert_id, incident_id
from schemas.config import Config
from schemas.group import Group

MODEL, SIGNAL = "driftline-test", "test"
_LOOK_EVERY_S = 0.5
_WRITE_WITHIN_S = 30


def rehearsed(config: Config, now_ms: int, state: AlertState) -> Alert:
    """The alert, firing or resolved."""
    group = Group(MODEL, "")
    return Alert(
        id=alert_id(group, SIGNAL, now_ms),
        incident=incident_id(MODEL, now_ms),
        incident_onset_ms=now_ms,
        state=state,
        model=MODEL,
        version="",
        signal=SIGNAL,
        onset_ms=now_ms,
        start_ms=now_ms,
        end_ms=now_ms + config.window.length_ms,
        summary="a test of the way that alerts go; nothing is wrong",
        baseline_events=0,
        window_events=0,
    )


@contextmanager
def firing(config: Config, now_ms: int) -> Iterator[Alert]:
    """Has the alert fire, and resolves it at the end, come what may. Raises BrokerError where it cannot be written."""
    client = producer(config)
    try:
        fired = rehearsed(config, now_ms, AlertState.FIRING)
        _write(config, client, fired)
        try:
            yield fired
        finally:
            _write(config, client, rehearsed(config, now_ms, AlertState.RESOLVED))
    finally:
        client.close()


def arrivals(
    config: Config, alert: Alert, within_s: float, clock: Callable[[], float]
) -> Iterator[tuple[str, float | None]]:
    """Each Alertmanager as the alert comes to it, and after how many seconds; at the end those that it did not come to,
    with None."""
    begin, told = clock(), set()
    while True:
        names = has_come(config, labels_of(alert))
        for name, come in names:
            if come and name not in told:
                told.add(name)
                yield name, clock() - begin
        if len(told) == len(names):
            return
        if clock() - begin > within_s:
            yield from ((name, None) for name, _ in names if name not in told)
            return
        time.sleep(_LOOK_EVERY_S)


def _write(config: Config, client: Any, alert: Alert) -> None:
    partition = profiles_partition(MODEL, config.kafka.profiles_partitions)
    topic = config.kafka.alerts_topic
    sent = client.send(topic, key=MODEL.encode(), value=alert.encode(), partition=partition)
    reached(config, lambda: sent.get(_WRITE_WITHIN_S))
