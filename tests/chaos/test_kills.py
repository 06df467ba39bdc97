"""Kill -9 of ingest, of the monitor, of both."""

import asyncio
import random
from collections.abc import Iterable
from functools import partial
from itertools import islice
from pathlib import Path

import pytest

from tests.chaos.events import events, last_tick
from tests.chaos.oracle import expected
from tests.chaos.run import Run, settings
from tests.kafka.choice import Kafka
from tests.pipeline.workers import Worker

EVENTS, ROUNDS = 1_000_000, 10
CHUNK = EVENTS // ROUNDS // 2
HALVES = ("ingest", "monitor")
INSIDE = {
    "ingest": ("fenced", "packets", "markers", "committed"),
    "monitor": ("closing", "alerts", "windows", "groups", "baseline_totals", "kept", "partition", "acknowledged"),
}


@pytest.mark.chaos
@pytest.mark.timeout(1200)
async def test_thirty_kills_over_a_million_events_change_nothing(
    real_kafka: Kafka, tmp_path: Path, dice: random.Random
) -> None:
    """In each round a kill at a random moment, a kill inside an emission or a closing, and one more at random."""
    values = list(events(EVENTS))
    rest = iter(values)
    with Run(tmp_path, settings(real_kafka.bootstrap_servers, "kills", block_size=5000), 4) as run:
        workers = {half: [run.half(half, name).start() for name in "ab"] for half in HALVES}
        for half in HALVES:
            await run.wait("all have joined", partial(run.joined, half, 2))
        for _ in range(ROUNDS):
            await asyncio.gather(run.send(islice(rest, CHUNK)), killed_at_random(run, workers, dice))
            half = dice.choice(HALVES)
            await killed_inside(run, half, dice.choice(workers[half]), islice(rest, CHUNK), dice)
            await killed_at_random(run, workers, dice)
        await run.end(last_tick(EVENTS))
        got = await run.finish(expected(run.config, values), 300)
        assert got.events == EVENTS
        assert run.repeats(run.config.kafka.profiles_topic)


async def killed_at_random(run: Run, workers: dict[str, list[Worker]], dice: random.Random) -> None:
    """Kills a worker of one half or of both, and starts it again. Sometimes others need not wait for its session."""
    await asyncio.sleep(dice.uniform(0, 3))
    halves = dice.choice([["ingest"], ["monitor"], list(HALVES)])
    for half in halves:
        victim = dice.choice(workers[half])
        if victim.alive:
            victim.kill()
        victim.start()
        if dice.random() < 0.7:
            await asyncio.to_thread(run.evict, half)


async def killed_inside(run: Run, half: str, victim: Worker, values: Iterable[bytes], dice: random.Random) -> None:
    """Has a worker killed inside an emission or a closing of these events, and starts it again."""
    run.keep_up()
    victim.kill()
    run.arm(victim, f"{half}.{dice.choice(INSIDE[half])}", dice.randint(1, 4))
    await asyncio.to_thread(run.evict, half)
    await run.wait("both have joined", lambda: not victim.alive or run.joined(half, 2))
    await run.send(values)
    await run.fallen(victim)
    victim.start()
    await asyncio.to_thread(run.evict, half)
