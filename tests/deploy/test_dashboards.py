"""The dashboards: sound in form, and every query of every panel finds something of a real worker in a real Prometheus."""

import asyncio
import math
import re
from collections.abc import Iterator
from typing import Any

import pytest
import yaml

from tests.deploy.dashboards import FOLDER, Target, choices, dashboards, filled, referred, targets, variables
from tests.deploy.prometheus import Prometheus
from tests.kafka.choice import Kafka
from tests.pipeline.events import encode, loans
from tests.pipeline.workers import Worker, create_topic, send, until

DASHBOARDS = dashboards()
EVENTS, DRIFT_AT, WINDOW_S, LEARNED = 6600, 5400, 200, 24
OF_GRAFANA = {"__rate_interval", "__range", "__interval", "__url_time_range", "__value", "__data"}

each_dashboard = pytest.mark.parametrize("name", DASHBOARDS)


def panels() -> list[Any]:
    return [pytest.param(panel, id=f"{name}: {panel['title']}") for name, d in DASHBOARDS.items() for panel in d["panels"]]  # fmt: skip


each_panel = pytest.mark.parametrize("panel", panels())


def links(found: object) -> Iterator[str]:
    """Every address in a dashboard."""
    if isinstance(found, dict):
        if isinstance(found.get("url"), str):
            yield found["url"]
        for value in found.values():
            yield from links(value)
    elif isinstance(found, list):
        for value in found:
            yield from links(value)


def test_uids_and_titles_are_of_one_dashboard_each_and_stay() -> None:
    assert {name: d["uid"] for name, d in DASHBOARDS.items()} == {name: f"driftline-{name}" for name in DASHBOARDS}
    assert len({d["title"] for d in DASHBOARDS.values()}) == len(DASHBOARDS) == 4


@each_dashboard
def test_ids_are_of_one_panel_each_and_panels_lie_beside_each_other(name: str) -> None:
    found = DASHBOARDS[name]["panels"]
    assert len({panel["id"] for panel in found}) == len(found)
    assert len({panel["title"] for panel in found}) == len(found)
    taken: set[tuple[int, int]] = set()
    for place in (panel["gridPos"] for panel in found):
        cells = {(place["x"] + i, place["y"] + j) for i in range(place["w"]) for j in range(place["h"])}
        assert not cells & taken
        assert max(x for x, _ in cells) < 24
        taken |= cells


@each_panel
def test_a_panel_says_what_it_shows_and_in_which_unit(panel: Any) -> None:
    assert panel["title"]
    assert panel["description"].endswith(".")
    assert panel["fieldConfig"]["defaults"]["unit"]
    assert panel["type"] in ("stat", "table", "timeseries", "state-timeline")
    assert panel["targets"]
    assert len({target["refId"] for target in panel["targets"]}) == len(panel["targets"])


@each_panel
def test_no_panel_is_wired_to_a_data_source(panel: Any) -> None:
    chosen = {"type": "prometheus", "uid": "${datasource}"}
    assert [panel["datasource"], *(target["datasource"] for target in panel["targets"])] == [chosen] * (
        1 + len(panel["targets"])
    )


@each_dashboard
def test_variables_that_are_referred_to_are_there(name: str) -> None:
    dashboard = DASHBOARDS[name]
    own = {variable["name"] for variable in variables(dashboard)}
    texts = [target.expression for target in targets() if target.dashboard == name]
    assert {used for text in [*texts, *links(dashboard)] for used in referred(text)} - OF_GRAFANA <= own
    assert own - {"page", "datasource"} <= {
        used
        for text in [*texts, *(v["query"]["query"] for v in variables(dashboard) if v["type"] == "query")]
        for used in referred(text)
    }


def test_links_lead_to_dashboards_and_pages_that_are_there_and_choose_by_names_that_they_have() -> None:
    leads = set()
    for name, dashboard in DASHBOARDS.items():
        for url in filter(None, links(dashboard)):
            if not url.startswith("/d/"):
                assert re.match(r"\$\{page:raw\}/(model\?|signal\?|$)", url), url
                continue
            uid, _, query = url.removeprefix("/d/").partition("?")
            [target] = [d for d in DASHBOARDS.values() if d["uid"] == uid]
            named = set(re.findall(r"var-(\w+)=", query)) | set(re.findall(r"\$\{(\w+):queryparam\}", query))
            assert named <= {variable["name"] for variable in variables(target)}
            leads.add((name, uid))
    assert {("fleet", "driftline-model"), ("model", "driftline-signal"), ("signal", "driftline-signal")} <= leads


def test_the_data_source_that_is_provisioned_is_the_one_that_is_chosen_first() -> None:
    [source] = yaml.safe_load((FOLDER / "provisioning/datasources/prometheus.yml").read_text())["datasources"]
    first = {d["templating"]["list"][0]["current"]["value"] for d in DASHBOARDS.values()}
    assert first == {source["uid"]} == {"driftline-prometheus"}


