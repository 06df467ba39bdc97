"""Signals, groups and windows as lines of the page."""

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from pipeline.serving.page.chronicle import Past, Window
from pipeline.serving.page.episode import Episode
from pipeline.serving.page.track import Track
from pipeline.serving.page.words import LIGHTS, STATES, Light, counted, lasting, moment, signal_title, told, worst
from schemas.group import Group, segment_text
from schemas.verdict import State
from schemas.window import Completeness

MOST_BOXES = 60
_SILENT_AFTER = 12
_HEIGHTS = {Light.GREY: 2, Light.GREEN: 5, Light.AMBER: 10, Light.RED: 16}

Episodes = Mapping[tuple[Group, str], Episode]


class SignalRow(NamedTuple):
    """A signal in its group's last window."""

    group: Group
    name: str
    title: str
    light: Light
    state: str
    summary: str
    moved: str
    since: str
    effect: float | None
    p_value: float | None
    level: float | None
    minimum_detectable_effect: float | None

    @property
    def rank(self) -> tuple[int, float, str]:
        """Sorts the worst first."""
        return (-self.light.rank, -(self.effect or 0.0), self.name)


class GroupRow(NamedTuple):
    """A group in its last window, and its signals, the worst first."""

    group: Group
    title: str
    light: Light
    state: str
    window: str
    events: int
    baseline_events: int
    note: str
    signals: list[SignalRow]
    strip: "Strip"

    @property
    def drifting(self) -> list[SignalRow]:
        return [row for row in self.signals if row.light is Light.RED]


class Box(NamedTuple):
    """A window of a strip. Taller is worse, so that it is told without colours, too."""

    x: int
    height: int
    light: Light
    text: str


class Strip(NamedTuple):
    """The last windows of a group, in a row."""

    boxes: list[Box]
    description: str


def open_episodes(episodes: Iterable[Episode]) -> dict[tuple[Group, str], Episode]:
    """Those that are open, by the signal they are of."""
    return {(e.group, e.alert.signal): e for e in episodes if e.is_open}


def signal_row(past: Past, name: str, track: Track, episodes: Episodes) -> SignalRow:
    point, episode = track.last, episodes.get((past.group, name))
    summary = episode.alert.summary if episode and LIGHTS[point.state] in (Light.GREEN, Light.GREY) else track.summary
    light = Light.RED if episode else LIGHTS[point.state]
    return SignalRow(
        past.group,
        name,
        signal_title(name),
        light,
        _state_text(point.state, episode),
        told(summary),
        told(summary, name),
        "" if episode is None else moment(episode.onset_ms),
        point.effect,
        point.p_value,
        point.level,
        point.minimum_detectable_effect,
    )


def group_row(past: Past, episodes: Episodes, newest_ms: int) -> GroupRow:
    signals = [signal_row(past, name, track, episodes) for name, track in past.current().items()]
    last, note = past.last, _note(past, episodes, newest_ms)
    light = worst([row.light for row in signals])
    if last.completeness is not Completeness.COMPLETE:
        light = max(light, Light.AMBER, key=lambda one: one.rank)
    return GroupRow(
        past.group,
        segment_text(past.group.segment),
        light,
        STATES[last.state],
        f"{moment(last.start_ms)} to {moment(last.end_ms)}",
        last.events,
        past.baseline_events,
        note,
        sorted(signals, key=lambda row: row.rank),
        strip_of(past.windows),
    )


def is_silent(past: Past, newest_ms: int) -> bool:
    """Whether the group has had no events for `_SILENT_AFTER` windows: a version that was replaced, a segment that
    ended. How it stood then says nothing of now."""
    last = past.last
    return newest_ms - last.end_ms > _SILENT_AFTER * (last.end_ms - last.start_ms)


def strip_of(windows: Iterable[Window]) -> Strip:
    some = list(windows)[-MOST_BOXES:]
    boxes = [
        Box(10 * i, _HEIGHTS[LIGHTS[w.state]], LIGHTS[w.state], f"{moment(w.start_ms)}: {STATES[w.state]}")
        for i, w in enumerate(some)
    ]
    drifted = sum(w.state is State.DRIFT for w in some)
    warned = sum(w.state is State.WARNING for w in some)
    return Strip(
        boxes,
        f"{counted(len(some), 'window')}: {drifted} in drift, {warned} in warning, {len(some) - drifted - warned} neither",
    )


def _state_text(state: State, episode: Episode | None) -> str:
    if episode is None or state is State.DRIFT:
        return STATES[state]
    return f"firing; last window {STATES[state]}"


def _note(past: Past, episodes: Episodes, newest_ms: int) -> str:
    last = past.last
    if is_silent(past, newest_ms):
        firing = sum(group == past.group for group, _ in episodes)
        left = f"; {counted(firing, 'alert')} never resolved, for want of windows" if firing else ""
        return f"no events for {lasting(newest_ms - last.end_ms)}{left}"
    if last.completeness is Completeness.INCOMPLETE:
        return "the last window lacks packets that were announced, and is not judged"
    if last.completeness is Completeness.MIXED:
        return "the last window was filled under two configurations, and is not judged"
    if last.state is State.LEARNING and past.learned_windows:
        return f"learning: {counted(past.learned_windows, 'window')} so far"
    return ""
