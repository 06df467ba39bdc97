"""The short form of `make chaos`, which `make test` runs: kills inside an emission and a closing, and a send that fails."""

import asyncio
from pathlib import Path

from tests.chaos.events import events, last_tick
from tests.chaos.oracle import expected
from tests.chaos.run import Run, settings
from tests.chaos.test_steps import killed_at
from tests.kafka.choice import Kafka

EVERY_MS, EVENTS = 1000, 16_000
REFUSED = 40_000


async def test_kills_inside_an_emission_and_inside_a_closing_change_nothing(real_kafka: Kafka, tmp_path: Path) -> None:
    values = list(events(EVENTS, every_ms=EVERY_MS, quiet=1, drifting=1))
    with Run(tmp_path, settings(real_kafka.bootstrap_servers, "short"), 2) as run:
        await run.send(values)
        await run.end(last_tick(EVENTS, EVERY_MS))
        await asyncio.gather(
            killed_at(run, "ingest", [("ingest.packets", 4), ("ingest.markers", 2)]),
            killed_at(run, "monitor", [("monitor.groups", 3), ("monitor.alerts", 46), ("monitor.windows", 2)]),
        )
        await run.finish(expected(run.config, values))
        for topic in (run.config.kafka.alerts_topic, run.config.kafka.windows_topic, run.config.kafka.profiles_topic):
            assert run.repeats(topic), f"no kill came before {topic} was recorded"


async def test_what_the_broker_refuses_is_not_committed(real_kafka: Kafka, tmp_path: Path) -> None:
    """The profiles topic takes no packets for a while, and every worker ends at the first that it sends."""
    values = list(events(REFUSED))
    with Run(tmp_path, settings(real_kafka.bootstrap_servers, "refused"), 2) as run:
        worker = run.worker("a").start()
        await run.send(values[: REFUSED // 2])
        await run.wait("windows closed", lambda: worker.metric("driftline_windows_closed_total") >= 2)
        run.alter(run.config.kafka.profiles_topic, max_message_bytes="100")
        await run.send(values[REFUSED // 2 :])
        await run.wait("the worker has ended", lambda: not worker.alive)
        run.alter(run.config.kafka.profiles_topic, max_message_bytes=str(10 << 20))
        await run.end(last_tick(REFUSED))
        await run.finish(expected(run.config, values))
