"""What the page remembers: the last windows, each once, within bounds, whatever the topic holds."""

import pytest

from pipeline.serving.page.chronicle import Bounds, Chronicle
from pipeline.serving.page.episode import Episode
from schemas import codec
from schemas.alert import Alert
from schemas.group import Group, Segment
from schemas.verdict import State
from schemas.window import WindowRecord
from tests.pipeline.past import LEARNED, WINDOW_S, Said, drifting, fill

WHOLE, GERMANY = Group("loan", "1"), Group("loan", "1", Segment("tags.country", "DE"))
WINDOWS = 8000 // WINDOW_S


@pytest.fixture(scope="module")
def loan() -> Said:
    return drifting("loan", 6000)


def test_it_holds_what_the_records_say(loan: Said) -> None:
    chronicle = fill(Chronicle(), loan)
    past = chronicle.past(WHOLE)
    assert past is not None
    assert chronicle.models == ["loan"]
    assert [len(p.windows) for p in chronicle.pasts("loan")] == [WINDOWS] * 3
    records = [r for value in loan.windows if (r := WindowRecord.model_validate_json(value)).group == WHOLE]
    assert past.record == records[-1]
    assert past.baseline_events == LEARNED * WINDOW_S
    for name, track in past.tracks.items():
        signals = [next(s for s in record.signals if s.name == name) for record in records]
        assert [p.state for p in track] == [s.state for s in signals]
        assert [p.p_value for p in track] == [s.p_value for s in signals]
        assert [p.level for p in track] == [s.level for s in signals]
        assert [p.effect for p in track] == [s.effect for s in signals]
        assert [p.minimum_detectable_effect for p in track] == [s.minimum_detectable_effect for s in signals]
        assert track.summary == signals[-1].summary


def test_what_repeats_changes_nothing(loan: Said) -> None:
    once, twice = fill(Chronicle(), loan), Chronicle()
    for value in loan.alerts + loan.alerts:
        twice.alert(value)
    for value in loan.windows:
        twice.window(value)
        twice.window(value)
    for value in loan.windows:
        twice.window(value)
    assert twice.episodes("loan") == once.episodes("loan")
    for past in once.pasts("loan"):
        other = twice.past(past.group)
        assert other is not None
        assert other.windows == past.windows
        assert {name: list(track) for name, track in other.tracks.items()} == {
            name: list(track) for name, track in past.tracks.items()
        }


def test_it_keeps_the_last_windows_only(loan: Said) -> None:
    past = fill(Chronicle(12), loan).past(WHOLE)
    assert past is not None
    assert len(past.windows) == 12
    assert past.last.state is State.DRIFT
    assert {len(track) for track in past.tracks.values()} == {12}


def test_a_signal_that_is_gone_is_forgotten_with_its_last_window(loan: Said) -> None:
    chronicle = Chronicle(12)
    values = [value for value in loan.windows if WindowRecord.model_validate_json(value).group == WHOLE]
    for at, value in enumerate(values):
        record = codec.decode(value)
        record["signals"] = [s for s in record["signals"] if at < 20 or s["name"] != "term"]
        chronicle.window(codec.encode_canonical(record))
        past = chronicle.past(WHOLE)
        assert past is not None
        assert ("term" in past.current()) == (at < 20)
        assert ("term" in past.tracks) == (at < 31)


def test_what_is_no_record_is_passed_over_and_harms_nothing(loan: Said) -> None:
    chronicle = Chronicle()
    record = codec.decode(loan.windows[-1])
    damaged = [
        b"", b"{", b"[]", b"null", b"{}", loan.alerts[0],
        codec.encode(record | {"signals": [{"name": "x"}]}),
        codec.encode(record | {"signals": [*record["signals"], 7]}),
        codec.encode(record | {"state": "new"}),
        codec.encode(record | {"segment": ["a"]}),
        codec.encode(record | {"start_ms": "soon"}),
    ]  # fmt: skip
    for value in damaged:
        chronicle.window(value)
    assert chronicle.passed_over == len(damaged)
    assert chronicle.models == []
    chronicle.alert(b"{}")
    assert chronicle.passed_over == len(damaged) + 1
    fill(chronicle, loan)
    assert len(chronicle.pasts("loan")) == 3


def test_an_alert_that_resolved_is_an_episode_with_an_end(loan: Said) -> None:
    chronicle = Chronicle()
    first = codec.decode(loan.alerts[0])
    resolved = codec.encode(first | {"state": "resolved", "end_ms": first["end_ms"] + 1000})
    chronicle.alert(resolved)  # one that fired before the past begins
    [episode] = chronicle.episodes("loan")
    assert (episode.is_open, episode.ended_ms) == (False, first["end_ms"] + 1000)
    chronicle.alert(loan.alerts[0])
    assert chronicle.episodes("loan") == [episode]


def test_many_groups_stay_within_the_bounds(loan: Said) -> None:
    chronicle = Chronicle(200, Bounds(groups=50, points=2_000, record_bytes=400_000))
    record = codec.decode(loan.windows[-1])
    for window in range(30):
        for segment in range(60):
            times = {"start_ms": window * 1000, "end_ms": (window + 1) * 1000}
            chronicle.window(codec.encode(record | times | {"segment": ["path", str(segment)]}))
    pasts = chronicle.pasts("loan")
    assert len(pasts) <= 50
    assert all(len(past.windows) == 12 for past in pasts if past.last.end_ms == 30_000 and len(past.windows) > 11)
    assert max(len(track) for past in pasts for track in past.tracks.values()) <= 13
    assert sum(len(past.encoded) for past in pasts) <= 400_000 + len(loan.windows[-1])


def test_what_is_open_stands_before_what_has_resolved_however_great(loan: Said) -> None:
    alert = Alert.model_validate_json(loan.alerts[0])
    small, great = (Episode(alert.model_copy(update={"effect": effect})) for effect in (0.1, 0.9))
    ended = great._replace(ended_ms=alert.end_ms)
    assert sorted([ended, small, great], key=lambda episode: episode.rank) == [great, small, ended]
