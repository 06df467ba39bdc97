"""Prometheus as a child process, with the configuration that deploy/ has, each second instead of each quarter minute."""

import json
import os
import shutil
import signal
import subprocess
import urllib.parse
import urllib.request
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.kafka.broker import free_port
from tests.pipeline.workers import until

SHIPPED = Path(__file__).parents[2] / "deploy/prometheus"


def program() -> str:
    """Where Prometheus is. Skips the test, or fails it in CI, where it is not installed."""
    path = shutil.which("prometheus")
    if path is None:
        stop = pytest.fail if os.environ.get("CI") else pytest.skip
        stop("Prometheus is not installed; on Debian it is in the package prometheus")
    return path


class Prometheus:
    """One that scrapes these targets as the job `driftline`, evaluates the rules, and tells these Alertmanagers: where there
    are any, drift is not held on to after it has ended, as it is for ten minutes in deploy/."""

    def __init__(self, folder: Path, targets: Sequence[str], told: Sequence[str] = ()) -> None:
        self._program = program()
        self._folder = folder
        self.port = free_port()
        self._process: subprocess.Popen[bytes] | None = None
        shipped = yaml.safe_load((SHIPPED / "prometheus.yml").read_text())
        [job] = [job for job in shipped["scrape_configs"] if job["job_name"] == "driftline"]
        every = dict.fromkeys(shipped["global"], "1s")
        scraped = {
            "global": every,
            "rule_files": [str((_quick(folder) if told else SHIPPED) / rules) for rules in shipped["rule_files"]],
            "alerting": {"alertmanagers": [{"static_configs": [{"targets": list(told)}]}]} if told else {},
            "scrape_configs": [{**job, "static_configs": [{"targets": list(targets)}]}],
        }
        (folder / "prometheus.yml").write_text(yaml.safe_dump(scraped))

    def start(self) -> None:
        command = [
            self._program,
            f"--config.file={self._folder / 'prometheus.yml'}",
            f"--storage.tsdb.path={self._folder / 'data'}",
            f"--web.listen-address=127.0.0.1:{self.port}",
        ]
        with (self._folder / "prometheus.log").open("ab") as log:
            self._process = subprocess.Popen(command, stdout=log, stderr=log)
        until("Prometheus answers", self._ready, 30)

    def stop(self) -> None:
        if self._process is not None:
            self._process.send_signal(signal.SIGTERM)
            self._process.wait(timeout=30)

    def query(self, expression: str) -> list[dict[str, Any]]:
        """What an instant query finds: series with their labels and value. Fails where it cannot be understood."""
        found: list[dict[str, Any]] = self._get("query", query=expression)["result"]
        return found

    def label_values(self, selector: str, label: str) -> list[str]:
        """The values of a label, as Grafana's `label_values(selector, label)` has them."""
        found = {series.get(label, "") for series in self._get("series", **{"match[]": selector})}
        return sorted(found - {""})

    def _get(self, what: str, **parameters: str) -> Any:
        url = f"http://127.0.0.1:{self.port}/api/v1/{what}?{urllib.parse.urlencode(parameters)}"
        with urllib.request.urlopen(url, timeout=20) as answer:
            return json.loads(answer.read())["data"]

    def _ready(self) -> bool:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/-/ready", timeout=1):
                return True
        except OSError:
            return False


def _quick(folder: Path) -> Path:
    """The rules, without what holds on to drift."""
    rules = folder / "rules"
    rules.mkdir()
    for file in (SHIPPED / "rules").glob("*.yml"):
        lines = file.read_text().splitlines(keepends=True)
        (rules / file.name).write_text("".join(line for line in lines if "keep_firing_for" not in line))
    return folder
