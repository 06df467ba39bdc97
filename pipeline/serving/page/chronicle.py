"""The chronicle: what the page knows, of every model. A bounded memory of window records and alerts.

Of each group it keeps the last windows, a few numbers for each signal of each, and the last record as it came. It takes
messages as bytes, in the order of their partition, and passes over what it cannot read: a page must outlive that.
"""

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from pydantic import ValidationError

from pipeline.ingest.sightings import Sighting, read_sightings
from pipeline.serving.page.course import Course
from pipeline.serving.page.episode import Episode
from pipeline.serving.page.track import Reading, Track
from schemas import codec
from schemas.alert import Alert, AlertState
from schemas.errors import WireError
from schemas.group import Group, Segment
from schemas.verdict import State
from schemas.window import Completeness, WindowRecord

LEAST_WINDOWS = 12


class Bounds(NamedTuple):
    """What a chronicle keeps at most: groups, points of signals (72 bytes each), bytes of last records, alerts, and the
    courses of groups (half a megabyte each)."""

    groups: int = 5_000
    points: int = 1_000_000
    record_bytes: int = 64 * 1024 * 1024
    episodes: int = 20_000
    courses: int = 100


class Window(NamedTuple):
    """A closed window of a group."""

    start_ms: int
    end_ms: int
    events: int
    state: State
    completeness: Completeness


@dataclass(slots=True)
class Past:
    """A group's last windows, its signals, its course where it is whole, and its last record, empty where it was let
    go; `sightings` are the most anomalous events of its last window."""

    group: Group
    windows: deque[Window] = field(default_factory=deque)
    tracks: dict[str, Track] = field(default_factory=dict)
    baseline_events: int = 0
    learned_windows: int | None = None
    course: Course | None = None
    encoded: bytes = b""
    sightings: tuple[Sighting, ...] = ()

    @property
    def last(self) -> Window:
        return self.windows[-1]

    @property
    def record(self) -> WindowRecord | None:
        """The last record; None where it is not kept, or of a form not known here. O(bytes)."""
        try:
            return WindowRecord.model_validate_json(self.encoded) if self.encoded else None
        except ValidationError:
            return None

    def current(self) -> dict[str, Track]:
        """The signals of the last window."""
        start_ms = self.last.start_ms
        return {name: track for name, track in self.tracks.items() if track.last.start_ms == start_ms}


