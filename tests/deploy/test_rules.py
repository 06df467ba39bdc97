"""Prometheus rules: promtool finds nothing to say, and they fire when they should and not otherwise."""

import os
import shutil
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.deploy.rules import alerts, asked, files, run

RUNBOOKS = Path(__file__).parents[2] / "docs/runbooks"
LOST = 'driftline_events_lost_total{instance="worker:9464"}'
JOB = 'job="driftline",instance="worker:9464"'
SIGNAL = f'driftline_alert_firing{{{JOB},model="loan",version="7",segment="",signal="income"}}'
IN_GERMANY = SIGNAL.replace('segment=""', 'segment="tags.country=DE"')
SPENT = f'driftline_budget_spent_ratio{{{JOB},model="loan"}}'
INCIDENTS = f'driftline_budget_incidents{{{JOB},model="loan"}}'
PROFILED, REFUSED = (f'driftline_events_total{{{JOB},outcome="{what}"}}' for what in ("profiled", "refused"))
POSITION = f'driftline_source_position_offset{{{JOB},topic="events",partition="0"}}'
LAG = f'driftline_source_lag_events{{{JOB},topic="events",partition="0"}}'
PROFILES_LAG = f'driftline_profiles_lag_messages{{{JOB},partition="0"}}'
WATERMARK = f'driftline_watermark_timestamp_seconds{{{JOB},partition="0"}}'
CLOSED, INCOMPLETE = (f'driftline_windows_closed_total{{{JOB},completeness="{c}"}}' for c in ("complete", "incomplete"))
LOAN, FRAUD = (
    f'driftline_window_end_timestamp_seconds{{{JOB},model="{m}",version="7",segment=""}}' for m in ("loan", "fraud")
)
UP = f"up{{{JOB}}}"
NOTIFIER = {"job": "driftline-notify", "instance": "notifier:9466"}
PEER_UP = 'driftline_notify_peer_up{job="driftline-notify",instance="notifier:9466",peer="http://alertmanager:9093"}'
NOTIFIER_UP = 'up{job="driftline-notify",instance="notifier:9466"}'


@pytest.fixture(scope="module")
def promtool() -> str:
    path = shutil.which("promtool")
    if path is None:
        stop = pytest.fail if os.environ.get("CI") else pytest.skip
        stop("promtool is not installed; on Debian it is in the package prometheus")
    return path


def test_promtool_reads_all_rules(promtool: str) -> None:
    checked = run(promtool, "check", "rules", *files())
    assert checked.returncode == 0, checked.stdout + checked.stderr
    assert files()


def test_every_alert_says_how_bad_it_is_what_it_means_and_what_to_do() -> None:
    for name, rule in alerts().items():
        assert rule["labels"]["severity"] in ("warning", "critical"), name
        assert set(rule["annotations"]) == {"summary", "description", "runbook_url"}, name
        assert rule["annotations"]["runbook_url"].endswith(f"/runbooks/{name}.md")


def test_every_alert_has_a_runbook_and_no_other_has() -> None:
    assert {page.stem for page in RUNBOOKS.glob("*.md")} == set(alerts())
    for page in RUNBOOKS.glob("*.md"):
        headings = [line for line in page.read_text().splitlines() if line.startswith("#")]
        assert headings == [f"# {page.stem}", "## What it means", "## What to look at first", "## How to mend it"]


class Case(NamedTuple):
    """Series, a value each minute; and whether the alert fires at that minute, with which labels and value."""

    alert: str
    series: dict[str, str]
    minute: int
    labels: dict[str, str] | None
    value: str = ""


ONE = {"job": "driftline"}
MODEL = {**ONE, "model": "loan"}
GROUP = {**MODEL, "version": "7", "signal": "income"}  # a label that is empty is none
READING = {PROFILED: "0+600x200", REFUSED: "0x200"}

