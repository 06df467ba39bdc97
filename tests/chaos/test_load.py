"""A monitor that cannot keep up, and an orderly end in the midst of work."""

import asyncio
import random
import re
import signal
import time
from itertools import islice
from pathlib import Path

import pytest

from tests.chaos.events import WINDOW_S, events, last_tick
from tests.chaos.oracle import expected
from tests.chaos.run import Run, memory_bytes, settings
from tests.kafka.choice import Kafka
from tests.pipeline.workers import Worker

LEAVES_WITHIN_S = 10
# Ingest may fill its columns meanwhile (`pipeline.ingest.pending.MOST_VALUES`), and has documents that wait for them.
MORE_BYTES = {"ingest": 384 << 20, "monitor": 128 << 20}


@pytest.mark.chaos
@pytest.mark.timeout(600)
async def test_a_slow_monitor_lags_and_takes_no_more_memory(real_kafka: Kafka, tmp_path: Path) -> None:
    """It is frozen for nine tenths of the time while ingest reads on. How far it is behind is the distance of its
    watermark from those of the source partitions."""
    n = 400_000
    values = list(events(n))
    with Run(tmp_path, settings(real_kafka.bootstrap_servers, "slow"), 4) as run:
        ingest, monitor = run.half("ingest").start(), run.half("monitor").start()
        await run.send(values[: n // 10])
        await run.wait("windows closed", lambda: monitor.metric("driftline_windows_closed_total") >= 10)
        before = {worker: memory_bytes(worker) for worker in (ingest, monitor)}
        sending = asyncio.create_task(run.send(values[n // 10 :]))
        most, lags, unread = dict(before), [], []
        for _ in range(20):
            monitor.signal(signal.SIGSTOP)
            await asyncio.sleep(1.8)
            monitor.signal(signal.SIGCONT)
            await asyncio.sleep(0.2)
            lags.append(lag_windows(ingest, monitor))
            unread.append(monitor.metric("driftline_profiles_lag_messages"))
            most = {worker: max(most[worker], memory_bytes(worker)) for worker in most}
        await sending
        await run.end(last_tick(n))
        await run.wait("the monitor has caught up", lambda: lag_windows(ingest, monitor) <= 0)
        most = {worker: max(most[worker], memory_bytes(worker)) for worker in most}
        await run.finish(expected(run.config, values))
        assert max(lags) > 20, f"the monitor did not lag: {lags}"
        assert max(unread) > 0, "the monitor did not say that it lags"
        grown = {name: (most[worker] - before[worker]) >> 20 for name, worker in run.workers.items()}
        assert all(mb << 20 < MORE_BYTES[name] for name, mb in grown.items()), f"MB more than at the beginning: {grown}"


def lag_windows(ingest: Worker, monitor: Worker) -> float:
    """How many windows the monitor's watermark is behind the least of the source partitions'."""
    read = series(ingest, "driftline_source_watermark_timestamp_seconds")
    taken = series(monitor, "driftline_watermark_timestamp_seconds")
    return (min(read) - min(taken)) / WINDOW_S if read and taken else 0.0


def series(worker: Worker, name: str) -> list[float]:
    return [float(value) for value in re.findall(rf"^{name}{{.*}} (\S+)$", worker.metrics(), re.MULTILINE)]


@pytest.mark.chaos
@pytest.mark.timeout(600)
async def test_sigterm_under_load_commits_and_leaves_within_ten_seconds(
    real_kafka: Kafka, tmp_path: Path, dice: random.Random
) -> None:
    n, times = 240_000, 5
    values = list(events(n))
    rest = iter(values)
    with Run(tmp_path, settings(real_kafka.bootstrap_servers, "leave"), 4) as run:
        worker = run.worker("a")
        for _ in range(times):
            worker.start()
            await run.wait("the worker has joined", lambda: run.joined("ingest", 1))
            sending = asyncio.create_task(run.send(islice(rest, n // times)))
            await asyncio.sleep(dice.uniform(0.2, 3))
            began_s = time.monotonic()
            assert await asyncio.to_thread(worker.stop) == 0
            assert time.monotonic() - began_s < LEAVES_WITHIN_S
            assert [run.members(half) for half in ("ingest", "monitor")] == [0, 0]
            await sending
        await run.send(rest)
        await run.end(last_tick(n))
        await run.finish(expected(run.config, values))
        assert not run.repeats(run.config.kafka.profiles_topic), "what was sent had not been committed"
