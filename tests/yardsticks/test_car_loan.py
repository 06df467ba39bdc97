"""Car loans: 100,000 events, a second apart, that drift from the 75,001st on in known signals and in no others."""

import re
from pathlib import Path
from typing import Any

import pytest

from schemas import codec
from tests.kafka.choice import Kafka
from tests.pipeline.workers import (
    Worker,
    counted,
    create_topic,
    distinct_alerts,
    distinct_windows,
    driftline,
    send,
    start_two,
    until,
    write_config,
)
from tests.yardsticks.events import events

EVENTS, REFERENCE, DRIFT_AT, WINDOW_S = 100_000, 50_000, 75_000, 1000
DRIFTED = {"car_value", "loan_length", "salary_range", "repaid_loan_on_prev_car", "prediction"}
START_MS = 1_700_000_000_000 // 86_400_000 * 86_400_000
PAIRWISE = "__pairwise__"
TWIN = "car_loan_b"  # on another profiles partition of four


@pytest.fixture(scope="module")
def loans() -> list[bytes]:
    return events("car_loan")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory, loans: list[bytes]) -> Path:
    """The baseline from the first 50,000 rows, and what replay makes of all."""
    folder = tmp_path_factory.mktemp("car_loan")
    config = write_config(folder, "replay.yaml", **settings("unused", "unused", "localhost:1"))
    for name, some in (("reference", loans[:REFERENCE]), ("all", loans)):
        (folder / f"{name}.ndjson").write_bytes(b"\n".join(some))
    built = driftline(
        "baseline", "build", "-q", "-c", config, folder / "reference.ndjson", "-o", folder / "car_loan.json"
    )
    assert built.returncode == 0, built.stderr
    (folder / f"{TWIN}.json").write_bytes(
        (folder / "car_loan.json").read_bytes().replace(b'"car_loan"', f'"{TWIN}"'.encode())
    )
    replayed = driftline("replay", "-q", "-c", config, folder / "all.ndjson", "--alerts", folder / "alerts.ndjson")
    assert replayed.returncode == 0, replayed.stderr
    return folder


def settings(topic: str, name: str, servers: str) -> dict[str, Any]:
    return {
        "kafka": {"bootstrap_servers": servers, "topics": [topic], "group": name, "prefix": name, "block_size": 5000},
        "window": {"length": f"{WINDOW_S}s", "allowed_lateness": "1s", "idle_timeout": "2s"},
        "models": [{"name": model, "baseline": f"{model}.json"} for model in ("car_loan", TWIN)],
    }


def replayed(folder: Path) -> list[bytes]:
    return sorted((folder / "alerts.ndjson").read_bytes().splitlines())


def of_twin(loans: list[bytes]) -> list[bytes]:
    return [re.sub(rb'"model": ?"car_loan"', f'"model": "{TWIN}"'.encode(), event) for event in loans]


def test_replay_fires_for_the_drifted_signals_in_the_first_drifted_window(folder: Path) -> None:
    alerts = [codec.decode(line) for line in replayed(folder)]
    moved = [a for a in alerts if a["signal"] != PAIRWISE]
    assert {a["signal"] for a in moved} == DRIFTED
    assert len(moved) == len(DRIFTED)
    assert {(a["state"], a["onset_ms"]) for a in moved} == {("firing", START_MS + DRIFT_AT * 1000)}


def test_the_correlation_that_drifts_is_told_and_none_before(folder: Path) -> None:
    """That of driver_tenure and the score is -.50 in the first 50,000 rows, -.51 up to the drift and -.43 after it."""
    [alert] = [a for line in replayed(folder) if (a := codec.decode(line))["signal"] == PAIRWISE]
    assert alert["summary"].startswith("correlation of driver_tenure and prediction from -0.50 to ")
    assert alert["onset_ms"] >= START_MS + DRIFT_AT * 1000


async def test_two_workers_count_100000_and_give_the_alerts_of_replay(
    real_kafka: Kafka, folder: Path, loans: list[bytes], workers: list[Worker]
) -> None:
    servers, name = real_kafka.bootstrap_servers, "car-two"
    create_topic(servers, f"{name}.events", 4)
    a, b = start_two(workers, folder, settings(f"{name}.events", name, servers), 4)
    await send(servers, f"{name}.events", loans, 4)
    until("all windows closed", lambda: counted(servers, name) >= EVENTS)
    assert counted(servers, name) == EVENTS
    assert len(distinct_windows(servers, name)) == EVENTS // WINDOW_S
    assert min(a.profiled, b.profiled) >= 30_000
    assert distinct_alerts(servers, name) == replayed(folder)


async def test_two_models_on_different_profiles_partitions(
    real_kafka: Kafka, folder: Path, loans: list[bytes], workers: list[Worker]
) -> None:
    servers, name = real_kafka.bootstrap_servers, "car-twins"
    create_topic(servers, f"{name}.events", 4)
    a, b = start_two(workers, folder, settings(f"{name}.events", name, servers), 4)
    pairs = [event for pair in zip(loans, of_twin(loans), strict=True) for event in pair]
    await send(servers, f"{name}.events", pairs, 4)
    until("all windows closed", lambda: counted(servers, name) >= 2 * EVENTS)
    assert counted(servers, name) == 2 * EVENTS
    assert min(a.profiled, b.profiled) >= 30_000
    alerts = distinct_alerts(servers, name)
    assert sorted(a for a in alerts if TWIN.encode() not in a) == replayed(folder)
    assert {codec.decode(a)["signal"] for a in alerts if TWIN.encode() in a} == {*DRIFTED, PAIRWISE}
    assert len(alerts) == 2 * len(replayed(folder))


@pytest.mark.parametrize("partitions", [1, 7])
async def test_one_partition_or_seven_give_the_alerts_of_replay(
    partitions: int, real_kafka: Kafka, folder: Path, loans: list[bytes], workers: list[Worker]
) -> None:
    servers, name = real_kafka.bootstrap_servers, f"car-{partitions}"
    create_topic(servers, f"{name}.events", partitions)
    await send(servers, f"{name}.events", loans, partitions)
    workers.append(Worker(folder, name, settings(f"{name}.events", name, servers)).start())
    until("all windows closed", lambda: counted(servers, name) >= EVENTS)
    assert counted(servers, name) == EVENTS
    assert distinct_alerts(servers, name) == replayed(folder)


async def test_kill_9_between_20_and_60_windows(
    real_kafka: Kafka, folder: Path, loans: list[bytes], workers: list[Worker]
) -> None:
    servers, name = real_kafka.bootstrap_servers, "car-kill"
    create_topic(servers, f"{name}.events", 4)
    a, _b = start_two(workers, folder, settings(f"{name}.events", name, servers), 4)
    await send(servers, f"{name}.events", loans[:50_000], 4)
    until("20 windows closed", lambda: len(distinct_windows(servers, name)) >= 20)
    assert len(distinct_windows(servers, name)) < 60
    a.kill()
    await send(servers, f"{name}.events", loans[50_000:], 4)
    a.start()
    until("all windows closed", lambda: counted(servers, name) >= EVENTS)
    assert counted(servers, name) == EVENTS
    assert distinct_alerts(servers, name) == replayed(folder)
