"""The notifier on a real Kafka and a real Alertmanager, with a real webhook: fires, groups, resolves, outlives both."""

import asyncio
import os
import signal
import socket
import subprocess
import time
import urllib.error
import urllib.request
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from schemas.alert import Alert, AlertState
from tests.deploy.alertmanagers import Alertmanager, Webhook, webhook
from tests.kafka.broker import KafkaBroker, free_port
from tests.kafka.choice import Kafka
from tests.pipeline.workers import DRIFTLINE, create_topic, driftline, send, until, write_config
from tests.schemas.test_messages import ALERT

pytestmark = pytest.mark.timeout(180)


def event(
    name: str, state: AlertState = AlertState.FIRING, model: str = "loan", onset_ms: int = 1_800_000_000_000
) -> bytes:
    """An alert event of the signal of this name."""
    incident = f"{model}-{onset_ms}"
    changes = {"id": f"{name}-{onset_ms}", "signal": name, "state": state, "model": model, "incident": incident}
    return Alert.model_validate({**ALERT.model_dump(by_alias=True), **changes, "onset_ms": onset_ms}).encode()


class NotifyProcess:
    """`driftline notify`, in a process of its own."""

    def __init__(self, folder: Path, settings: Mapping[str, Any]) -> None:
        self.folder, self.settings, self.port = folder, settings, free_port()
        metrics = {"notify_port": self.port}
        self._config = write_config(folder, f"notify-{uuid.uuid4().hex}.yaml", **settings, metrics=metrics)
        self._log_path = folder / "notify.log"
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> "NotifyProcess":
        with self._log_path.open("ab") as log:
            command = [*DRIFTLINE, "notify", "-c", str(self._config)]
            self._process = subprocess.Popen(command, stdout=log, stderr=log)
        return self

    def end(self, number: int = signal.SIGTERM) -> int:
        """The exit code; 0 where it was never started."""
        if self._process is None:
            return 0
        if self._process.poll() is None:
            os.kill(self._process.pid, number)
        return self._process.wait(timeout=20)

    def answer(self, path: str) -> tuple[int, str]:
        """The status and the text of what its port answers."""
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}{path}", timeout=10) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            return error.code, error.read().decode()

    def series(self) -> dict[str, float]:
        """What its /metrics say, by name and labels."""
        lines = self.answer("/metrics")[1].splitlines()
        return {name: float(value) for name, _, value in (x.rpartition(" ") for x in lines if not x.startswith("#"))}

    def said(self, words: str) -> int:
        """How many lines of the log have these words."""
        return sum(words in line for line in self._log_path.read_text().splitlines())


class Scene:
    """A topic of alerts, two Alertmanagers with a webhook each, and a notifier."""

    def __init__(self, servers: str, folder: Path, hooks: list[Webhook]) -> None:
        self.servers, prefix = servers, f"notify-{uuid.uuid4().hex[:8]}"
        self.topic = f"{prefix}.alerts"
        create_topic(self.servers, self.topic, 2)
        self.hooks = hooks
        self.peers = []
        for number, hook in enumerate(hooks):
            (folder / str(number)).mkdir()
            self.peers.append(Alertmanager(folder / str(number), hook))
        told = {"urls": [peer.url for peer in self.peers], "resend": "3s", "runbook_url": "http://runbooks/drift"}
        kafka_settings = {"bootstrap_servers": self.servers, "prefix": prefix}
        self.notify = NotifyProcess(folder, {"kafka": kafka_settings, "alertmanager": told})

    async def write(self, *events: bytes) -> None:
        await send(self.servers, self.topic, events, 1)

    def everybody_knows(self, **states: str) -> None:
        until(f"{states}", lambda: all(states.items() <= hook.states().items() for hook in self.hooks), 60)


@contextmanager
def played(servers: str, folder: Path) -> Iterator[Scene]:
    with webhook() as one, webhook() as two:
        scene = Scene(servers, folder, [one, two])
        try:
            for peer in scene.peers:
                peer.start()
            yield scene
        finally:
            scene.notify.end(signal.SIGKILL)
            for peer in scene.peers:
                peer.stop()


@pytest.fixture
def scene(real_kafka: Kafka, tmp_path: Path) -> Iterator[Scene]:
    with played(real_kafka.bootstrap_servers, tmp_path) as scene:
        yield scene


async def test_alerts_fire_in_groups_at_every_peer_and_resolve(scene: Scene) -> None:
    await scene.write(
        event("income"), event("grade"), event("amount", model="fraud"), event("old"), event("old", AlertState.RESOLVED)
    )
    scene.notify.start()
    scene.everybody_knows(income="firing", grade="firing", amount="firing")
    for hook in scene.hooks:
        groups = [sorted(a["labels"]["signal"] for a in n["alerts"]) for n in hook.notifications]
        assert ["grade", "income"] in groups  # one incident, one notification
        assert ["amount"] in groups
        assert hook.of("old") == []
        told = hook.of("income")[0]
        assert told["labels"]["alertname"] == "DriftlineDrift"
        assert told["annotations"]["summary"] == "loan 1: x: median 1 -> 2"
        assert told["annotations"]["runbook_url"] == "http://runbooks/drift"

    await scene.write(event("income", AlertState.RESOLVED), event("late", onset_ms=1_800_000_300_000), b"no alert")
    scene.everybody_knows(income="resolved", grade="firing", late="firing")
    assert scene.notify.said("no alert, or one of a newer version") == 1
    for peer in scene.peers:
        until("the active ones are those", lambda peer=peer: {a["labels"]["signal"] for a in peer.active()} == {"grade", "amount", "late"}, 30)  # fmt: skip
    until("all of it was read", lambda: scene.notify.series()["driftline_notify_lag_messages"] == 0, 10)
    series, urls = scene.notify.series(), [peer.url for peer in scene.peers]
    assert series["driftline_notify_firing"] == 3
    assert series['driftline_notify_events_total{state="firing"}'] == 5
    assert series['driftline_notify_events_total{state="resolved"}'] == 2
    assert [series[f'driftline_notify_peer_up{{peer="{url}"}}'] for url in urls] == [1, 1]
    for url in urls:
        assert series[f'driftline_notify_pushes_total{{outcome="taken",peer="{url}"}}'] >= 2
        assert series[f'driftline_notify_pushes_total{{outcome="failed",peer="{url}"}}'] == 0
        assert abs(series[f'driftline_notify_last_success_timestamp_seconds{{peer="{url}"}}'] - time.time()) < 60
    assert [scene.notify.answer(path) for path in ("/healthz", "/readyz")] == [(200, "ok\n")] * 2
    assert scene.notify.end() == 0
    assert scene.notify.said("ended: open=3") == 1


