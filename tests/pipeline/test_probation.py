"""A baseline without windows of its own: it warns at most until 50 live windows say how far apart windows are."""

from collections.abc import Callable
from dataclasses import replace
from functools import cache
from typing import Any

import pytest

from detectors.lenses.cross import CrossProducts
from detectors.lenses.lens import Lens
from detectors.references.fine_cells import FineCells, first_windows
from detectors.statistics.settings import Settings
from pipeline.monitor.closing import Closer, Closing
from pipeline.monitor.standards.probation import Probation
from pipeline.monitor.standards.standards import Standards
from schemas.alert import Alert, AlertState
from schemas.basis import Basis
from schemas.config import Config
from schemas.group import Group
from schemas.verdict import State
from schemas.window import WindowRecord
from tests.pipeline.events import START_MS
from tests.pipeline.past_windows import CONFIG, WINDOW_MS, baseline_of_loans, loan_windows
from tests.pipeline.tables import Tables

OWN = 50


def closer(**kept: Any) -> Closer:
    standards = Standards(CONFIG, {"loan": baseline_of_loans(100, 0)}, kept.get("baselines"), kept.get("watched"))
    return Closer(CONFIG, standards, kept.get("groups"))


@cache
def closed(count: int, drift: int, own: int = 0) -> list[Closing]:
    whole = Closer(CONFIG, Standards(CONFIG, {"loan": baseline_of_loans(100, own)}))
    return [closing for window in loan_windows(count, drift) for closing in whole.close(window)]


def fired(closings: list[Closing]) -> list[Alert]:
    return [alert for closing in closings for alert in closing.alerts if alert.state is AlertState.FIRING]


def records(closings: list[Closing]) -> list[WindowRecord]:
    return [record for closing in closings for record in closing.records]


def test_nothing_fires_before_fifty_windows_and_what_moves_after_them_does() -> None:
    closings = closed(75, 70)
    first, last = records(closings)[OWN - 1], records(closings)[OWN]
    assert {s.budget_basis for s in first.signals if s.budget_basis} == {Basis.ASSUMED}
    assert {s.budget_basis for s in last.signals if s.budget_basis} == {Basis.THIN}
    alerts = fired(closings)
    assert {alert.start_ms for alert in alerts} == {START_MS + 70 * WINDOW_MS}
    assert {alert.budget_basis for alert in alerts} == {Basis.THIN}


def test_traffic_that_was_another_from_the_first_window_on_is_found_with_the_fiftieth() -> None:
    closings = closed(OWN + 2, 0)
    assert {record.state for record in records(closings)[:OWN]} == {State.WARNING}
    assert {alert.start_ms for alert in fired(closings)} == {START_MS + OWN * WINDOW_MS}


def test_a_file_of_few_windows_learns_until_there_are_fifty() -> None:
    closings = closed(75, 70, own=10)
    assert {record.state for record in records(closings)[:OWN]} == {State.LEARNING}
    assert {alert.start_ms for alert in fired(closings)} == {START_MS + 70 * WINDOW_MS}


def learned_before() -> Tables:
    """Those of a model that had learned its baseline before it was given a file."""
    config = Config.from_mapping(
        {
            "window": {"length": "100s", "allowed_lateness": "1s"},
            "models": [{"name": "loan", "baseline": {"learn": {"windows": 20}}}],
        }
    )
    learning, tables = Closer(config, Standards(config, {})), Tables()
    for window in loan_windows(20, 20, START_MS - 20 * WINDOW_MS):
        tables.keep(learning.close(window))
    tables.state.clear()
    return tables


@pytest.mark.parametrize("taken_over_at", [30, 50, 72])
@pytest.mark.parametrize("before", [Tables, learned_before])
def test_a_worker_that_takes_over_judges_by_the_same_windows(taken_over_at: int, before: Callable[[], Tables]) -> None:
    tables = before()
    found, worker = [], closer(baselines=tables.kept().baselines)
    for at, window in enumerate(loan_windows(75, 70)):
        if at == taken_over_at:
            kept = tables.kept()
            worker = closer(baselines=kept.baselines, watched=kept.watched, groups=kept.groups)
        for closing in worker.close(window):
            tables.keep([closing])
            found += [thing.encode() for thing in (*closing.alerts, *closing.records)]
    assert found == [thing.encode() for closing in closed(75, 70) for thing in (*closing.alerts, *closing.records)]


def test_a_file_that_is_named_stands_before_what_was_learned() -> None:
    learned = baseline_of_loans(70).groups[None]
    standards = Standards(CONFIG, {"loan": baseline_of_loans(60)}, {("loan", None): learned})
    standard = standards.find(Group("loan", "1"))
    assert standard is not None
    assert standard.group is baseline_of_loans(60).groups[None]


def test_windows_are_kept_without_their_cross_products() -> None:
    lens = Lens(("a", "b"), (0.0, 0.0), (1.0, 1.0))
    whole = baseline_of_loans(70).groups[None].total
    profile = replace(whole, cross=CrossProducts.of(lens, {}, slice(0, 120)))
    probation = Probation(Settings())
    for at in range(10):
        kept = probation.add(at, profile)
    assert kept is not None
    assert kept.is_counted
    first = list(first_windows(kept.windows))
    read = [FineCells.of(first).read(data)[1] for data in kept.windows.values()]
    assert [one.cross for one in (kept.total, *read)] == [None] * 11
