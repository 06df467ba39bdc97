"""Which alerts stand, of the events that a topic holds."""

from typing import Any

from pipeline.alerts.standing import Standing, standing
from schemas.alert import Alert, AlertState
from tests.pipeline.test_notices import alert


def at(name: str, incident: str, onset_ms: int, end_ms: int, **more: Any) -> Alert:
    return alert(name, incident=incident, incident_onset_ms=onset_ms, onset_ms=onset_ms, end_ms=end_ms, **more)


def test_alerts_that_resolved_stand_no_more_and_those_of_an_incident_stay_together() -> None:
    late, early, small, gone = (
        at("late", "i2", 9, 10),
        at("early", "i1", 1, 2, effect=0.1),
        at("small", "i1", 1, 2, effect=0.05),
        at("gone", "i1", 1, 2),
    )
    resolved = at("gone", "i1", 1, 5, state=AlertState.RESOLVED)
    announced = at("new", "", 3, 4, state=AlertState.ANNOUNCED)
    events = [late, small, gone, early, resolved, announced]
    assert standing(events) == Standing([early, small, late], 1)
    assert standing([*events, gone, late]) == standing(events), "what comes again after a crash changes nothing"


def test_nothing_stands_on_an_empty_topic() -> None:
    assert standing([]) == Standing([], 0)
