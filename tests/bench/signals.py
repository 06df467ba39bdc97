"""What a value costs in events of 20 to 1,000 signals: in memory, from JSON to the packets of one window."""

import numpy as np

from pipeline.events.files.batch import in_batches
from pipeline.history.local import LocalIngest
from pipeline.process.garbage import expect_batches
from schemas.config import Config
from tests.bench.events import START_MS, WINDOW_MS
from tests.bench.finding import Finding
from tests.bench.stopwatch import Stopwatch
from tests.bench.wide import Shape, wide_events
from tests.bench.work import Work

EVENTS = 5_000
ROUNDS = 3
FEW, MANY = 20, 1_000


def measure(work: Work) -> list[Finding]:
    cost = {signals: _microseconds_per_value(signals) for signals in (FEW, 100, 300, MANY)}
    found = [Finding(f"a value of {n:,} signals, {EVENTS:,} events a window", us, "µs") for n, us in cost.items()]
    ratio = Finding(f"a value of {MANY:,} signals to one of {FEW}", cost[MANY] / cost[FEW], at_most=1.0)
    return [*found, ratio]


def _microseconds_per_value(signals: int) -> float:
    times = START_MS + np.arange(EVENTS) * WINDOW_MS // EVENTS
    values = list(wide_events(times, Shape(signals), seed=1))
    return min(_seconds(values) for _ in range(ROUNDS)) / (EVENTS * signals) * 1e6


def _seconds(values: list[bytes]) -> float:
    ingest = LocalIngest(Config())
    expect_batches()
    watch = Stopwatch()
    for _ in ingest.messages(batch.values for batch in in_batches(values)):
        pass
    return watch.stop(len(values)).cpu_seconds
