"""Prometheus rules: promtool finds nothing to say, and they fire when they should and not otherwise."""

import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

RULES = Path(__file__).parents[2] / "deploy/prometheus/rules"
LOST = 'driftline_events_lost_total{instance="worker:9464"}'


@pytest.fixture(scope="module")
def promtool() -> str:
    path = shutil.which("promtool")
    if path is None:
        stop = pytest.fail if os.environ.get("CI") else pytest.skip
        stop("promtool is not installed; on Debian it is in the package prometheus")
    return path


def run(*command: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run([*map(str, command)], capture_output=True, text=True, timeout=60, check=False)


def test_promtool_reads_all_rules(promtool: str) -> None:
    files = sorted(RULES.glob("*.yml"))
    checked = run(promtool, "check", "rules", *files)
    assert checked.returncode == 0, checked.stdout + checked.stderr
    assert files


def _tested(promtool: str, folder: Path, values: str, minute: int, fires: bool) -> subprocess.CompletedProcess[str]:
    """What promtool says of the rule on lost events at that minute, for a value each minute."""
    alerts: list[dict[str, Any]] = [{"exp_labels": {"severity": "critical", "instance": "worker:9464"}}]
    case = {"eval_time": f"{minute}m", "alertname": "DriftlineEventsLost", "exp_alerts": alerts if fires else []}
    rule = yaml.safe_load((RULES / "loss.yml").read_text())["groups"][0]["rules"][0]
    annotations = {k: v.replace("{{ $labels.instance }}", "worker:9464") for k, v in rule["annotations"].items()}
    alerts[0]["exp_annotations"] = annotations
    test = {"interval": "1m", "input_series": [{"series": LOST, "values": values}], "alert_rule_test": [case]}
    path = folder / "test.yml"
    path.write_text(yaml.safe_dump({"rule_files": [str(RULES / "loss.yml")], "tests": [test]}))
    return run(promtool, "test", "rules", path)


@pytest.mark.parametrize(
    ("values", "minute", "fires"),
    [
        pytest.param("0x120", 90, False, id="nothing lost"),
        pytest.param("0x30 7x90", 35, True, id="a worker that runs loses some"),
        pytest.param("0x30 7x90", 110, False, id="an hour later"),
        pytest.param("_x30 7x90", 31, True, id="a worker that starts has lost some"),
        pytest.param("_x30 7x2 _x90", 60, True, id="and ends soon after"),
        pytest.param("_x30 7x120", 110, False, id="an hour after it started"),
        pytest.param("7x100 3x60", 110, True, id="a worker that starts anew has lost more"),
    ],
)
def test_lost_events_are_alerted_for_an_hour(
    promtool: str, tmp_path: Path, values: str, minute: int, fires: bool
) -> None:
    tested = _tested(promtool, tmp_path, values, minute, fires)
    assert tested.returncode == 0, tested.stdout + tested.stderr
    assert _tested(promtool, tmp_path, values, minute, not fires).returncode != 0
