"""Workers that come and go, workers that were frozen and thaw, and what such workers may send."""

import asyncio
import random
import signal
import time
from collections.abc import Sequence
from itertools import islice
from pathlib import Path

import pytest
from aiokafka import AIOKafkaProducer

from schemas.packet import Marker, Packet, decode_message, encode_marker, encode_packet
from tests.chaos.events import events, last_tick
from tests.chaos.oracle import expected, records_of
from tests.chaos.run import Run, frozen, settings
from tests.kafka.choice import Kafka
from tests.pipeline.workers import Worker, read_topic

EVERY_S, CHANGES, MOST_WORKERS = 3, 40, 3
EVENTS, EVERY_MS = 30_000, 1000
VALUES = list(events(EVENTS, every_ms=EVERY_MS, quiet=1, drifting=1))


@pytest.mark.chaos
@pytest.mark.timeout(600)
async def test_workers_that_come_and_go_every_three_seconds_change_nothing(
    real_kafka: Kafka, tmp_path: Path, dice: random.Random
) -> None:
    n = 240_000
    values = list(events(n))
    rest = iter(values)
    with Run(tmp_path, settings(real_kafka.bootstrap_servers, "churn"), 4) as run:
        crew = [run.worker(name).start() for name in "ab"] + [run.worker("c")]
        for _ in range(CHANGES):
            alive = [worker for worker in crew if worker.alive]
            idle = [worker for worker in crew if not worker.alive]
            leaves = len(alive) == MOST_WORKERS or (len(alive) > 1 and dice.random() < 0.5)
            change = asyncio.to_thread(left, dice.choice(alive)) if leaves else joined(dice.choice(idle))
            await asyncio.gather(change, run.send(islice(rest, n // CHANGES)), asyncio.sleep(EVERY_S))
        meanwhile = await asyncio.to_thread(records_of, run.config)
        await run.end(last_tick(n))
        got = await run.finish(expected(run.config, values))
        assert len(meanwhile) > len(got.records) / 10, "too little was closed while workers came and went"


def left(worker: Worker) -> None:
    """Ends a worker by SIGTERM; in time, though it may be in the midst of a rebalance, or not yet have begun."""
    began_s = time.monotonic()
    assert worker.stop() in (0, 1, -signal.SIGTERM), worker.log[-3000:]
    assert time.monotonic() - began_s < 12


async def joined(worker: Worker) -> None:
    worker.start()


@pytest.mark.chaos
@pytest.mark.parametrize(
    ("half", "point", "count"),
    [
        ("ingest", "ingest.fenced", 12),
        ("ingest", "ingest.packets", 12),
        ("monitor", "monitor.closing", 24),
        ("monitor", "monitor.groups", 24),
    ],
)
async def test_a_worker_frozen_past_its_session_changes_nothing_when_it_thaws(
    half: str, point: str, count: int, real_kafka: Kafka, tmp_path: Path
) -> None:
    """It thaws between two steps, when another has its partitions and has come further, and goes on as if it owned
    them still."""
    with Run(tmp_path, settings(real_kafka.bootstrap_servers, point.replace(".", "-")), 2) as run:
        zombie = run.half(half, "zombie")
        run.arm(zombie, point, count, "STOP")
        run.half("monitor" if half == "ingest" else "ingest").start()
        await run.send(VALUES[: EVENTS // 2])
        await run.wait("the worker froze", lambda: frozen(zombie))
        closed = len(await asyncio.to_thread(records_of, run.config))
        run.half(half, "heir").start()
        await run.wait("its session has ended", lambda: run.joined(half, 1) and run.workers[f"{half}heir"].alive)
        await run.send(VALUES[EVENTS // 2 : -500])
        await run.wait("the heir closed windows", lambda: len(records_of(run.config)) > closed + 100)
        await thawed(run, zombie)


@pytest.mark.chaos
async def test_a_worker_put_out_of_its_group_while_frozen_changes_nothing_when_it_thaws(
    real_kafka: Kafka, tmp_path: Path
) -> None:
    """Nobody has its partitions, and the broker takes the commits of anybody."""
    with Run(tmp_path, settings(real_kafka.bootstrap_servers, "alone"), 2) as run:
        zombie = run.half("ingest", "zombie")
        run.arm(zombie, "ingest.fenced", 12, "STOP")
        run.half("monitor").start()
        await run.send(VALUES[:-500])
        await run.wait("the worker froze", lambda: frozen(zombie))
        await asyncio.to_thread(run.evict, "ingest")
        await asyncio.sleep(4)  # long enough for it to commit before it sends on
        await thawed(run, zombie)


async def thawed(run: Run, zombie: Worker) -> None:
    zombie.signal(signal.SIGCONT)
    await asyncio.sleep(5)
    await run.send(VALUES[-500:])
    await run.end(last_tick(EVENTS, EVERY_MS))
    await run.finish(expected(run.config, VALUES))


@pytest.mark.chaos
async def test_packets_that_come_again_late_or_forged_change_nothing(
    real_kafka: Kafka, tmp_path: Path, dice: random.Random
) -> None:
    """Everything on the profiles topic again, and in the place of each packet and marker another one, as an older
    generation with other ideas would send it. The monitor takes it once as it comes and, killed, once again. A block
    ends shortly before, in the midst of a window that is open."""
    middle = 15_440
    with Run(tmp_path, settings(real_kafka.bootstrap_servers, "forged", block_size=1100), 2) as run:
        ingest, monitor = run.half("ingest").start(), run.half("monitor").start()
        await run.send(VALUES[:middle])
        await run.wait("windows closed", lambda: len(records_of(run.config)) > 200)
        await asyncio.to_thread(ingest.stop)
        sent = read_topic(run.servers, run.config.kafka.profiles_topic)
        forged = [(m.partition, forgery(m.value)) for m in sent]
        again = [(m.partition, m.value) for m in sent]
        for group in (again, forged, dice.sample(again, len(again))):
            await put(run, group)
        await asyncio.sleep(2)
        monitor.kill()
        await asyncio.to_thread(run.evict, "monitor")
        monitor.start()
        ingest.start()
        await run.send(VALUES[middle:])
        await run.end(last_tick(EVENTS, EVERY_MS))
        await run.finish(expected(run.config, VALUES), ignored={value for _, value in forged})


def forgery(value: bytes) -> bytes:
    """A packet with the same stamp that counts more events; a marker of an older generation that has come further."""
    message = decode_message(value)
    if isinstance(message, Packet):
        return encode_packet(message._replace(header=message.header.model_copy(update={"events": 10**6})))
    assert isinstance(message, Marker)
    further = {"position": message.position + 10**6, "watermark_ms": message.watermark_ms + 10**9}
    return encode_marker(message.model_copy(update={"generation": 0, "previous": (0, 0), **further}))


async def put(run: Run, messages: Sequence[tuple[int, bytes]]) -> None:
    """Puts messages onto the profiles topic by hand."""
    producer = AIOKafkaProducer(bootstrap_servers=run.servers, acks="all", linger_ms=20)
    await producer.start()
    try:
        topic = run.config.kafka.profiles_topic
        for sent in [await producer.send(topic, value, partition=partition) for partition, value in messages]:
            await sent
    finally:
        await producer.stop()
