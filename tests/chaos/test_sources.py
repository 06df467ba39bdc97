"""Source topics that are not as one would like: lopsided, silent, growing, and forgetting what was not read."""

import asyncio
from collections import Counter
from contextlib import closing
from pathlib import Path
from random import Random

import pytest
from kafka import KafkaAdminClient
from kafka.structs import TopicPartition

from pipeline.connections.admin import Admin
from pipeline.connections.topics import ingest_group
from schemas import codec
from schemas.packet import SourcePartition
from tests.chaos.events import MODELS, events, last_tick
from tests.chaos.oracle import Outcome, expected, records_of
from tests.chaos.run import Run, settings
from tests.chaos.traffic import Item, send_items
from tests.kafka.choice import Kafka

EVERY_MS = 1000


def _mostly_of(model: str, n: int, dice: Random) -> list[bytes]:
    """All events of one model, and one in twenty of the others."""
    name = f'"model":"{model}"'.encode()
    return [v for v in events(n, every_ms=EVERY_MS, quiet=1, drifting=1) if name in v or dice.random() < 0.05]


async def test_a_lopsided_topic_with_a_silent_partition_is_exact(
    real_kafka: Kafka, tmp_path: Path, dice: Random
) -> None:
    """95 % of traffic is one model's, nine tenths of it on one of three partitions; the last partition has nothing."""
    n = 10_000
    good = _mostly_of(MODELS[0], n, dice)
    raw = settings(real_kafka.bootstrap_servers, "lopsided")
    raw["window"]["idle_timeout"] = "2s"
    with Run(tmp_path, raw, 3) as run:
        await send_items(run.servers, run.topic, (Item(int(dice.random() < 0.1), value) for value in good))
        await run.send([last_tick(n, EVERY_MS)], (0, 1))
        run.worker("one").start()
        share = Counter(codec.decode(value)["model"] for value in good)
        assert share[MODELS[0]] > 0.9 * share.total()
        await run.finish(expected(run.config, good))


def _grow(run: Run, partitions: int) -> None:
    with closing(KafkaAdminClient(bootstrap_servers=run.servers)) as admin:
        admin.create_partitions({run.topic: partitions})
    run.partitions = partitions


@pytest.mark.chaos
@pytest.mark.parametrize("start", ["earliest", "latest"])
async def test_a_topic_gains_partitions_while_workers_run(start: str, real_kafka: Kafka, tmp_path: Path) -> None:
    """The workers take up the new partitions by themselves. Once they have, windows wait for what is sent there. Where a group
    begins at the end of its topics, what comes to a new partition before it is taken up counts all the same."""
    n = 20_000
    good = list(events(n, every_ms=EVERY_MS, quiet=1, drifting=1))
    with Run(tmp_path, settings(real_kafka.bootstrap_servers, f"growing-{start}", start=start), 2) as run:
        workers = [run.worker(name).start() for name in ("one", "two")]
        await run.wait("both read", lambda: all(f"{run.topic}[" in worker.log for worker in workers))
        await run.send(good[: n // 2])
        await run.wait("windows closed", lambda: len(records_of(run.config)) > 50)
        _grow(run, 4)
        later = [Item(i % 4, value) for i, value in enumerate(good[n // 2 :])]
        later += [Item(partition, last_tick(n, EVERY_MS)) for partition in range(4)]
        if start == "latest":
            await send_items(run.servers, run.topic, [item for item in later if item.partition >= 2])
        read = [f"{run.topic}[{partition}]: reads from" for partition in (2, 3)]
        await run.wait("the new partitions are read", lambda: all(any(r in w.log for w in workers) for r in read))
        assert all(worker.alive for worker in workers)
        await send_items(run.servers, run.topic, [item for item in later if item.partition < 2])
        if start == "earliest":
            await run.wait("the old partitions are read", lambda: sum(w.profiled for w in workers) >= n * 3 // 4)
            await send_items(run.servers, run.topic, [item for item in later if item.partition >= 2])
        await run.finish(expected(run.config, good))


def _delete_before(run: Run, partition: int, offset: int) -> None:
    with closing(KafkaAdminClient(bootstrap_servers=run.servers)) as admin:
        admin.delete_records({TopicPartition(run.topic, partition): offset})


def _counts(outcome: Outcome | dict[object, bytes]) -> Counter[int]:
    """Events of whole models by window."""
    records = outcome.records if isinstance(outcome, Outcome) else outcome
    counts: Counter[int] = Counter()
    for value in records.values():
        record = codec.decode(value)
        if "segment" not in record:
            counts[record["start_ms"]] += record["events"]
    return counts


@pytest.mark.chaos
async def test_what_retention_deleted_before_it_was_read_is_counted(real_kafka: Kafka, tmp_path: Path) -> None:
    """A worker stops; the topic deletes some of what it has not read, and some of what it had read and not sent. The
    gap is counted and logged, no other event is lost, and none counts twice."""
    n, gap = 12_000, 1_500
    good = list(events(n, every_ms=EVERY_MS))
    with Run(tmp_path, settings(real_kafka.bootstrap_servers, "forgetful"), 1) as run:
        worker = run.worker("one").start()
        await run.send(good[: n // 2])
        await run.wait("the first half is read", lambda: worker.profiled == n // 2)
        assert await asyncio.to_thread(worker.stop) == 0
        resume = await asyncio.to_thread(_committed, run)
        await run.send(good[n // 2 :])
        await run.end(last_tick(n, EVERY_MS))
        await asyncio.to_thread(_delete_before, run, 0, resume + gap)
        worker.start()
        wanted = _counts(expected(run.config, good[:resume] + good[resume + gap :]))
        await run.wait(
            "all windows closed", lambda: max(_counts(records_of(run.config)), default=0) == max(wanted), 180
        )
        assert worker.metric("driftline_events_lost_total") == gap
        lost = f"offsets {resume} to {resume + gap} were deleted: {gap} events lost"
        assert lost in worker.log
        assert await asyncio.to_thread(worker.stop) == 0
        assert _counts(records_of(run.config)) == wanted


def _committed(run: Run) -> int:
    """The first offset that the next worker would read."""
    source = SourcePartition(run.topic, 0)
    with Admin(run.config) as admin:
        return admin.committed(ingest_group(run.config), [source])[source].offset
