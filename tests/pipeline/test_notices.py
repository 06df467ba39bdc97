"""What Alertmanager is told: what is open, what resolved, and nothing that ended before."""

from typing import Any

import pytest

from pipeline.alerts.notices import INTERVALS_TO_EXPIRY, Notices
from schemas.alert import Alert, AlertState
from schemas.basis import Basis
from schemas.config import Config
from tests.schemas.test_messages import ALERT

NOW = 1_800_000_000_000
MINUTE = 60_000


def alert(name: str = "a", state: AlertState = AlertState.FIRING, **more: Any) -> Alert:
    return ALERT.model_copy(
        update={"id": name, "state": state, "signal": f"s-{name}", "onset_ms": NOW - MINUTE, **more}
    )


def resolved(name: str = "a", **more: Any) -> Alert:
    return alert(name, AlertState.RESOLVED, **more)


def notices(**settings: Any) -> Notices:
    return Notices(Config.from_mapping({"alertmanager": settings}).alertmanager)


def test_an_open_alert_is_sent_with_an_end_some_intervals_ahead() -> None:
    book = notices()
    assert book.take(alert(), NOW, NOW)
    for now in (NOW, NOW + MINUTE):
        [notice] = book.payload(now)
        assert notice["startsAt"] == "2027-01-15T07:59:00.000Z"
        assert notice["endsAt"] == f"2027-01-15T08:0{(now - NOW) // MINUTE + INTERVALS_TO_EXPIRY}:00.000Z"


def test_a_resolved_alert_is_sent_for_a_while_with_the_end_it_had() -> None:
    book = notices()
    book.take(alert(), NOW, NOW)
    book.payload(NOW)
    assert book.take(resolved(), NOW, NOW + 1000)
    for minutes in range(5):
        [notice] = book.payload(NOW + 1000 + minutes * MINUTE)
        assert notice["endsAt"] == "2027-01-15T08:00:01.000Z"
    assert book.payload(NOW + 7 * MINUTE) == []


def test_what_resolved_before_it_was_sent_is_never_sent() -> None:
    book = notices()
    book.take(alert(), NOW, NOW)
    assert not book.take(resolved(), NOW, NOW)
    assert book.payload(NOW) == []


def test_what_comes_again_changes_nothing() -> None:
    book = notices()
    assert [book.take(a, NOW, NOW) for a in (alert(), alert())] == [True, False]
    book.payload(NOW)
    assert [book.take(a, NOW, NOW) for a in (resolved(), resolved(), alert())] == [True, False, False]
    assert book.open == 0


def test_a_resolution_of_what_never_fired_is_passed_over() -> None:
    book = notices()
    assert not book.take(resolved(), NOW, NOW)
    assert book.payload(NOW) == []


def test_labels_stay_as_they_were_when_it_fired() -> None:
    book = notices()
    book.take(alert(budget_basis=Basis.FULL), NOW, NOW)
    [firing] = book.payload(NOW)
    book.take(resolved(budget_basis=Basis.THIN), NOW, NOW)
    [ended] = book.payload(NOW)
    assert ended["labels"] == firing["labels"]
    assert ended["labels"]["severity"] == "critical"


@pytest.mark.parametrize(
    ("basis", "severity"),
    [(Basis.FULL, "critical"), (Basis.THIN, "warning"), (Basis.ASSUMED, "warning"), (None, "warning")],
)
def test_severity_is_what_the_budget_rests_on(basis: Basis | None, severity: str) -> None:
    book = notices()
    book.take(alert(budget_basis=basis, segment=("tags.country", "DE")), NOW, NOW)
    [notice] = book.payload(NOW)
    assert notice["labels"] == {
        "alertname": "DriftlineDrift",
        "model": "m",
        "version": "1",
        "segment": "tags.country=DE",
        "signal": "s-a",
        "incident": "i",
        "severity": severity,
    }


def test_annotations_say_what_moved_and_by_how_much() -> None:
    book = notices(runbook_url="http://r", generator_url="http://g")
    measured = {"p_value": 1.57e-15, "level": 2.1e-05, "effect": 0.5325, "effect_low": 0.48, "effect_high": 0.589}
    book.take(alert(budget_basis=Basis.THIN, **measured), NOW, NOW)
    [notice] = book.payload(NOW)
    assert notice["generatorURL"] == "http://g"
    assert notice["annotations"] == {
        "summary": "m 1: x: median 1 -> 2",
        "description": "p-value 1.6e-15 against a level of 2.1e-05 (budget: thin); effect 0.532, between 0.480 and 0.589; "
        "50 events against 100 of the baseline; since 2027-01-15T07:59:00.000Z, id a.",
        "runbook_url": "http://r",
    }


def test_an_alert_of_an_earlier_form_is_told_without_what_it_lacks() -> None:
    book = notices()
    book.take(alert(), NOW, NOW)
    [notice] = book.payload(NOW)
    assert set(notice) == {"labels", "annotations", "startsAt", "endsAt"}
    assert notice["annotations"]["description"].startswith("50 events against 100")


def test_what_is_older_than_the_history_ends() -> None:
    book = notices(history="1h")
    book.take(alert(), NOW, NOW)
    assert len(book.payload(NOW + 60 * MINUTE)) == 1
    assert book.payload(NOW + 61 * MINUTE) == []


@pytest.mark.parametrize("onset_ms", [NOW + 10 * MINUTE, 1 << 61, -5])
def test_a_start_is_never_after_the_end_nor_beyond_the_calendar(onset_ms: int) -> None:
    book = notices()
    book.take(alert(onset_ms=onset_ms), NOW, NOW)
    book.payload(NOW)
    book.take(resolved(onset_ms=onset_ms), NOW, NOW)
    [notice] = book.payload(NOW)
    assert notice["startsAt"] <= notice["endsAt"] == "2027-01-15T08:00:00.000Z"
