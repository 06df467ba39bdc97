"""The car loans through Prometheus and Alertmanager, and a worker that is killed in the midst of it."""

import re
from pathlib import Path
from typing import Any

import pytest

from tests.deploy.by_rule import wired
from tests.kafka.choice import Kafka
from tests.pipeline.workers import Worker, create_topic, driftline, send, start_two, until, write_config
from tests.yardsticks.events import events

STEADY, DRIFT_AT, KILLED_AT, BACK_AT, END = 65_000, 75_000, 80_500, 86_500, 96_001
DRIFTED = {"car_value", "loan_length", "salary_range", "repaid_loan_on_prev_car", "prediction"}
NAME, MODEL = "car-by-rule", "car_loan"

pytestmark = [pytest.mark.yardstick, pytest.mark.timeout(600)]


@pytest.fixture(scope="module")
def loans() -> list[bytes]:
    return events("car_loan")


def settings(servers: str) -> dict[str, Any]:
    return {
        "kafka": {"bootstrap_servers": servers, "topics": [NAME], "group": NAME, "prefix": NAME, "block_size": 5000},
        "window": {"length": "1000s", "allowed_lateness": "1s", "idle_timeout": "1h"},
        "models": [{"name": MODEL, "baseline": f"{MODEL}.json"}],
    }


def moved(event: bytes, seconds: int) -> bytes:
    """The event, so much later."""
    return re.sub(rb'"ts": ?(\d+)', lambda ts: b'"ts": %d' % (int(ts[1]) + seconds * 1000), event)


async def test_the_rules_tell_a_webhook_through_the_death_of_a_worker(
    real_kafka: Kafka, tmp_path: Path, loans: list[bytes], workers: list[Worker]
) -> None:
    servers = real_kafka.bootstrap_servers
    create_topic(servers, NAME, 4)
    config = write_config(tmp_path, "build.yaml", **settings(servers))
    (tmp_path / "reference.ndjson").write_bytes(b"\n".join(loans[:50_000]))
    built = driftline(
        "baseline", "build", "-q", "-c", config, tmp_path / "reference.ndjson", "-o", tmp_path / f"{MODEL}.json"
    )
    assert built.returncode == 0, built.stderr
    back = [moved(event, BACK_AT - 10_000) for event in loans[10_000 : 10_000 + END - BACK_AT]]

    pair = start_two(workers, tmp_path, settings(servers), 4)
    with wired(tmp_path, pair, MODEL) as all_of_it:
        await send(servers, NAME, loans[STEADY:DRIFT_AT], 4)
        until("steady windows are shown", lambda: sum(map(all_of_it.shown_by, pair)))
        assert not all_of_it.told("firing")

        await send(servers, NAME, loans[DRIFT_AT:KILLED_AT], 4)
        all_of_it.everybody_knows(DRIFTED, "firing")
        assert all_of_it.shown_once()

        killed, survivor = sorted(pair, key=all_of_it.shown_by, reverse=True)
        killed.kill()
        until("its series are gone", lambda: not all_of_it.shown_by(killed), 10)
        await send(servers, NAME, loans[KILLED_AT:BACK_AT], 4)
        until("the other worker shows them", lambda: all_of_it.shown_by(survivor))
        assert all_of_it.shown_once()
        assert not all_of_it.shown_by(killed)
        until("what drifts fires on", lambda: all_of_it.told("firing") >= DRIFTED, 60)

        await send(servers, NAME, back, 4)
        until("what drifted resolves", lambda: all_of_it.told("resolved") >= DRIFTED, 60)
