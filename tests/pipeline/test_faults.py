"""Faults, as a supervisor meets them: what ends is started again, and the counts are exact."""

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from schemas import codec
from tests.kafka.broker import KafkaBroker
from tests.kafka.choice import Kafka
from tests.pipeline.events import encode, loans
from tests.pipeline.workers import (
    Worker,
    counted,
    create_topic,
    distinct_windows,
    read_topic,
    send,
    until,
)

EVENTS = 20_000
EVENTS_OF_ALL = [encode(e) for e in loans(EVENTS, EVENTS)]


def settings(topic: str, name: str, servers: str, **more: Any) -> dict[str, Any]:
    kafka = {"bootstrap_servers": servers, "topics": [topic], "group": name, "prefix": name, "block_size": 2000}
    times = {"length": "500s", "allowed_lateness": "1s", "idle_timeout": "2s"}
    return {"kafka": kafka | more, "window": times}


@pytest.fixture
def workers() -> Iterator[list[Worker]]:
    running: list[Worker] = []
    yield running
    for worker in running:
        if worker.alive:
            worker.kill()


def supervised(worker: Worker, done: Any) -> Any:
    """What a supervisor does while waiting: starts the worker again where it has ended."""

    def look() -> bool:
        if not worker.alive:
            worker.start()
        return bool(done())

    return look