class Chronicle:
    """Remembers at most `most_windows` windows of a group, and fewer where there are very many signals. `passed_over`
    counts messages that could not be read; `knows_alerts` is False where it is given windows alone; `revision` grows with
    whatever changes."""

    def __init__(self, most_windows: int = 200, bounds: Bounds | None = None) -> None:
        self._bounds = bounds or Bounds()
        self._most_windows = most_windows
        self._pasts: dict[Group, Past] = {}
        self._episodes: dict[str, Episode] = {}
        self._signals = 0
        self._record_bytes = 0
        self.revision = 0
        self.knows_alerts = True
        self.passed_over = 0

    def window(self, value: bytes, look_at: bytes | None = None) -> None:
        """Takes a window record, and what its message's header says of the events to look at. One at or before the group's
        last is a repetition."""
        self.revision += 1
        try:
            self._take(codec.decode(value), value, read_sightings(look_at))
        except (WireError, KeyError, TypeError, ValueError, AttributeError):
            self.passed_over += 1

    def alert(self, value: bytes, look_at: bytes | None = None) -> None:
        """Takes an alert event, and what its message's header says of the events to look at. Events may repeat."""
        self.revision += 1
        try:
            alert = Alert.model_validate_json(value).model_copy(update={"evidence": ()})
        except ValidationError:
            self.passed_over += 1
            return
        known = self._episodes.get(alert.id)
        if alert.state is AlertState.RESOLVED:
            self._episodes[alert.id] = (known or Episode(alert))._replace(ended_ms=alert.end_ms)
        elif known is None:
            self._episodes[alert.id] = Episode(alert, sightings=read_sightings(look_at))
        self._forget_episodes()

    @property
    def models(self) -> list[str]:
        return sorted({group.model for group in self._pasts} | {e.alert.model for e in self._episodes.values()})

    @property
    def newest_ms(self) -> int | None:
        """The end of the newest window of all models; None before the first."""
        return max((past.last.end_ms for past in self._pasts.values()), default=None)

    def past(self, group: Group) -> Past | None:
        return self._pasts.get(group)

    def course(self, group: Group) -> Course | None:
        """The group's course, where it is followed."""
        past = self._pasts.get(group)
        return None if past is None else past.course

    def pasts(self, model: str) -> list[Past]:
        """The groups of a model, each whole before its segments."""
        found = (past for group, past in self._pasts.items() if group.model == model)
        return sorted(found, key=lambda past: past.group.order)

    def episodes(self, model: str) -> list[Episode]:
        """The alerts of a model, the latest onset first and then by effect."""
        found = (episode for episode in self._episodes.values() if episode.alert.model == model)
        return sorted(found, key=lambda episode: (-episode.onset_ms, *episode.rank))

    def _take(self, record: dict[str, Any], value: bytes, sightings: tuple[Sighting, ...]) -> None:
        if not str(record["schema"]).startswith("driftline.window/"):
            raise ValueError(f"not a window record: {record['schema']!r}")
        segment = record.get("segment")
        group = Group(str(record["model"]), str(record["version"]), Segment(*map(str, segment)) if segment else None)
        window = Window(
            int(record["start_ms"]),
            int(record["end_ms"]),
            int(record["events"]),
            State(record["state"]),
            Completeness(record.get("completeness", Completeness.COMPLETE)),
        )
        past = self._pasts.get(group) or Past(group)
        if past.windows and window.start_ms <= past.last.start_ms:
            return
        readings = [Reading.of(window.start_ms, window.end_ms, signal) for signal in record["signals"]]
        most = self._depth()
        for reading in readings:
            self._track(past, reading.name).add(reading, most)
        past.baseline_events, past.learned_windows = (
            int(record.get("baseline_events", 0)),
            record.get("learned_windows"),
        )
        if group.segment is None:
            self._follow(past, window, record)
        past.windows.append(window)
        past.sightings = sightings
        self._pasts[group] = past
        self._trim(past, most)
        self._keep_record(past, value)
        self._forget_groups()

    def _follow(self, past: Past, window: Window, record: dict[str, Any]) -> None:
        """Takes the window into the group's course, which begins with it while there are not too many courses."""
        if past.course is None and sum(one.course is not None for one in self._pasts.values()) < self._bounds.courses:
            past.course = Course()
        if past.course is not None and window.completeness is Completeness.COMPLETE:
            past.course.add(record, self._most_windows)
        elif past.course is not None:
            past.course.leave_out(window.end_ms)

    def _track(self, past: Past, name: str) -> Track:
        track = past.tracks.get(name)
        if track is None:
            track = past.tracks[name] = Track()
            self._signals += 1
        return track

    def _depth(self) -> int:
        """How many windows to keep of a group, so that there are at most `Bounds.points` in all, unless that
        would be too few to see anything."""
        return min(self._most_windows, max(LEAST_WINDOWS, self._bounds.points // max(1, self._signals)))

    def _trim(self, past: Past, most: int) -> None:
        while len(past.windows) > most:
            past.windows.popleft()
        first_ms = past.windows[0].start_ms
        gone = [name for name, track in past.tracks.items() if track.last.start_ms < first_ms]
        for name in gone:
            del past.tracks[name]
        self._signals -= len(gone)

    def _keep_record(self, past: Past, value: bytes) -> None:
        """Keeps the record as the group's last, and lets go of those of groups that were silent longest where they are
        too many bytes."""
        self._record_bytes += len(value) - len(past.encoded)
        past.encoded = value
        if self._record_bytes > self._bounds.record_bytes:
            for other in self._by_age():
                if other is not past and self._record_bytes > self._bounds.record_bytes // 2:
                    self._record_bytes -= len(other.encoded)
                    other.encoded = b""

    def _forget_groups(self) -> None:
        if len(self._pasts) > self._bounds.groups:
            for past in list(self._by_age())[: self._bounds.groups // 10]:
                self._signals -= len(past.tracks)
                self._record_bytes -= len(past.encoded)
                del self._pasts[past.group]

    def _by_age(self) -> Iterable[Past]:
        return sorted(self._pasts.values(), key=lambda past: past.last.end_ms)

    def _forget_episodes(self) -> None:
        if len(self._episodes) > self._bounds.episodes:
            ended = [(e.ended_ms, name) for name, e in self._episodes.items() if e.ended_ms is not None]
            for _, name in sorted(ended)[: self._bounds.episodes // 10]:
                del self._episodes[name]
