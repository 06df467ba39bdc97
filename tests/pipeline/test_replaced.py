"""A baseline that is replaced: alerts that rested on the old one resolve at once, and what the new one shows fires anew."""

from pipeline.history.local import LocalIngest, closed_windows
from pipeline.monitor.closing import Closer, Closing
from pipeline.monitor.incidents.alerting import SignalMemory
from pipeline.monitor.incidents.memory import GroupMemory
from pipeline.monitor.standards.standards import Standards
from schemas.alert import Alert, AlertState
from schemas.config import Config
from schemas.group import Group, Segment
from tests.pipeline.events import START_MS, encode, loans
from tests.pipeline.past_windows import CONFIG, PER_WINDOW, WINDOW_MS, baseline_of_loans, loan_windows

DRIFTS, REPLACED, WINDOWS = 3, 6, 12


def alerts(some: list[Closing]) -> list[Alert]:
    return [alert for closing in some for alert in closing.alerts]


def replaced_by(*, drifted: bool) -> tuple[list[Closing], list[Closing]]:
    """What is said before and after a worker starts again with another baseline, of more windows of before the drift or of
    the traffic since."""
    old = baseline_of_loans(60)
    new = baseline_of_loans(61, drifted=True) if drifted else baseline_of_loans(70)
    windows = loan_windows(WINDOWS, DRIFTS)
    closer = Closer(CONFIG, Standards(CONFIG, {"loan": old}))
    before = [closing for window in windows[:REPLACED] for closing in closer.close(window)]
    memories: dict[Group, GroupMemory] = {}
    for closing in before:
        memories |= closing.memories
    again = Closer(CONFIG, Standards(CONFIG, {"loan": new}), memories)
    return before, [closing for window in windows[REPLACED:] for closing in again.close(window)]


def test_the_new_normal_resolves_what_fired() -> None:
    before, after = replaced_by(drifted=True)
    fired = {alert.id for alert in alerts(before)}
    assert len(fired) == 2
    assert {alert.id for alert in alerts(after)} == fired
    assert {(a.state, a.end_ms) for a in alerts(after)} == {(AlertState.RESOLVED, after[0].end_ms)}
    assert {a.summary for a in alerts(after)} == {f"{s}: has another baseline now" for s in ("value", "grade")}


def test_what_the_new_one_shows_fires_anew() -> None:
    before, after = replaced_by(drifted=False)
    assert {a.state for a in alerts(after) if a.start_ms == after[0].start_ms} == {AlertState.RESOLVED}
    anew = [alert for alert in alerts(after) if alert.state is AlertState.FIRING]
    assert {(alert.signal, alert.onset_ms) for alert in anew} == {(s, after[1].start_ms) for s in ("value", "grade")}
    assert not {alert.id for alert in anew} & {alert.id for alert in alerts(before)}


def test_an_alert_of_a_signal_that_is_gone_resolves_where_the_new_baseline_lacks_its_segment() -> None:
    config = Config.from_mapping(
        {**CONFIG.model_dump(by_alias=True), "models": [{"name": "loan", "segments": ["tags.country"]}]}
    )
    events = list(map(encode, loans(3 * PER_WINDOW, 3 * PER_WINDOW)))
    [window, *_] = closed_windows(config, LocalIngest(config).messages([events]))
    germany = Group("loan", "1", Segment("tags.country", "DE"))
    fires = SignalMemory(((START_MS - WINDOW_MS, True),), START_MS - WINDOW_MS, 0, START_MS - WINDOW_MS)
    memories = {germany: GroupMemory(window.start_ms, {"gone": fires})}
    [closing] = Closer(config, Standards(config, {"loan": baseline_of_loans(60)}), memories).close(window)
    assert [(a.signal, a.group, a.state) for a in closing.alerts] == [("gone", germany, AlertState.RESOLVED)]
    assert closing.alerts[0].summary == "gone: nothing judges it any more"
    assert closing.memories[germany].signals["gone"] == SignalMemory()
