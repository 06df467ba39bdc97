"""The alert rules as they are in deploy/, and how promtool is asked about them."""

import re
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

FOLDER = Path(__file__).parents[2] / "deploy/prometheus/rules"
_TEMPLATE = re.compile(r"\{\{ \$labels\.(\w+) \}\}")
_WHERE_THERE_IS = re.compile(r"\{\{ if \$labels\.(\w+) \}\}(.*?)\{\{ end \}\}")


def files() -> list[Path]:
    return sorted(FOLDER.glob("*.yml"))


def alerts() -> dict[str, dict[str, Any]]:
    """Every alert rule by its name."""
    groups = [group for file in files() for group in yaml.safe_load(file.read_text())["groups"]]
    return {rule["alert"]: rule for group in groups for rule in group["rules"] if "alert" in rule}


def _groups() -> list[str]:
    return [group["name"] for file in files() for group in yaml.safe_load(file.read_text())["groups"]]


def run(*command: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run([*map(str, command)], capture_output=True, text=True, timeout=60, check=False)


def asked(
    promtool: str,
    folder: Path,
    series: Mapping[str, str],
    alert: str,
    minute: int,
    labels: Mapping[str, str] | None,
    value: str = "",
) -> subprocess.CompletedProcess[str]:
    """What `promtool test rules` says where the alert is to fire at that minute with these labels, and no other; None
    where it is not to fire. `series` have a value each minute; `value` is the alert's, as its texts show it."""
    rule = alerts()[alert]
    expected: list[dict[str, Any]] = []
    if labels is not None:
        texts = {name: _rendered(text, labels, value) for name, text in rule["annotations"].items()}
        expected = [{"exp_labels": {**rule["labels"], **labels}, "exp_annotations": texts}]
    test = {
        "interval": "1m",
        "input_series": [{"series": name, "values": values} for name, values in series.items()],
        "alert_rule_test": [{"eval_time": f"{minute}m", "alertname": alert, "exp_alerts": expected}],
    }
    path = folder / "test.yml"
    # Prometheus runs groups side by side; here what is recorded comes first, so that a test has one outcome.
    groups = sorted(_groups(), key=lambda name: (name != "driftline-recording", name))
    everything = {"rule_files": [*map(str, files())], "group_eval_order": groups, "tests": [test]}
    path.write_text(yaml.safe_dump(everything))
    return run(promtool, "test", "rules", path)


def _rendered(text: str, labels: Mapping[str, str], value: str) -> str:
    """The text with its templates filled in, as Prometheus would."""
    chosen = _WHERE_THERE_IS.sub(lambda found: found[2] if labels.get(found[1]) else "", text)
    filled = _TEMPLATE.sub(lambda found: labels.get(found[1], ""), chosen)
    return re.sub(r"\{\{.*?\}\}", lambda _: value, filled)