async def test_a_broker_that_stops_for_ten_seconds_costs_no_event(
    private_kafka: KafkaBroker, tmp_path: Path, workers: list[Worker]
) -> None:
    servers = private_kafka.bootstrap_servers
    create_topic(servers, "events", 2)
    worker = Worker(tmp_path, "outage", settings("events", "outage", servers)).start()
    workers.append(worker)
    until("the worker reads", lambda: worker.partitions_read == 2)
    await send(servers, "events", EVENTS_OF_ALL[: EVENTS // 2], 2)
    until("windows closed", lambda: len(distinct_windows(servers, "outage")) >= 5)
    private_kafka.stop()
    await asyncio.sleep(10)
    private_kafka.start()
    await send(servers, "events", EVENTS_OF_ALL[EVENTS // 2 :], 2)
    until("all windows closed", supervised(worker, lambda: counted(servers, "outage") >= EVENTS), 180)
    records = distinct_windows(servers, "outage")
    assert counted(servers, "outage") == EVENTS
    assert {record["completeness"] for record in records.values()} == {"complete"}


async def test_a_worker_obeys_sigterm_while_its_broker_is_gone(
    private_kafka: KafkaBroker, tmp_path: Path, workers: list[Worker]
) -> None:
    servers = private_kafka.bootstrap_servers
    create_topic(servers, "gone", 1)
    worker = Worker(tmp_path, "gone", settings("gone", "gone", servers)).start()
    workers.append(worker)
    until("the worker reads", lambda: worker.partitions_read == 1)
    private_kafka.kill()
    await asyncio.sleep(2)
    assert worker.stop() in (0, 1)


async def test_a_changed_block_size_is_refused_in_one_line(
    real_kafka: Kafka, tmp_path: Path, workers: list[Worker]
) -> None:
    servers = real_kafka.bootstrap_servers
    create_topic(servers, "blocks.events", 1)
    await send(servers, "blocks.events", EVENTS_OF_ALL[:3000], 1)
    first = Worker(tmp_path, "blocks", settings("blocks.events", "blocks", servers)).start()
    workers.append(first)
    until("windows closed", lambda: counted(servers, "blocks") >= 2000)
    first.stop()
    other = Worker(tmp_path, "blocks-2", settings("blocks.events", "blocks", servers, block_size=5000)).start()
    workers.append(other)
    until("the worker has ended", lambda: not other.alive)
    assert "kafka.block_size changed (2000 -> 5000)" in other.log
    assert "Traceback" not in other.log
    assert other.stop() == 1


async def test_a_changed_setting_marks_the_windows_that_hold_both(
    real_kafka: Kafka, tmp_path: Path, workers: list[Worker]
) -> None:
    """The limit on categories decides the bytes of packets; the window that is open at the change gets no verdict."""
    servers = real_kafka.bootstrap_servers
    create_topic(servers, "mixed.events", 1)
    config = settings("mixed.events", "mixed", servers)
    await send(servers, "mixed.events", EVENTS_OF_ALL[:2250], 1)
    first = Worker(tmp_path, "mixed", config).start()
    workers.append(first)
    until("a block of the open window was sent", lambda: counted(servers, "mixed") >= 2000)
    first.stop()
    await send(servers, "mixed.events", EVENTS_OF_ALL[2250:6000], 1)
    second = Worker(tmp_path, "mixed-2", config | {"limits": {"categories": 100}}).start()
    workers.append(second)
    until("all windows closed", lambda: counted(servers, "mixed") >= 6000)
    assert counted(servers, "mixed") == 6000
    states = [r["completeness"] for _, r in sorted(distinct_windows(servers, "mixed").items(), key=lambda i: i[0][3])]
    assert set(states) <= {"complete", "mixed"}
    assert states.count("mixed") <= 1


async def test_a_learned_baseline_outlives_its_worker(real_kafka: Kafka, tmp_path: Path, workers: list[Worker]) -> None:
    servers = real_kafka.bootstrap_servers
    create_topic(servers, "learn.events", 1)
    config = settings("learn.events", "learn", servers)
    config["models"] = [{"name": "loan", "baseline": {"learn": {"windows": 24}, "rolling": {"windows": 24}}}]
    drifting = [encode(e) for e in loans(22_000, 19_000)]
    await send(servers, "learn.events", drifting[:13_500], 1)
    worker = Worker(tmp_path, "learn", config).start()
    workers.append(worker)
    until("windows learned", lambda: len(distinct_windows(servers, "learn")) >= 26)
    worker.kill()
    await send(servers, "learn.events", drifting[13_500:], 1)
    worker.start()
    until("all windows closed", lambda: counted(servers, "learn") >= 22_000)
    records = [r for _, r in sorted(distinct_windows(servers, "learn").items(), key=lambda item: item[0][3])]
    assert [r["state"] for r in records[:24]] == ["learning"] * 24
    assert [r["learned_windows"] for r in records[:24]] == list(range(1, 25))
    assert {r["state"] for r in records[24:38]} <= {"ok", "warning"}
    assert {r["state"] for r in records[38:]} == {"drift"}
    second = [{v["detector"] for s in r["signals"] for v in s["verdicts"]} & {"rolling", "frozen"} for r in records]
    assert not any(second[:24])
    assert all(second[27:38]), "it is of windows that the killed worker had kept"


async def test_a_worker_that_begins_with_fewer_rolling_windows_deletes_the_others(
    real_kafka: Kafka, tmp_path: Path, workers: list[Worker]
) -> None:
    servers = real_kafka.bootstrap_servers
    create_topic(servers, "fewer.events", 1)
    config = settings("fewer.events", "fewer", servers)

    def begin(name: str, windows: int) -> Worker:
        models = [{"name": "loan", "baseline": {"learn": {"windows": 24}, "rolling": {"windows": windows}}}]
        workers.append(Worker(tmp_path, name, config | {"models": models}).start())
        return workers[-1]

    def kept() -> int:
        found = {m.key: m.value for m in read_topic(servers, "fewer-monitor-baselines-changelog")}
        return sum(value is not None and codec.decode(key)[2] == "rolled" for key, value in found.items())

    await send(servers, "fewer.events", EVENTS_OF_ALL[:15_000], 1)
    first = begin("fewer", 40)
    until("windows are kept", lambda: kept() >= 26)
    first.stop()
    begin("fewer-2", 20)
    until("those that are not wanted are deleted", lambda: kept() == 21)


async def test_events_of_a_model_that_stops_are_all_counted_when_its_partition_falls_silent(
    real_kafka: Kafka, tmp_path: Path, workers: list[Worker]
) -> None:
    """One of two partitions has a single event and then nothing: its claims let the other's windows close."""
    servers = real_kafka.bootstrap_servers
    create_topic(servers, "silent.events", 2)
    values = [EVENTS_OF_ALL[0], *EVENTS_OF_ALL[1:600]]
    await send(servers, "silent.events", values[:2], 2)
    await send(servers, "silent.events", values[2:], 1)
    config = settings("silent.events", "silent", servers)
    config["window"] = {"length": "5s", "allowed_lateness": "1s", "idle_timeout": "1s"}
    workers.append(Worker(tmp_path, "silent", config).start())
    until("the first windows closed", lambda: counted(servers, "silent") >= 5)


async def test_a_partition_that_gets_bad_records_alone_holds_no_window_open(
    real_kafka: Kafka, tmp_path: Path, workers: list[Worker]
) -> None:
    """The same, but bad records come to it without end, more of them than the worker looks for idleness."""
    servers = real_kafka.bootstrap_servers
    create_topic(servers, "bad-alone.events", 2)
    await send(servers, "bad-alone.events", EVENTS_OF_ALL[:2], 2)
    config = settings("bad-alone.events", "bad-alone", servers)
    config["window"] = {"length": "5s", "allowed_lateness": "1s", "idle_timeout": "1s"}
    enough = asyncio.Event()
    bad = asyncio.create_task(bad_records(servers, "bad-alone.events", enough))
    try:
        workers.append(Worker(tmp_path, "bad-alone", config).start())
        await asyncio.to_thread(until, "the window closed", lambda: counted(servers, "bad-alone") == 2, 30)
    finally:
        enough.set()
        await bad


async def bad_records(servers: str, topic: str, enough: asyncio.Event) -> None:
    """To the first partition, until it is enough."""
    while not enough.is_set():
        await send(servers, topic, [b"{not json"], 1)
        await asyncio.sleep(0.05)
