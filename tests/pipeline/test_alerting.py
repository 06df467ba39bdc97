"""The state machine of one signal: when it fires, when it resolves, and that remembering it changes nothing."""

from collections.abc import Iterable
from itertools import pairwise
from typing import NamedTuple

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from pipeline.monitor.incidents.alerting import SignalMemory, decide
from pipeline.monitor.incidents.memory import GroupMemory
from schemas import codec
from schemas.alert import AlertState
from schemas.config import Config
from schemas.detection_config import DetectionConfig
from schemas.verdict import State

WINDOW_MS = 1000
LETTERS = {
    "O": State.OK,
    "W": State.WARNING,
    "D": State.DRIFT,
    "-": State.NO_DATA,
    "L": State.LEARNING,
    "i": State.INSUFFICIENT,
}
SILENT = "-Li"

sequences = st.text("OOWDD-Li", max_size=60)


@st.composite
def detections(draw: st.DrawFn) -> DetectionConfig:
    of = draw(st.integers(1, 6))
    return detection(draw(st.integers(1, of)), of, draw(st.integers(1, 4)))


def detection(windows: int = 1, of: int = 1, resolve_after: int = 3) -> DetectionConfig:
    section = {"fire": {"windows": windows, "of": of}, "resolve_after": resolve_after}
    return Config.from_mapping({"detection": section}).detection


class Event(NamedTuple):
    """What the machine said at a window, and the window that it named as the onset. Windows are numbered from 0."""

    window: int
    state: AlertState
    onset: int