@pytest.fixture(scope="module")
def prometheus(real_kafka: Kafka, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Prometheus]:
    """One that has watched a worker while a model drifted, another learned, and some events were refused."""
    folder, name, servers = tmp_path_factory.mktemp("dashboards"), "dashboards", real_kafka.bootstrap_servers
    create_topic(servers, f"{name}.events", 2)
    watched = {"name": "loan", "baseline": {"learn": {"windows": LEARNED}}, "segments": ["tags.country"]}
    config = {
        "kafka": {"bootstrap_servers": servers, "topics": [f"{name}.events"], "group": name, "prefix": name},
        "window": {"length": f"{WINDOW_S}s", "allowed_lateness": "1s", "idle_timeout": "1h"},
        "models": [watched, {"name": "fraud", "baseline": {"learn": {"windows": 288}}}],
    }
    worker = Worker(folder, name, config).start()
    scraper = Prometheus(folder, [f"127.0.0.1:{worker.port}"])
    try:
        scraper.start()
        until("it scrapes the worker", lambda: scraper.query("driftline_rebalances_total") and scraper.query("up == 1"))
        asyncio.run(send(servers, f"{name}.events", _events(), 2))
        closed = EVENTS // WINDOW_S - 1
        until("all windows are closed", lambda: scraper.query(f"sum(driftline_windows_closed_total) >= {closed}"))
        until("the rules know it", lambda: scraper.query('ALERTS{alertname="DriftlineDrift",alertstate="firing"}'))
        twice = 'count_over_time(driftline_alerts_total{state="firing"}[5m]) >= 2'  # an increase is of two samples
        until("alerts are scraped twice", lambda: scraper.query(twice))
        yield scraper
    finally:
        scraper.stop()
        worker.stop()


def _events() -> list[bytes]:
    loan, fraud = loans(EVENTS, DRIFT_AT, "loan"), loans(EVENTS, EVENTS, "fraud", 2)
    good = [encode(one) for pair in zip(loan, fraud, strict=True) for one in pair]
    return [b"not JSON", *good[: len(good) // 2], b"{}", *good[len(good) // 2 :]]


@pytest.fixture(scope="module")
def chosen(prometheus: Prometheus) -> dict[str, list[dict[str, str]]]:
    """What can be chosen on each dashboard."""
    return {name: list(choices(dashboard, prometheus)) for name, dashboard in DASHBOARDS.items()}


def test_what_can_be_chosen_is_what_is_there(chosen: dict[str, list[dict[str, str]]]) -> None:
    assert {one["model"] for one in chosen["model"]} == {"loan", "fraud"}
    assert {one["segment"] for one in chosen["signal"] if one["model"] == "loan"} == {
        "^$",
        "tags.country=DE",
        "tags.country=FR",
    }
    assert {one["signal"] for one in chosen["signal"]} == {"grade", "prediction", "term", "value"}
    whole = {variables(DASHBOARDS[name])[4]["current"]["value"] for name in ("model", "signal")}
    assert whole == {"^$"}


@pytest.mark.parametrize("target", targets(), ids=lambda target: target.name)
def test_a_query_finds_something(
    target: Target, prometheus: Prometheus, chosen: dict[str, list[dict[str, str]]]
) -> None:
    tried = [filled(target.expression, values) for values in chosen[target.dashboard]]
    answers = (prometheus.query(expression) for expression in dict.fromkeys(tried))
    assert any(math.isfinite(float(series["value"][1])) for series in (s for answer in answers for s in answer)), tried[
        0
    ]


def test_what_drifts_is_told_from_what_is_well(prometheus: Prometheus, chosen: dict[str, list[dict[str, str]]]) -> None:
    """The state that the tables colour: 3 is drift, 1 is ok, 0 is no verdict."""
    [expression] = [t.expression for t in targets() if (t.dashboard, t.panel, t.ref) == ("fleet", "Models", "A")]
    states = prometheus.query(filled(expression, chosen["fleet"][0]))
    assert {s["metric"]["model"]: float(s["value"][1]) for s in states} == {"loan": 3, "fraud": 0}
    [expression] = [t.expression for t in targets() if (t.dashboard, t.panel, t.ref) == ("model", "Signals", "A")]
    whole = {**chosen["model"][0], "model": "loan", "segment": "^$"}
    rows = prometheus.query(filled(expression, whole))
    assert {r["metric"]["signal"]: float(r["value"][1]) for r in rows} == {
        "grade": 3,
        "value": 3,
        "term": 1,
        "prediction": 1,
    }
    assert {r["metric"]["pick"] for r in rows} == {"^$"}
    germany = prometheus.query(filled(expression, {**whole, "segment": "tags.country=DE"}))
    assert {(r["metric"]["path"], r["metric"]["value"]) for r in germany} == {("tags.country", "DE")}
