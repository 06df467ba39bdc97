"""The broker stops, is cut off, and has no room left."""

import asyncio
import random
import time
from itertools import islice
from pathlib import Path

import pytest

from tests.chaos.events import events, last_tick
from tests.chaos.oracle import expected
from tests.chaos.proxy import Proxy
from tests.chaos.run import Run, settings
from tests.kafka.broker import KafkaBroker, free_port

EVENTS = 200_000


@pytest.mark.chaos
@pytest.mark.timeout(600)
async def test_a_broker_away_for_5_30_and_90_seconds_costs_nothing(
    private_kafka: KafkaBroker, tmp_path: Path, dice: random.Random
) -> None:
    values = list(events(EVENTS))
    rest = iter(values)
    with Run(tmp_path, settings(private_kafka.bootstrap_servers, "away"), 4) as run:
        crew = [run.worker(name).start() for name in "ab"]
        for seconds in (5, 30, 90):
            await run.send(islice(rest, EVENTS // 4))
            await run.wait("events are read", lambda: run.keep_up() or sum(w.profiled for w in crew) > 0)
            await asyncio.sleep(dice.uniform(0, 2))
            await asyncio.to_thread(dice.choice([private_kafka.stop, private_kafka.kill]))
            await supervised_for(run, seconds)
            await asyncio.to_thread(private_kafka.start)
        await run.send(rest)
        await run.end(last_tick(EVENTS))
        await run.finish(expected(run.config, values))


async def supervised_for(run: Run, seconds: float) -> None:
    until_s = time.monotonic() + seconds
    while time.monotonic() < until_s:
        run.keep_up()
        await asyncio.sleep(1)


@pytest.mark.chaos
@pytest.mark.timeout(600)
async def test_connections_cut_half_way_through_replies_cost_nothing(
    can_run_kafka: None, tmp_path: Path, dice: random.Random
) -> None:
    values = list(events(EVENTS))
    rest = iter(values)
    async with Proxy(free_port(), dice) as proxy:
        proxy.to = free_port()
        with (
            KafkaBroker(proxied={proxy.to: proxy.port}) as broker,
            Run(tmp_path, settings(broker.bootstrap_servers, "cut"), 4, f"127.0.0.1:{proxy.port}") as run,
        ):
            for name in "ab":
                run.worker(name).start()
            await run.wait("both have joined", lambda: run.joined("ingest", 2))
            proxy.cutting = True
            for _ in range(10):
                await run.send(islice(rest, EVENTS // 10))
                await supervised_for(run, 5)
            proxy.cutting = False
            await run.end(last_tick(EVENTS))
            await run.finish(await asyncio.to_thread(expected, run.config, values))
        assert proxy.cuts > 100


@pytest.mark.chaos
async def test_a_broker_without_room_costs_nothing(private_kafka: KafkaBroker, tmp_path: Path) -> None:
    """The broker may not make any file longer than 1 MB, until it ends; then it has room again."""
    values = list(events(EVENTS))
    with Run(tmp_path, settings(private_kafka.bootstrap_servers, "room"), 4) as run:
        run.worker("a").start()
        await run.send(values[: EVENTS // 2])
        await run.wait("events are read", lambda: run.workers["a"].profiled > 0)
        private_kafka.limit_files(1 << 20)
        await run.wait("the broker has ended", lambda: run.keep_up() or not private_kafka.running)
        await supervised_for(run, 5)
        await asyncio.to_thread(private_kafka.start)
        await run.send(values[EVENTS // 2 :])
        await run.end(last_tick(EVENTS))
        await run.finish(expected(run.config, values))
