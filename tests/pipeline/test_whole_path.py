"""Events on a real Kafka topic in, window records and alerts out: two workers, faults, and the same alerts as replay."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from schemas import codec
from tests.kafka.choice import Kafka
from tests.pipeline.events import encode, loans
from tests.pipeline.workers import (
    Worker,
    counted,
    create_topic,
    distinct_alerts,
    distinct_windows,
    driftline,
    read_topic,
    send,
    start_two,
    until,
    write_config,
)

EVENTS, DRIFT_AT, BASELINE = 30_000, 18_000, 12_000
WINDOW_S = 500
MODELS = ("loan", "fraud")  # on different profiles partitions of four
DRIFTED = {"value", "grade"}


@pytest.fixture(scope="module")
def both() -> list[bytes]:
    """The events of two models, in order of time."""
    pairs = zip(loans(EVENTS, DRIFT_AT, "loan", 1), loans(EVENTS, DRIFT_AT, "fraud", 2), strict=True)
    return [encode(event) for pair in pairs for event in pair]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory, both: list[bytes]) -> Path:
    """A folder with the events, the baselines and what replay makes of them."""
    folder = tmp_path_factory.mktemp("path")
    config = write_config(folder, "replay.yaml", **settings("unused", "unused", "localhost:1"))
    (folder / "events.ndjson").write_bytes(b"\n".join(both))
    (folder / "reference.ndjson").write_bytes(b"\n".join(both[: 2 * BASELINE]))
    for model in MODELS:
        built = driftline("baseline", "build", "-c", config, folder / "reference.ndjson", "-o", folder / f"{model}.json", "--model", model)  # fmt: skip
        assert built.returncode == 0, built.stderr
    replayed = driftline("replay", "-q", "-c", config, folder / "events.ndjson", "--alerts", folder / "alerts.ndjson")
    assert replayed.returncode == 0, replayed.stderr
    return folder


def settings(topic: str, name: str, servers: str, **window: str) -> dict[str, Any]:
    kafka = {"bootstrap_servers": servers, "topics": [topic], "group": name, "prefix": name, "block_size": 2000}
    times = {"length": f"{WINDOW_S}s", "allowed_lateness": "1s", "idle_timeout": "2s"}
    models = [{"name": model, "baseline": f"{model}.json", "segments": ["tags.country"]} for model in MODELS]
    return {"kafka": kafka, "window": times | window, "models": models}


@pytest.fixture
def workers(folder: Path, request: pytest.FixtureRequest) -> Iterator[list[Worker]]:
    running: list[Worker] = []
    yield running
    for worker in running:
        if worker.alive:
            worker.stop()


def windows_done(servers: str, name: str) -> bool:
    """Whether the last window of every model has closed."""
    return counted(servers, name) >= 2 * EVENTS


def replayed(folder: Path) -> list[bytes]:
    return sorted((folder / "alerts.ndjson").read_bytes().splitlines())


def test_replay_fires_for_what_drifted_and_for_nothing_else(folder: Path) -> None:
    alerts = [codec.decode(line) for line in replayed(folder)]
    whole = [a for a in alerts if "segment" not in a]
    assert {(a["model"], a["signal"]) for a in whole} == {(m, s) for m in MODELS for s in DRIFTED}
    start = np.int64(1_700_000_000_000 // 86_400_000 * 86_400_000)
    assert {a["onset_ms"] for a in alerts} == {int(start) + DRIFT_AT * 1000}
    assert {a["signal"] for a in alerts} == DRIFTED
    assert {tuple(a["segment"]) for a in alerts if "segment" in a} == {("tags.country", "DE"), ("tags.country", "FR")}


async def test_two_workers_count_every_event_once(
    real_kafka: Kafka, folder: Path, both: list[bytes], workers: list[Worker]
) -> None:
    servers, name = real_kafka.bootstrap_servers, "two"
    create_topic(servers, "two.events", 4)
    a, b = start_two(workers, folder, settings("two.events", name, servers), 4)
    await send(servers, "two.events", both, 4)
    until("all windows closed", lambda: windows_done(servers, name))
    records = distinct_windows(servers, name)
    assert counted(servers, name) == 2 * EVENTS
    assert {r["completeness"] for r in records.values()} == {"complete"}
    assert min(a.profiled, b.profiled) >= 0.3 * 2 * EVENTS
    assert distinct_alerts(servers, name) == replayed(folder)
    assert [a.stop(), b.stop()] == [0, 0]


@pytest.mark.parametrize("who", ["one", "both"])
async def test_kill_9_loses_and_repeats_nothing(
    who: str, real_kafka: Kafka, folder: Path, both: list[bytes], workers: list[Worker]
) -> None:
    servers, name = real_kafka.bootstrap_servers, f"kill-{who}"
    create_topic(servers, f"{name}.events", 4)
    a, b = start_two(workers, folder, settings(f"{name}.events", name, servers), 4)
    half = len(both) // 2
    await send(servers, f"{name}.events", both[:half], 4)
    until("windows closed", lambda: len(distinct_windows(servers, name)) >= 20)
    killed = [a] if who == "one" else [a, b]
    for worker in killed:
        worker.kill()
    await send(servers, f"{name}.events", both[half:], 4)
    for worker in killed:
        worker.start()
    until("all windows closed", lambda: windows_done(servers, name))
    records = distinct_windows(servers, name)
    assert counted(servers, name) == 2 * EVENTS
    assert {r["completeness"] for r in records.values()} == {"complete"}
    assert distinct_alerts(servers, name) == replayed(folder)


@pytest.mark.parametrize("partitions", [1, 7])
async def test_any_number_of_partitions_gives_the_same_alerts(
    partitions: int, real_kafka: Kafka, folder: Path, both: list[bytes], workers: list[Worker]
) -> None:
    servers, name = real_kafka.bootstrap_servers, f"parts-{partitions}"
    create_topic(servers, f"{name}.events", partitions)
    await send(servers, f"{name}.events", both, partitions)
    workers.append(Worker(folder, name, settings(f"{name}.events", name, servers)).start())
    until("all windows closed", lambda: windows_done(servers, name))
    assert distinct_alerts(servers, name) == replayed(folder)


async def test_ingest_and_monitor_may_run_apart(
    real_kafka: Kafka, folder: Path, both: list[bytes], workers: list[Worker]
) -> None:
    servers, name = real_kafka.bootstrap_servers, "apart"
    create_topic(servers, "apart.events", 2)
    await send(servers, "apart.events", both, 2)
    config = settings("apart.events", name, servers)
    for half in ("ingest", "monitor"):
        workers.append(Worker(folder, f"{name}-{half}", config, "--only", half).start())
    until("all windows closed", lambda: windows_done(servers, name))
    assert distinct_alerts(servers, name) == replayed(folder)
    assert [worker.stop() for worker in workers] == [0, 0]


async def test_bad_events_go_to_the_dead_letters_and_good_ones_are_counted(
    real_kafka: Kafka, folder: Path, both: list[bytes], workers: list[Worker]
) -> None:
    servers, name = real_kafka.bootstrap_servers, "bad"
    create_topic(servers, "bad.events", 2)
    bad = [
        b"{nonsense",
        b"[]",
        b'{"model":"loan","features":{}}',
        b'{"ts":1e15,"model":"loan","features":{}}',
        b"[" * 9999,
    ]
    some = both[:8000]
    await send(
        servers,
        "bad.events",
        [v for i, v in enumerate(some) for v in ((bad[i // 100 % 5], v) if i % 100 == 0 else (v,))],
        2,
    )
    workers.append(Worker(folder, name, settings("bad.events", name, servers)).start())

    until("all good events counted", lambda: counted(servers, name) >= 8000)
    assert counted(servers, name) == 8000
    letters = {tuple(v for _, v in m.headers): m.value for m in read_topic(servers, f"{name}.dead-letters")}
    assert len(letters) == 80
    assert set(letters.values()) == set(bad)
    reasons = {place[0].decode() for place in letters}
    assert reasons == {"invalid_json", "not_an_object", "no_timestamp", "timestamp_ahead", "too_deep"}
