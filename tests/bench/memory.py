"""Resident memory of a worker: 100 models of 50 signals and 10 segments, three windows open, an hour of event time.

Events lie anywhere in the last three windows, and lateness keeps those open. Memory is the peak of the process in each
third of the hour; then once more while `/metrics` is scraped.
"""

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np

from tests.bench.events import START_MS, WINDOW_MS
from tests.bench.finding import Finding
from tests.bench.source import Dealer
from tests.bench.wide import Shape, wide_events
from tests.bench.work import Work
from tests.bench.worker import MeasuredWorker, running, settings

SHAPE = Shape(signals=50, models=100, segments=10)
OPEN = 3
HOUR = 12  # windows
THIRDS = 3
WINDOW_EVENTS = 60_000
LEARNED = 2
GIB, MIB = 1 << 30, 1 << 20
PROFILES_PARTITIONS = 4
PATIENCE_S = 1500.0
SCRAPE_PATIENCE_S = 120.0  # of 55,000 signals


class Memory(NamedTuple):
    """Bytes: resident once it reads, the peak of each third, and the peak of a scrape of so many bytes after that."""

    start: int
    thirds: list[int]
    scraped: int
    answer: int


def measure(work: Work) -> list[Finding]:
    two, four = _an_hour(work, 2), _an_hour(work, 4)
    load = f"{SHAPE.models} models, {SHAPE.signals} signals, {SHAPE.segments} segments, {OPEN} windows"
    return [
        Finding(f"resident, {load}, 2 source partitions", max(two.thirds) / GIB, "GiB", at_most=1.5),
        *(Finding(f"peak of third {i + 1} of an hour", peak / MIB, "MiB") for i, peak in enumerate(two.thirds)),
        Finding("the last third to the second", two.thirds[-1] / two.thirds[-2], at_most=1.05),
        Finding("before the first event", two.start / MIB, "MiB"),
        Finding("peak of a scrape after that", two.scraped / MIB, "MiB"),
        Finding("the scrape itself", two.answer / MIB, "MiB"),
        Finding("each further source partition, of 2 to 4", (max(four.thirds) - max(two.thirds)) / 2 / MIB, "MiB"),
    ]


def _an_hour(work: Work, partitions: int) -> Memory:
    group = f"{work.run}-{partitions}"
    dealer = Dealer(work.servers, f"{group}.events", partitions)
    worker = MeasuredWorker(work, group, _config(work, f"{group}.events", group), work.core)
    with running(worker):
        worker.start()
        worker.wait("it reads", lambda: worker.partitions_read == partitions)
        start = worker.resident_bytes
        thirds = list(_thirds(work, worker, dealer))
        worker.forget_peak()
        answer = worker.metrics(SCRAPE_PATIENCE_S)
        return Memory(start, thirds, worker.peak_bytes, len(answer))


def _config(work: Work, topic: str, group: str) -> dict[str, Any]:
    config = settings(work, topic, group, profiles_partitions=PROFILES_PARTITIONS)
    config["window"] |= {"allowed_lateness": f"{(OPEN - 1) * WINDOW_MS // 1000}s"}
    baseline = {"learn": {"windows": LEARNED}}
    config["models"] = [
        {"name": name, "segments": ["tags.country"], "baseline": baseline} for name in SHAPE.model_names
    ]
    return config


def _thirds(work: Work, worker: MeasuredWorker, dealer: Dealer) -> Iterator[int]:
    windows = HOUR // THIRDS
    for third in range(THIRDS):
        worker.forget_peak()
        for window in range(third * windows, (third + 1) * windows):
            dealer.deal(wide_events(_times(window, work.scaled(WINDOW_EVENTS)), SHAPE, seed=window))
        closed = ((third + 1) * windows - OPEN) * PROFILES_PARTITIONS
        worker.wait("its windows are closed", lambda n=closed: worker.windows_closed >= n, PATIENCE_S)
        yield worker.peak_bytes


def _times(window: int, n: int) -> np.ndarray:
    """Of each event, `OPEN - 1` windows or less behind the time that has come."""
    rng = np.random.default_rng([7, window])
    now = START_MS + window * WINDOW_MS + np.arange(n) * WINDOW_MS // n
    behind = rng.integers(0, (OPEN - 1) * WINDOW_MS, n)
    return np.maximum(now - behind, START_MS)
