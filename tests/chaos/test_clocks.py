"""Event clocks that are wrong, and events out of order. The stream's own time is the records' Kafka timestamp."""

import json
from pathlib import Path
from random import Random

import pytest

from tests.chaos.events import START_MS, WINDOW_S, events, last_tick
from tests.chaos.oracle import expected, records_of
from tests.chaos.run import Run, settings
from tests.chaos.traffic import Item, send_items
from tests.kafka.choice import Kafka
from tests.pipeline.workers import read_topic

PARTITIONS = 2
EVERY_MS = 1000
HOUR_MS = 3_600_000
LATENESS_S = 60
AHEAD, BEHIND, EPOCH = "timestamp_ahead", "late", "timestamp_too_old"


def _at(value: bytes, ts_ms: int) -> bytes:
    return json.dumps({**json.loads(value), "ts": ts_ms}).encode()


def _in_turn(values: list[bytes]) -> list[Item]:
    return [Item(i % PARTITIONS, value, START_MS + i * EVERY_MS) for i, value in enumerate(values)]


def _with_wrong_clocks(values: list[bytes], dice: Random) -> tuple[list[Item], dict[str, int]]:
    """Among the events, each with its own time, those of clocks an hour ahead, an hour behind and in 1970; and how
    many of each. No clock is wrong before each partition has had an event that is right."""
    items, counts = [], dict.fromkeys((AHEAD, BEHIND, EPOCH), 0)
    clocks = {AHEAD: HOUR_MS, BEHIND: -HOUR_MS, EPOCH: -START_MS}
    for i, item in enumerate(_in_turn(values)):
        items.append(item)
        if i >= PARTITIONS and dice.random() < 0.1:
            clock = dice.choice(list(clocks))
            items.append(item._replace(value=_at(values[i], item.timestamp_ms + clocks[clock])))
            counts[clock] += 1
    return items, counts


async def wrong_clocks(kafka: Kafka, folder: Path, name: str, n: int, dice: Random) -> None:
    good = list(events(n, every_ms=EVERY_MS, quiet=1, drifting=1))
    items, counts = _with_wrong_clocks(good, dice)
    with Run(folder, settings(kafka.bootstrap_servers, name), PARTITIONS) as run:
        worker = run.worker("one").start()
        await send_items(run.servers, run.topic, items)
        await run.end(last_tick(n, EVERY_MS))
        wanted = expected(run.config, good)
        await run.wait("all windows closed", lambda: wanted.records.keys() <= records_of(run.config).keys(), 180)
        assert worker.metric(r'driftline_events_total\{outcome="late"\}') == counts[BEHIND] > 0
        assert worker.metric(rf'driftline_events_refused_total\{{reason="{AHEAD}"\}}') == counts[AHEAD] > 0
        assert worker.metric(rf'driftline_events_refused_total\{{reason="{EPOCH}"\}}') == counts[EPOCH] > 0
        await run.finish(wanted)
        letters = read_topic(run.servers, run.config.kafka.dead_letters_topic)
        assert len(letters) == counts[AHEAD] + counts[EPOCH]


async def test_wrong_clocks_are_refused_or_late_and_move_no_window(
    real_kafka: Kafka, tmp_path: Path, dice: Random
) -> None:
    await wrong_clocks(real_kafka, tmp_path, "clocks", 8_000, dice)


@pytest.mark.chaos
async def test_wrong_clocks_among_many_events(real_kafka: Kafka, tmp_path: Path, dice: Random) -> None:
    await wrong_clocks(real_kafka, tmp_path, "many-clocks", 60_000, dice)


@pytest.mark.chaos
async def test_disorder_within_the_lateness_changes_no_byte(real_kafka: Kafka, tmp_path: Path, dice: Random) -> None:
    n = 30_000
    good = list(events(n, every_ms=EVERY_MS, quiet=1, drifting=1))
    raw = settings(real_kafka.bootstrap_servers, "disorder")
    raw["window"]["allowed_lateness"] = f"{LATENESS_S}s"
    order = sorted(range(n), key=lambda i: i + dice.random() * (LATENESS_S - 1))
    with Run(tmp_path, raw, PARTITIONS) as run:
        run.worker("one").start()
        await run.send(good[i] for i in order)
        await run.end(last_tick(n, EVERY_MS))
        got = await run.finish(expected(run.config, good))
        assert got.alerts


@pytest.mark.chaos
async def test_disorder_beyond_the_lateness_is_counted_and_the_rest_is_exact(
    real_kafka: Kafka, tmp_path: Path, dice: Random
) -> None:
    """One event in fifty comes two windows later than it should."""
    n = 30_000
    good = list(events(n, every_ms=EVERY_MS, quiet=1, drifting=1))
    delay = 2 * WINDOW_S * 1000 // EVERY_MS
    slow = {i for i in range(n - 2 * delay) if dice.random() < 0.02}
    order = sorted(range(n), key=lambda i: i + (delay + 0.5 if i in slow else 0))
    with Run(tmp_path, settings(real_kafka.bootstrap_servers, "delays"), PARTITIONS) as run:
        worker = run.worker("one").start()
        await run.send(good[i] for i in order)
        await run.end(last_tick(n, EVERY_MS))
        wanted = expected(run.config, [value for i, value in enumerate(good) if i not in slow])
        await run.wait("all windows closed", lambda: wanted.records.keys() <= records_of(run.config).keys(), 180)
        assert worker.metric(r'driftline_events_total\{outcome="late"\}') == len(slow) > 0
        assert worker.profiled == n - len(slow)
        await run.finish(wanted)