async def test_a_notifier_started_again_goes_on_and_the_alerts_of_a_dead_one_end(scene: Scene) -> None:
    await scene.write(event("income"), event("grade"))
    scene.notify.start()
    scene.everybody_knows(income="firing", grade="firing")

    assert scene.notify.end() == 0  # shorter than the alerts last: nobody notices
    await scene.write(event("grade", AlertState.RESOLVED))
    scene.notify.start()
    scene.everybody_knows(grade="resolved")
    assert [[a["status"] for a in hook.of("income")][-1] for hook in scene.hooks] == ["firing", "firing"]

    assert scene.notify.end(signal.SIGKILL) == -signal.SIGKILL
    scene.everybody_knows(income="resolved")
    scene.notify.start()
    scene.everybody_knows(income="firing")


async def test_a_peer_that_was_away_is_told_when_it_is_back(scene: Scene) -> None:
    scene.notify.start()
    until("the notifier runs", lambda: scene.notify.said("notifies: "), 60)
    away, there = scene.peers
    away.stop()
    await scene.write(event("income"))
    until("the other is told", lambda: scene.hooks[1].states() == {"income": "firing"}, 60)
    await asyncio.sleep(4)
    assert scene.notify.said("peer is away") == 1
    series = scene.notify.series()
    assert [series[f'driftline_notify_peer_up{{peer="{peer.url}"}}'] for peer in scene.peers] == [0, 1]
    assert series[f'driftline_notify_pushes_total{{outcome="failed",peer="{away.url}"}}'] >= 2
    assert scene.notify.answer("/healthz") == (200, "ok\n"), "who is away is no reason to start it anew"
    away.start()
    scene.everybody_knows(income="firing")
    until("it is said", lambda: scene.notify.said("peer is back") == 1, 30)
    there.stop()
    there.start()  # it has forgotten everything
    until("it is told again", lambda: [a["labels"]["signal"] for a in there.active()] == ["income"], 30)
    assert scene.notify.end() == 0


async def test_a_broker_that_restarts_is_read_on(private_kafka: KafkaBroker, tmp_path: Path) -> None:
    with played(private_kafka.bootstrap_servers, tmp_path) as scene:
        await scene.write(event("income"))
        scene.notify.start()
        scene.everybody_knows(income="firing")
        private_kafka.restart()
        await scene.write(event("grade"), event("income", AlertState.RESOLVED))
        scene.everybody_knows(income="resolved", grade="firing")
        assert scene.notify.said("aiokafka") <= 2  # not a line for each attempt
        assert scene.notify.end() == 0


async def test_two_notifiers_side_by_side_say_the_same(scene: Scene) -> None:
    other = NotifyProcess(scene.notify.folder, scene.notify.settings)
    await scene.write(event("income"))
    scene.notify.start()
    other.start()
    try:
        scene.everybody_knows(income="firing")
        await asyncio.sleep(5)
        assert [len(hook.notifications) for hook in scene.hooks] == [1, 1]
    finally:
        other.end()


def test_nobody_to_notify_is_said_in_one_line(tmp_path: Path) -> None:
    done = driftline("notify", "-c", write_config(tmp_path, "none.yaml", kafka={}))
    assert done.returncode == 1
    assert done.stderr == "error alertmanager.urls is empty; name who is to be told, as in [http://alertmanager:9093]\n"


def test_a_port_that_is_taken_is_said_in_one_line(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        told = {"alertmanager": {"urls": ["http://localhost:1"]}, "metrics": {"notify_port": port}}
        done = driftline("notify", "-c", write_config(tmp_path, "none.yaml", kafka={}, **told))
    assert done.returncode == 1
    assert done.stderr.endswith("choose another port (metrics.notify_port)\n")
    assert done.stderr.startswith(f"error metrics cannot be served on 127.0.0.1:{port}: ")


def test_a_topic_that_is_not_there_is_said_in_one_line(real_kafka: Kafka, tmp_path: Path) -> None:
    kafka = {"bootstrap_servers": real_kafka.bootstrap_servers, "prefix": "nothing-here"}
    told = {"alertmanager": {"urls": ["http://localhost:1"]}, "metrics": {"notify_port": 0}}
    config = write_config(tmp_path, "none.yaml", kafka=kafka, **told)
    done = driftline("notify", "-c", config)
    assert done.returncode == 1
    assert done.stderr == "error topic nothing-here.alerts does not exist; create it with: driftline topics -c FILE\n"