def fold(letters: str, config: DetectionConfig, saved_at: Iterable[int] = ()) -> tuple[list[Event], SignalMemory]:
    """What the machine says of windows in those states; before the windows `saved_at` it is saved and loaded."""
    memory, events, saved = SignalMemory(), [], set(saved_at)
    for window, letter in enumerate(letters):
        if window in saved:
            memory = GroupMemory.decode(GroupMemory(signals={"x": memory}).encode()).signals["x"]
        decision = decide(memory, window * WINDOW_MS, LETTERS[letter], config)
        memory = decision.memory
        if decision.event is not None:
            events.append(Event(window, decision.event, decision.onset_ms // WINDOW_MS))
    return events, memory


def said(letters: str, config: DetectionConfig) -> str:
    """The events under their windows: F fires, R resolves."""
    at = {event.window: event.state.name[0] for event in fold(letters, config)[0]}
    return "".join(at.get(window, ".") for window in range(len(letters)))


@pytest.mark.parametrize(
    ("letters", "events"),
    [
        ("OOO", "..."),
        ("OD", ".F"),
        ("DDDD", "F..."),
        ("DOOO", "F..R"),
        ("DOODOOO", "F.....R"),
        ("DOOOD", "F..RF"),
        ("DOOODOOO", "F..RF..R"),
    ],
)
def test_one_of_one_fires_at_once_and_resolves_after_three_that_are_well(letters: str, events: str) -> None:
    assert said(letters, detection()) == events


@pytest.mark.parametrize(
    ("windows", "of", "letters", "events"),
    [
        (2, 2, "DODOD", "....."),
        (2, 2, "ODDO", "..F."),
        (2, 3, "DOOD", "...."),
        (2, 3, "DOD", "..F"),
        (2, 3, "DDD", ".F."),
        (3, 5, "DOODD", "....F"),
        (3, 5, "DOOODD", "......"),
        (3, 5, "DDOOOOD", "......."),
        (3, 5, "DWDWD", "....F"),
    ],
)
def test_n_of_m_fires_when_so_many_of_the_last_drifted(windows: int, of: int, letters: str, events: str) -> None:
    assert said(letters, detection(windows, of)) == events


@pytest.mark.parametrize(("after", "events"), [(1, "FR...."), (2, "F.R..."), (5, "F....R")])
def test_it_resolves_after_so_many_windows_in_a_row(after: int, events: str) -> None:
    assert said("DOOOOO", detection(resolve_after=after)) == events


def test_warnings_neither_fire_nor_resolve() -> None:
    assert said("WWWW", detection()) == "...."
    assert said("WWWW", detection(2, 2)) == "...."
    assert said("DWWWWW", detection()) == "F....."
    assert said("DOOWOOO", detection()) == "F.....R"


@pytest.mark.parametrize("silent", SILENT)
def test_windows_without_a_verdict_change_nothing(silent: str) -> None:
    assert said(silent * 5, detection()) == "....."
    assert said(f"D{silent}{silent}OO{silent}O", detection()) == "F.....R"
    assert said(f"D{silent * 9}D", detection(2, 2)) == "..........F"
    assert fold(f"ODO{silent}", detection(2, 3))[1] == fold("ODO", detection(2, 3))[1]


@pytest.mark.parametrize(
    ("windows", "of", "letters", "onset"),
    [
        (1, 1, "OOD", 2),
        (2, 3, "OODOD", 2),
        (2, 3, "DOOODOD", 4),
        (3, 5, "DOOODWD-D", 4),
        (2, 2, "D--D", 0),
    ],
)
def test_the_onset_is_the_first_drifted_window_of_the_run_that_fired(
    windows: int, of: int, letters: str, onset: int
) -> None:
    [event] = fold(letters, detection(windows, of))[0]
    assert event == Event(len(letters) - 1, AlertState.FIRING, onset)


def test_the_run_that_resolved_is_no_part_of_the_next() -> None:
    events, _ = fold("DDOODOD", detection(2, 5, resolve_after=2))
    assert events == [
        Event(1, AlertState.FIRING, 0),
        Event(3, AlertState.RESOLVED, 0),
        Event(6, AlertState.FIRING, 4),
    ]


def test_under_a_rule_made_laxer_it_fires_at_the_next_drift_and_not_when_well() -> None:
    _, memory = fold("DD", detection(3, 5))
    well = decide(memory, 2 * WINDOW_MS, State.OK, detection(2, 5))
    assert well.event is None
    assert decide(well.memory, 3 * WINDOW_MS, State.DRIFT, detection(2, 5)).event is AlertState.FIRING


@pytest.mark.parametrize(
    "memory",
    [
        SignalMemory(),
        SignalMemory(((-1, True), (1 << 61, False)), None, 0),
        SignalMemory(((5, True),), 5, 2),
        SignalMemory((), 0, 1),
    ],
)
def test_memory_comes_back_as_it_was(memory: SignalMemory) -> None:
    assert SignalMemory.from_json(codec.decode(codec.encode(memory.to_json()))) == memory


@given(sequences, detections(), st.sets(st.integers(0, 60)))
@example("DOOOD", detection(), {1, 2, 3, 4})
def test_saving_and_loading_in_between_changes_nothing(letters: str, config: DetectionConfig, at: set[int]) -> None:
    assert fold(letters, config, at) == fold(letters, config)


@given(sequences, detections())
def test_silent_windows_might_as_well_not_be(letters: str, config: DetectionConfig) -> None:
    spoken = [letter for letter in letters if letter not in SILENT]
    assert said("".join(spoken), config) == "".join(
        event for letter, event in zip(letters, said(letters, config), strict=True) if letter not in SILENT
    )


@given(sequences, detections())
def test_firing_and_resolved_strictly_alternate(letters: str, config: DetectionConfig) -> None:
    events, memory = fold(letters, config)
    assert [e.state for e in events[::2]] == [AlertState.FIRING] * len(events[::2])
    assert [e.state for e in events[1::2]] == [AlertState.RESOLVED] * len(events[1::2])
    assert all(a.onset == b.onset for a, b in zip(events[::2], events[1::2], strict=False))
    assert all(a.window < b.onset for a, b in pairwise(events) if b.state is AlertState.FIRING)
    assert (memory.onset_ms is not None) == (len(events) % 2 == 1)


@given(sequences, detections())
def test_an_alert_fires_only_on_enough_drift_and_resolves_only_when_well(letters: str, config: DetectionConfig) -> None:
    for event in fold(letters, config)[0]:
        spoken = [letter for letter in letters[: event.window + 1] if letter not in SILENT]
        if event.state is AlertState.FIRING:
            assert letters[event.window] == letters[event.onset] == "D"
            assert spoken[-config.fire.of :].count("D") >= config.fire.windows
        else:
            assert spoken[-config.resolve_after :] == ["O"] * config.resolve_after
