"""What whoever is on call does about alerts, on a real Kafka and a real Alertmanager: test the way, mute, accept, reload."""

import json
import signal
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from schemas import codec
from tests.deploy.alertmanagers import Alertmanager, webhook
from tests.kafka.choice import Kafka
from tests.pipeline.events import encode, loans
from tests.pipeline.test_notify import NotifyProcess
from tests.pipeline.workers import Worker, create_topic, driftline, read_topic, send, until

LEARNED, DRIFT_AT, DRIFTED, WINDOW_S = 24, 5400, 1202, 200
TOPIC = NAME = "answers"

pytestmark = pytest.mark.timeout(240)


class Scene:
    def __init__(self, servers: str, folder: Path, peer: Alertmanager) -> None:
        self.servers, self.folder, self.peer = servers, folder, peer
        create_topic(servers, TOPIC, 1)
        self._events = map(encode, loans(20_000, DRIFT_AT))
        settings: dict[str, Any] = {
            "kafka": {"bootstrap_servers": servers, "topics": [TOPIC], "group": NAME, "prefix": NAME},
            "window": {"length": f"{WINDOW_S}s", "allowed_lateness": "1s", "idle_timeout": "1h"},
            "models": [{"name": "loan", "baseline": {"learn": {"windows": LEARNED}}}],
            "alertmanager": {"urls": [peer.url], "resend": "3s"},
        }
        self.worker = Worker(folder, "worker", settings, "--log-format", "json").start()
        self.notify = NotifyProcess(folder, settings)

    async def send(self, n: int) -> None:
        await send(self.servers, TOPIC, [next(self._events) for _ in range(n)], 1)

    def logged(self, words: str) -> list[dict[str, Any]]:
        """The lines of the worker's log with these words in their message."""
        lines = [json.loads(line) for line in self.worker.log.splitlines()]
        return [line for line in lines if words in line["message"]]

    def says(self, *command: str) -> str:
        done = driftline("alerts", *command, "-c", self.worker.config)
        assert done.returncode == 0, done.stderr
        return done.stdout + done.stderr

    def resolved(self) -> dict[str, str]:
        """By signal, why its alert resolved."""
        alerts = [codec.decode(message.value) for message in read_topic(self.servers, f"{NAME}.alerts")]
        return {a["signal"]: a["summary"] for a in alerts if a["state"] == "resolved" and a["model"] == "loan"}

    def silences(self) -> list[Any]:
        with urllib.request.urlopen(f"{self.peer.url}/api/v2/silences", timeout=5) as answer:
            found: list[Any] = json.loads(answer.read())
        return [{m["name"]: m["value"] for m in silence["matchers"]} for silence in found]


@pytest.fixture
def scene(real_kafka: Kafka, tmp_path: Path) -> Iterator[Scene]:
    with webhook() as hook:
        peer = Alertmanager(tmp_path, hook)
        peer.start()
        scene = Scene(real_kafka.bootstrap_servers, tmp_path, peer)
        try:
            yield scene
        finally:
            scene.worker.stop()
            scene.notify.end()
            peer.stop()


async def test_alerts_are_tested_muted_and_accepted(scene: Scene) -> None:
    await scene.send(DRIFT_AT + DRIFTED)
    until("the worker is ready", lambda: scene.worker.profiled)

    unheard = driftline("alerts", "test", "-c", scene.worker.config, "--within", "2")
    assert unheard.returncode == 1
    assert "is this running? driftline notify" in unheard.stderr
    scene.notify.start()
    assert f"{scene.peer.url}: has it after" in scene.says("test")
    until("it is taken back", lambda: not any(a["labels"]["model"] == "driftline-test" for a in scene.peer.active()))

    until("value fires", lambda: [line for line in scene.logged("alert firing") if line["signal"] == "value"])
    fired = {line["signal"]: line for line in scene.logged("alert firing")}
    assert fired.keys() == {"value", "grade"}
    value = fired["value"]
    assert (value["model"], value["version"], value["state"], value["level"] > value["p_value"]) == (
        "loan",
        "1",
        "firing",
        True,
    )

    listed = scene.says("list")
    assert f"incident {value['incident']} of loan since" in listed
    assert f"id {value['alert']})" in listed
    assert "firing: 2, in incidents: 1; resolved, on the topic: 2" in listed
    assert {json.loads(line)["signal"] for line in scene.says("list", "--json").splitlines()} == {"value", "grade"}
    assert "muted until" in scene.says("mute", value["alert"], "--for", "2h")
    assert "muted until" in scene.says("mute", value["incident"], "--reason", "new pricing")
    named = {"alertname": "DriftlineDrift", "model": "loan"}
    assert {**named, "version": "1", "segment": "", "signal": "value"} in scene.silences()
    assert named in scene.silences()
    assert driftline("alerts", "mute", "nobody", "-c", scene.worker.config).stderr.startswith(
        "error no alert and no incident 'nobody'"
    )

    written = scene.worker.config.read_text()
    scene.worker.config.write_text(written.replace("learn:", "lern:"))
    scene.worker.signal(signal.SIGHUP)
    until("it is refused", lambda: scene.logged("the old one is kept"))
    scene.worker.config.write_text(written)

    until(
        "the last window is closed", lambda: len(scene.logged("closed: 1 groups")) >= (DRIFT_AT + DRIFTED) // WINDOW_S
    )
    said = scene.says("accept", value["alert"], "-o", str(scene.folder / "baselines/loan.json"), "--edit")
    assert f"loan in {DRIFTED // WINDOW_S} windows since" in said
    assert "+" in said
    assert "baselines/loan.json" in scene.worker.config.read_text()
    pid = scene.worker.pid
    scene.worker.signal(signal.SIGHUP)
    until("it begins again", lambda: len(scene.logged("page on http")) == 2)
    assert scene.worker.alive
    assert scene.worker.pid == pid
    await scene.send(3 * WINDOW_S)
    until("what fired resolves", lambda: scene.resolved().keys() >= {"value", "grade"})
    assert set(scene.resolved().values()) == {"value: has another baseline now", "grade: has another baseline now"}
