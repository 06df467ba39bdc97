"""Seconds from the event that seals a window to the alerts of its 1,000 signals on the alerts topic.

Every second window is the first of a new version, and is like the baseline; in the next all signals of the version have
drifted, and fire. The worker has read the whole window before the sealing event is sent. An alert's time is from the
broker's acknowledgement of that event until a consumer has the alert.
"""

import re
import time
from collections.abc import Iterator
from dataclasses import replace

import numpy as np
from kafka import KafkaConsumer
from kafka.structs import TopicPartition

from tests.bench.events import START_MS, WINDOW_MS
from tests.bench.finding import Finding
from tests.bench.source import Dealer
from tests.bench.wide import Shape, wide_events
from tests.bench.work import Work
from tests.bench.worker import MeasuredWorker, running, settings

SHAPE = Shape(signals=1_000)
EVENTS = 200  # of a window
LEARNED, SETTLING, MEASURED = 30, 2, 24
PROFILES_PARTITIONS = 1
PATIENCE_S = 120.0
ALERTS = re.compile(r" closed: .*, (\d+) alerts")


def measure(work: Work) -> list[Finding]:
    topic, group = f"{work.run}.events", f"{work.run}-sealing"
    dealer = Dealer(work.servers, topic, 1)
    worker = MeasuredWorker(work, group, _config(work, topic, group), work.core)
    with running(worker):
        worker.start()
        worker.wait("it reads", lambda: worker.partitions_read)
        windows = list(_seconds(work, worker, dealer, f"{group}.alerts"))
    every = np.concatenate(windows)
    if not len(every):
        raise RuntimeError(f"no alert in {len(windows)} windows that drift")
    load = f"{SHAPE.signals:,} signals at once, {len(windows)} windows"
    return [
        Finding(f"sealing event to alert, 99 of 100, {load}", float(np.quantile(every, 0.99)), "s", at_most=2.0),
        Finding("alerts of a window, the least", min(map(len, windows))),
        Finding("half of them", float(np.median(every)), "s"),
        Finding("the first of a window, half of them", float(np.median([w.min() for w in windows])), "s"),
        Finding("the last of all", float(every.max()), "s"),
    ]


def _config(work: Work, topic: str, group: str) -> dict[str, object]:
    config = settings(work, topic, group, profiles_partitions=PROFILES_PARTITIONS)
    config["window"] |= {"allowed_lateness": "0s"}
    [name] = SHAPE.model_names
    config["models"] = [{"name": name, "baseline": {"learn": {"windows": LEARNED}}}]
    config["detection"] = {"rollout": {"windows": 0}}  # else a version's own drifts warn at first
    return config


def _seconds(work: Work, worker: MeasuredWorker, dealer: Dealer, alerts: str) -> Iterator[np.ndarray]:
    """For each measured window, the seconds to each of its alerts."""
    settled = LEARNED + SETTLING
    consumer = _consumer(work.servers, alerts)
    sent = 0
    for window in range(settled + 2 * work.scaled(MEASURED)):
        events = _window(window)
        sent += dealer.deal(events[1:] if window else events)
        worker.wait("the window is read", lambda: worker.idle)  # a scrape of 1,000 signals would be in the way
        sent += dealer.deal(_window(window + 1)[:1])
        found = _alerts(consumer, worker, window)
        if window >= settled and _drifts(window):
            yield found
    consumer.close()
    worker.wait("all was read", lambda: worker.accounted == sent)


def _drifts(window: int) -> bool:
    return window >= LEARNED and window % 2 == 1


def _window(window: int) -> list[bytes]:
    times = START_MS + window * WINDOW_MS + np.arange(EVENTS) * WINDOW_MS // EVENTS
    shape = replace(SHAPE, version=str(window // 2))
    return list(wide_events(times, shape, seed=window, moved=_drifts(window)))


def _alerts(consumer: KafkaConsumer, worker: MeasuredWorker, window: int) -> np.ndarray:
    """The seconds from now until each alert of the window was there. The worker's log says how many there are."""
    begun = time.monotonic()
    seconds: list[float] = []
    while (wanted := _alerts_said(worker.log, window)) is None or len(seconds) < wanted:
        polled = consumer.poll(timeout_ms=50).values()
        seconds += [time.monotonic() - begun] * sum(map(len, polled))
        if not worker.alive or time.monotonic() - begun > PATIENCE_S:
            raise TimeoutError(f"{len(seconds)} alerts after {PATIENCE_S} s:\n{worker.log[-2000:]}")
    return np.array(seconds)


def _alerts_said(log: str, window: int) -> int | None:
    """How many alerts the window had, once it is closed."""
    said = ALERTS.findall(log)
    return int(said[window]) if len(said) > window else None


def _consumer(servers: str, topic: str) -> KafkaConsumer:
    consumer = KafkaConsumer(bootstrap_servers=servers, auto_offset_reset="earliest", enable_auto_commit=False)
    consumer.assign([TopicPartition(topic, i) for i in range(PROFILES_PARTITIONS)])
    return consumer
