"""A kill between each two steps of ingest and of the monitor."""

import asyncio
from pathlib import Path

import pytest

from tests.chaos.events import events, last_tick
from tests.chaos.oracle import expected
from tests.chaos.run import Run, settings
from tests.kafka.choice import Kafka
from tests.pipeline.workers import read_topic

EVERY_MS, EVENTS, BAD_EVERY = 1000, 30_000, 300
BAD = b"{nonsense"

# Points, each with how often it is reached before the kill. The first four are met while baselines are learned, the
# fifth once one is learned and its windows are not deleted yet, those after that while alerts fire and resolve with every window.
OF_MONITOR = [
    ("monitor.baseline_windows", 3),
    ("monitor.baseline_totals", 2),
    ("monitor.groups", 2),
    ("monitor.kept", 1),
    ("monitor.dropping", 1),
    ("monitor.closing", 12),
    ("monitor.alerts", 1),
    ("monitor.alerts", 3),
    ("monitor.windows", 2),
    ("monitor.groups", 3),
    ("monitor.kept", 1),
    ("monitor.partition", 2),
    ("monitor.acknowledged", 3),
]
OF_INGEST = [
    ("ingest.dead_letters", 2),
    ("ingest.fenced", 3),
    ("ingest.packets", 3),
    ("ingest.markers", 3),
    ("ingest.committed", 2),
    ("ingest.packets", 1),
    ("ingest.markers", 1),
]


async def killed_at(run: Run, which: str, points: list[tuple[str, int]]) -> None:
    """A worker of that half, killed at one point after the other, and then left to run."""
    worker = run.half(which)
    for point, count in points:
        await run.killed(worker, point, count)
        await asyncio.to_thread(run.evict, which)
    worker.start()


@pytest.mark.chaos
@pytest.mark.timeout(600)
async def test_a_kill_between_any_two_steps_changes_nothing(real_kafka: Kafka, tmp_path: Path) -> None:
    good = list(events(EVENTS, every_ms=EVERY_MS, quiet=1, drifting=1))
    with Run(tmp_path, settings(real_kafka.bootstrap_servers, "steps"), 2) as run:
        await run.send(v for i, v in enumerate(good) for v in ((BAD, v) if i % BAD_EVERY == 0 else (v,)))
        await run.end(last_tick(EVENTS, EVERY_MS))
        await asyncio.gather(killed_at(run, "ingest", OF_INGEST), killed_at(run, "monitor", OF_MONITOR))
        await run.finish(expected(run.config, good))
        kafka = run.config.kafka
        letters = read_topic(run.servers, kafka.dead_letters_topic)
        assert len(letters) > len({tuple(letter.headers) for letter in letters}) == EVENTS // BAD_EVERY
        for topic in (kafka.alerts_topic, kafka.windows_topic, kafka.profiles_topic):
            assert run.repeats(topic), f"no kill came before {topic} was recorded"


@pytest.mark.chaos
async def test_a_kill_after_a_claim_changes_nothing(real_kafka: Kafka, tmp_path: Path) -> None:
    """One partition falls silent, and its watermark moves by the clock: four windows of five seconds."""
    raw = settings(real_kafka.bootstrap_servers, "claims")
    raw["window"] |= {"length": "5s", "idle_timeout": "1s"}
    good = list(events(1000, every_ms=20))
    with Run(tmp_path, raw, 2) as run:
        await run.send(good[:4])
        await run.send([*good[4:], last_tick(1000)], [0])
        run.half("monitor").start()
        await killed_at(run, "ingest", [("ingest.claimed", count) for count in (1, 2, 1)])
        await run.finish(expected(run.config, good))