CASES = {
    "a signal drifts": Case("DriftlineDrift", {SIGNAL: "0x10 1x60"}, 11, GROUP),
    "a signal drifts in a segment": Case("DriftlineDrift", {IN_GERMANY: "1x60"}, 11, {**GROUP, "segment": "tags.country=DE"}),
    "a signal is well": Case("DriftlineDrift", {SIGNAL: "0x60"}, 30, None),
    "a signal drifts, and its worker hands it over": Case("DriftlineDrift", {SIGNAL: "1x20 _x40"}, 30, GROUP),
    "a signal drifts, and is well again": Case("DriftlineDrift", {SIGNAL: "1x20 0x60"}, 40, None),
    "five incidents and a budget of one": Case(
        "DriftlineBudgetOverspent", {INCIDENTS: "1x10 5x60", SPENT: "1x10 5x60"}, 20, MODEL, "5"
    ),
    "three incidents and a budget of one": Case(
        "DriftlineBudgetOverspent", {INCIDENTS: "3x60", SPENT: "3x60"}, 20, None
    ),
    "fifteen incidents and a budget of ten": Case(
        "DriftlineBudgetOverspent", {INCIDENTS: "15x60", SPENT: "1.5x60"}, 20, None
    ),
    "nothing spent": Case("DriftlineBudgetOverspent", {INCIDENTS: "0x60", SPENT: "0x60"}, 20, None),
    "events stop": Case("DriftlineNoData", {PROFILED: "0+600x30 18000x60", POSITION: "0x90"}, 60, ONE),
    "a worker that has never read one": Case("DriftlineNoData", {POSITION: "0x90"}, 30, ONE),
    "a worker that monitors only": Case("DriftlineNoData", {UP: "1x90"}, 30, None),
    "events come": Case("DriftlineNoData", {**READING, POSITION: "0+600x200"}, 60, None),
    "a short pause": Case("DriftlineNoData", {PROFILED: "0+600x30 18000x60", POSITION: "0x90"}, 45, None),
    "one model of two is silent": Case(
        "DriftlineModelSilent",
        {WATERMARK: "0+60x200", LOAN: "0x200", FRAUD: "0+60x200"},
        90,
        MODEL,
        "1h 30m 0s",
    ),
    "history is read": Case("DriftlineModelSilent", {WATERMARK: "0+6x200", LOAN: "0+6x200"}, 90, None),
    "events and no windows": Case("DriftlineWindowsStale", {**READING, CLOSED: "5x200"}, 100, ONE),
    "events and never a window": Case("DriftlineWindowsStale", READING, 100, ONE),
    "events and windows": Case("DriftlineWindowsStale", {**READING, CLOSED: "0+1x200"}, 100, None),
    "neither": Case("DriftlineWindowsStale", {PROFILED: "600x200", CLOSED: "5x200"}, 100, None),
    "the first incomplete window": Case(
        "DriftlineWindowsIncomplete", {CLOSED: "0+1x200", INCOMPLETE: "_x30 1x100"}, 35, ONE
    ),
    "another incomplete window": Case("DriftlineWindowsIncomplete", {INCOMPLETE: "1x99 2x100"}, 110, ONE),
    "an incomplete window long ago": Case("DriftlineWindowsIncomplete", {INCOMPLETE: "1x200"}, 110, None),
    "workers fall behind": Case("DriftlineLagGrowing", {**READING, LAG: "0+600x200"}, 60, ONE, "10"),
    "workers are behind and catch up": Case("DriftlineLagGrowing", {**READING, LAG: "90000-60x200"}, 60, None),
    "a little lag that grows": Case("DriftlineLagGrowing", {**READING, LAG: "0+1x200"}, 60, None),
    "the monitor falls behind": Case("DriftlineMonitorLagGrowing", {PROFILES_LAG: "0+60x200"}, 60, ONE, "1.0"),
    "the monitor keeps up": Case("DriftlineMonitorLagGrowing", {PROFILES_LAG: "0 50 3 80 0 20 4x60"}, 30, None),
    "one event in four is refused": Case(
        "DriftlineDeadLettersRising", {PROFILED: "0+300x200", REFUSED: "0+100x200"}, 60, ONE, "25%"
    ),
    "one in a thousand is": Case(
        "DriftlineDeadLettersRising", {PROFILED: "0+999x200", REFUSED: "0+1x200"}, 60, None
    ),
    "one worker of two is down": Case(
        "DriftlineWorkerDown",
        {UP: "1x10 0x60", 'up{job="driftline",instance="other:9464"}': "1x90"},
        20,
        {**ONE, "instance": "worker:9464"},
    ),
    "a worker starts anew": Case("DriftlineWorkerDown", {UP: "1x10 0 1x60"}, 12, None),
    "no worker answers": Case("DriftlineNoWorker", {UP: "1x10 0x60"}, 20, {}),
    "no worker is there": Case("DriftlineNoWorker", {'up{job="prometheus"}': "1x60"}, 20, {}),
    "a worker answers": Case("DriftlineNoWorker", {UP: "1x60"}, 20, None),
    "an Alertmanager takes no pushes": Case(
        "DriftlineNotifyFailing", {PEER_UP: "1x10 0x60"}, 20, {**NOTIFIER, "peer": "http://alertmanager:9093"}
    ),
    "an Alertmanager restarts": Case("DriftlineNotifyFailing", {PEER_UP: "1x10 0x3 1x60"}, 16, None),
    "a notifier is down": Case("DriftlineNotifierDown", {NOTIFIER_UP: "1x10 0x60"}, 20, NOTIFIER),
    "no notifier is wanted": Case("DriftlineNotifierDown", {UP: "0x60"}, 20, None),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES.values(), ids=CASES.keys())
def test_an_alert_fires_when_it_should_and_not_otherwise(promtool: str, tmp_path: Path, case: Case) -> None:
    said = asked(promtool, tmp_path, case.series, case.alert, case.minute, case.labels, case.value)
    assert said.returncode == 0, said.stdout + said.stderr


def test_every_alert_is_seen_to_fire_and_not_to() -> None:
    for fires in (True, False):
        seen = {case.alert for case in CASES.values() if (case.labels is not None) is fires}
        assert seen | {"DriftlineEventsLost"} == set(alerts())


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
    labels = {"instance": "worker:9464"}
    said = asked(promtool, tmp_path, {LOST: values}, "DriftlineEventsLost", minute, labels if fires else None)
    assert said.returncode == 0, said.stdout + said.stderr
    other = asked(promtool, tmp_path, {LOST: values}, "DriftlineEventsLost", minute, None if fires else labels)
    assert other.returncode != 0
