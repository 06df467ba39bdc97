"""The demonstration's events on a real topic, with the configuration that docker-compose gives its workers."""

import time
from pathlib import Path
from typing import Any

import pytest
import yaml

from pipeline.commands.demo import CHANGE, CHANGED, END, MAY_FOLLOW
from pipeline.commands.demo_stream import HISTORY
from schemas import codec
from tests.kafka.choice import Kafka
from tests.pipeline.workers import Worker, create_topic, distinct_alerts, driftline, read_topic, running, until

SHIPPED = Path(__file__).parents[2] / "deploy/driftline.yaml"
RATE = 10.0
ALL = 49_097


def settings(servers: str, name: str) -> dict[str, Any]:
    """As they are in deploy/, on this broker, with topics of their own."""
    shipped = yaml.safe_load(SHIPPED.read_text())
    kafka = {"bootstrap_servers": servers, "topics": [f"{name}.events"], "group": name, "prefix": name}
    return {**shipped, "kafka": kafka}


def times(servers: str, topic: str) -> dict[int, int]:
    """The time of each event, by its place in the endless row."""
    events = [codec.decode(message.value) for message in read_topic(servers, topic)]
    return {int(event["event_id"].split("-")[1]): event["ts"] for event in events}


def test_a_worker_as_it_is_shipped_catches_the_change_and_nothing_else(
    real_kafka: Kafka, tmp_path: Path, workers: list[Worker]
) -> None:
    servers, name = real_kafka.bootstrap_servers, "shuttles"
    create_topic(servers, f"{name}.events", 4)
    sent = driftline("demo", "--bootstrap-servers", servers, "--topic", f"{name}.events", "--once")
    assert sent.returncode == 0, sent.stderr
    ended_ms = time.time() * 1000
    assert f"{ALL:,} events sent to shuttles.events" in sent.stderr
    workers.append(Worker(tmp_path, name, settings(servers, name)).start())
    until("the last whole window closed", lambda: workers[0].metric("driftline_windows_closed_total") >= 80)
    assert workers[0].stop() == 0
    alerts = [codec.decode(value) for value in distinct_alerts(servers, name)]
    fired = {alert["signal"]: alert for alert in alerts if alert["state"] == "firing"}
    resolved = {alert["signal"]: alert for alert in alerts if alert["state"] == "resolved"}
    assert set(CHANGED) <= set(fired) <= {*CHANGED, MAY_FOLLOW}
    for signal in CHANGED:
        assert fired[signal]["onset_ms"] == pytest.approx(ended_ms - (ALL - CHANGE) * 1000 / RATE, abs=90_000)
        assert 0 < resolved[signal]["end_ms"] - (ended_ms - (ALL - END) * 1000 / RATE) < 600_000


def test_without_once_the_past_is_there_at_once_and_the_rest_comes_in_time(real_kafka: Kafka) -> None:
    servers, topic = real_kafka.bootstrap_servers, "going-on"
    create_topic(servers, topic, 2)
    command = ("demo", "--bootstrap-servers", servers, "--topic", topic, "--rate", str(RATE))
    with running(*command) as process:
        at = until("it goes on", lambda: (found := times(servers, topic)) and max(found) >= HISTORY + 20 and found)
        assert process.poll() is None
    assert sorted(at) == list(range(len(at)))
    assert at[HISTORY] - at[0] == pytest.approx(HISTORY * 1000 / RATE, abs=2)
    assert at[max(at)] == pytest.approx(time.time() * 1000, abs=20_000)
    assert HISTORY < CHANGE


def test_half_a_place_is_a_wrong_command_line() -> None:
    done = driftline("demo", "--topic", "t")
    assert done.returncode == 2
    assert "go together" in done.stderr


def test_a_topic_that_is_not_there_is_one_clear_line(real_kafka: Kafka) -> None:
    done = driftline("demo", "--once", "--bootstrap-servers", real_kafka.bootstrap_servers, "--topic", "nowhere")
    assert done.returncode == 1
    assert done.stderr.startswith("error topic nowhere does not exist")
    assert "Traceback" not in done.stderr
