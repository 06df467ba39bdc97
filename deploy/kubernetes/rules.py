"""Writes the rules of deploy/prometheus/rules as objects of the Prometheus Operator; `make rules` runs it.

What drifts is an object of its own, which is left out where `driftline notify` pushes alerts.
"""

from pathlib import Path
from typing import Any

import yaml

RULES = Path(__file__).parents[1] / "prometheus/rules"
WRITTEN = Path(__file__).parent / "components/prometheus-operator/prometheusrules.yaml"
PUSHED = "drift"
_HEAD = "# Written by `make rules` from deploy/prometheus/rules; change those.\n"


def objects() -> list[dict[str, Any]]:
    """Two objects: the rules that `driftline notify` stands in for, and all others."""
    others, pushed = [], []
    for file in sorted(RULES.glob("*.yml")):
        (pushed if file.stem == PUSHED else others).extend(yaml.safe_load(file.read_text())["groups"])
    return [_object("driftline", others), _object("driftline-drift", pushed)]


def _object(name: str, groups: list[Any]) -> dict[str, Any]:
    labels = {"app.kubernetes.io/name": "driftline"}
    return {
        "apiVersion": "monitoring.coreos.com/v1",
        "kind": "PrometheusRule",
        "metadata": {"name": name, "labels": labels},
        "spec": {"groups": groups},
    }


if __name__ == "__main__":
    WRITTEN.write_text(_HEAD + yaml.safe_dump_all(objects(), sort_keys=False, width=110, allow_unicode=True))
