"""Alertmanager as a child process, and a webhook that keeps what it is sent."""

import json
import os
import shutil
import signal
import subprocess
import threading
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.kafka.broker import free_port
from tests.pipeline.workers import until

NAMES = ("prometheus-alertmanager", "alertmanager")


def program() -> str:
    """Where Alertmanager is. Skips the test, or fails it in CI, where it is not installed."""
    path = next(filter(None, map(shutil.which, NAMES)), None)
    if path is None:
        stop = pytest.fail if os.environ.get("CI") else pytest.skip
        stop("Alertmanager is not installed; on Debian it is in the package prometheus-alertmanager")
    return path


class Webhook:
    """Keeps every notification, in order."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.notifications: list[dict[str, Any]] = []

    def states(self) -> dict[str, str]:
        """The state last notified of each signal."""
        alerts = [alert for notification in self.notifications for alert in notification["alerts"]]
        return {alert["labels"]["signal"]: alert["status"] for alert in alerts}

    def of(self, signal_name: str) -> list[dict[str, Any]]:
        """Every notification about this signal, as the alert stood in it."""
        alerts = [alert for notification in self.notifications for alert in notification["alerts"]]
        return [alert for alert in alerts if alert["labels"]["signal"] == signal_name]


@contextmanager
def webhook() -> Iterator[Webhook]:
    """A receiver on a port of its own."""
    kept: list[dict[str, Any]] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            kept.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Says nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        receiver = Webhook(f"http://127.0.0.1:{server.server_port}/")
        receiver.notifications = kept
        yield receiver
    finally:
        server.shutdown()
        server.server_close()


class Alertmanager:
    """An Alertmanager that groups as deploy/ has it, by the second, and notifies one webhook."""

    def __init__(self, folder: Path, receiver: Webhook) -> None:
        self._program = program()
        self._folder = folder
        self.port = free_port()
        self._process: subprocess.Popen[bytes] | None = None
        shipped = yaml.safe_load((Path(__file__).parents[2] / "deploy/alertmanager/alertmanager.yml").read_text())
        route = {**shipped["route"], "group_wait": "1s", "group_interval": "1s", "receiver": "test"}
        receivers = [{"name": "test", "webhook_configs": [{"url": receiver.url, "send_resolved": True}]}]
        (folder / "alertmanager.yml").write_text(yaml.safe_dump({"route": route, "receivers": receivers}))

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        """Starts with nothing in memory: what it kept before is not read."""
        data = self._folder / f"data-{free_port()}"
        command = [
            self._program,
            f"--config.file={self._folder / 'alertmanager.yml'}",
            f"--storage.path={data}",
            f"--web.listen-address=127.0.0.1:{self.port}",
            "--cluster.listen-address=",
        ]
        with (self._folder / "alertmanager.log").open("ab") as log:
            self._process = subprocess.Popen(command, stdout=log, stderr=log)
        until("Alertmanager answers", self._ready, 30)

    def stop(self) -> None:
        if self._process is not None:
            self._process.send_signal(signal.SIGTERM)
            self._process.wait(timeout=20)
            self._process = None

    def active(self) -> list[dict[str, Any]]:
        """The alerts that it holds to be firing."""
        with urllib.request.urlopen(f"{self.url}/api/v2/alerts?active=true", timeout=5) as answer:
            found: list[dict[str, Any]] = json.loads(answer.read())
        return found

    def _ready(self) -> bool:
        try:
            with urllib.request.urlopen(f"{self.url}/-/ready", timeout=1):
                return True
        except OSError:
            return False
