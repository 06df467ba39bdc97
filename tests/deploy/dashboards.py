"""The dashboards as they are in deploy/, and what Grafana makes of their variables."""

import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from tests.deploy.prometheus import Prometheus

FOLDER = Path(__file__).parents[2] / "deploy/grafana"
_LABEL_VALUES = re.compile(r"label_values\((.+), (\w+)\)")
_QUERY_RESULT = re.compile(r"query_result\((.+)\)", re.DOTALL)
_INTERVALS = {"__rate_interval": "5m", "__range": "1h", "__interval": "15s"}
_REFERENCE = re.compile(r"\$\{(\w+)(?::\w+)?\}|\$(\w+)")

Values = Mapping[str, str]


def dashboards() -> dict[str, Any]:
    """Every dashboard by its file's name."""
    return {path.stem: json.loads(path.read_text()) for path in sorted(FOLDER.glob("dashboards/*.json"))}


class Target(NamedTuple):
    """A query of a panel."""

    dashboard: str
    panel: str
    ref: str
    expression: str

    @property
    def name(self) -> str:
        return f"{self.dashboard}: {self.panel}, {self.ref}"


def targets() -> list[Target]:
    return [
        Target(name, panel["title"], target["refId"], target["expr"])
        for name, dashboard in dashboards().items()
        for panel in dashboard["panels"]
        for target in panel["targets"]
    ]


def variables(dashboard: Any) -> list[Any]:
    found: list[Any] = dashboard["templating"]["list"]
    return found


def referred(text: str) -> set[str]:
    """The variables that a text refers to; `$1` is none."""
    names = {a or b for a, b in _REFERENCE.findall(text)}
    return {name for name in names if not name.isdigit()}


def filled(text: str, values: Values) -> str:
    """The text with its variables filled in."""

    def value(found: re.Match[str]) -> str:
        name = found[1] or found[2]
        return found[0] if name.isdigit() else {**_INTERVALS, **values}[name]

    return _REFERENCE.sub(value, text)


def choices(dashboard: Any, prometheus: Prometheus) -> Iterator[dict[str, str]]:
    """What may be chosen: for each way to choose among the values that Prometheus knows, the variables' values. Where all
    may be chosen, all are."""
    yield from _choices(variables(dashboard), {}, prometheus)


def _choices(left: list[Any], chosen: dict[str, str], prometheus: Prometheus) -> Iterator[dict[str, str]]:
    if not left:
        yield chosen
        return
    first, *others = left
    for value in _values(first, chosen, prometheus):
        yield from _choices(others, {**chosen, first["name"]: value}, prometheus)


def _values(variable: Any, chosen: Values, prometheus: Prometheus) -> list[str]:
    if variable["type"] == "datasource":
        return [variable["current"]["value"]]
    if variable["type"] == "textbox":
        return [variable["query"]]
    found = _found(variable, chosen, prometheus)
    if variable["includeAll"]:
        assert found, f"{variable['name']} has no values"
        return [variable["allValue"]]
    return found


def _found(variable: Any, chosen: Values, prometheus: Prometheus) -> list[str]:
    query = filled(variable["query"]["query"], chosen)
    if labels := _LABEL_VALUES.fullmatch(query):
        return prometheus.label_values(labels[1], labels[2])
    result = _QUERY_RESULT.fullmatch(query)
    assert result, query
    pattern = re.compile(variable["regex"].strip("/").replace("(?<", "(?P<"))
    texts = [_shown(series["metric"]) for series in prometheus.query(result[1])]
    return [match["value"] for text in texts if (match := pattern.search(text))]


def _shown(labels: Values) -> str:
    """A series as Grafana shows it to a variable's pattern."""
    return "{" + ",".join(f'{name}="{value}"' for name, value in labels.items()) + "}"
