"""Collecting packets into windows, and telling when a window is whole.

One collector serves one partition of the profiles topic. It is rebuilt by reading that partition again from the first
message of a window still open. All the deduplication there is: a packet at or before the last one seen of its source
partition has been folded in, and one whose window has closed is dropped; both are counted.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from detectors.groups.wire import SLICED, decode_group
from detectors.profiles.trace import SEGMENT_SLICES
from pipeline.events.event_time import BEGINNING
from pipeline.ingest.segments import GroupSet, Part, rules_of
from pipeline.ingest.sightings import Sightings
from schemas.config import Config
from schemas.errors import StateError
from schemas.packet import Marker, Packet, PacketHeader, ScoredPacketHeader, SourcePartition, Stamp
from schemas.window import Completeness


class Outcome(StrEnum):
    """What became of a message."""

    FOLDED = "folded"
    NOTED = "noted"
    DUPLICATE = "duplicate"
    CLOSED = "closed"
    OUTDATED = "outdated"


@dataclass(slots=True)
class _Tally:
    packets: int = 0
    events: int = 0


@dataclass(slots=True)
class OpenWindow:
    """A window being filled: `first_message` is where in the log it is first spoken of; by then the source partitions had
    these `generations`, these were their last `markers`, and messages of windows that begin by `gap_through_ms` were lost."""

    start_ms: int
    end_ms: int
    first_message: int
    models: dict[str, GroupSet] = field(default_factory=dict)
    received: dict[SourcePartition, _Tally] = field(default_factory=dict)
    announced: dict[SourcePartition, _Tally] = field(default_factory=dict)
    offsets: dict[SourcePartition, tuple[int, int]] = field(default_factory=dict)
    fingerprints: set[str] = field(default_factory=set)
    generations: Mapping[SourcePartition, int] = field(default_factory=dict)
    markers: Mapping[SourcePartition, Stamp | None] = field(default_factory=dict)
    gap_through_ms: int = BEGINNING
    gap: bool = False

    @property
    def completeness(self) -> Completeness:
        if self.gap or self.received != self.announced:
            return Completeness.INCOMPLETE
        return Completeness.MIXED if len(self.fingerprints) > 1 else Completeness.COMPLETE


@dataclass(slots=True)
class SourceView:
    """What is known of one source partition."""

    position: int = 0
    watermark_ms: int = BEGINNING
    generation: int = -1
    topic_id: str = ""
    packet: Stamp | None = None
    marker: Stamp | None = None


class Collector:
    """Open windows, and the watermark of every source partition."""

    def __init__(
        self,
        config: Config,
        closed_through_ms: int = BEGINNING,
        gap_through_ms: int = BEGINNING,
        *,
        packed: bool = True,
    ) -> None:
        """Windows that are open for long are held `packed`. Of those that begin by `gap_through_ms` messages were lost."""
        self._config = config
        self._packed = packed
        self.closed_through_ms = closed_through_ms
        self._gap_through_ms = gap_through_ms
        self.sources: dict[str, int] = {}
        self.views: dict[SourcePartition, SourceView] = {}
        self.windows: dict[int, OpenWindow] = {}

    def take(self, message: Packet | Marker, log_offset: int) -> Outcome:
        """Folds in a packet, or notes what a marker says. O(buckets)."""
        if isinstance(message, Packet):
            return self._packet(message, log_offset)
        return self._marker(message, log_offset)

    @property
    def watermark_ms(self) -> int:
        """The least watermark of all source partitions; one not yet heard counts as minus infinity."""
        parts = [SourcePartition(topic, i) for topic, n in self.sources.items() for i in range(n)]
        return min((self.views[p].watermark_ms if p in self.views else BEGINNING for p in parts), default=BEGINNING)

    def whole(self) -> list[int]:
        """The starts of the windows that every source partition's watermark has passed, in order."""
        reached = self.watermark_ms
        return sorted(start for start, window in self.windows.items() if window.end_ms <= reached)

    def close(self, start_ms: int) -> OpenWindow:
        """Takes a whole window out, with the signals that are counted in full. O(buckets) where a model has too many of
        them, else O(groups)."""
        window = self.windows.pop(start_ms)
        for groups in window.models.values():
            groups.settle()
        self.closed_through_ms = max(self.closed_through_ms, window.end_ms)
        return window

    def head(self) -> int | None:
        """The first message in the log that an open window needs."""
        return min((window.first_message for window in self.windows.values()), default=None)

    def generations(self) -> Mapping[SourcePartition, int]:
        """The generations of the source partitions at that message: the markers from there on are believed as they
        were when they were first read."""
        first = self._first()
        return {s: view.generation for s, view in self.views.items()} if first is None else first.generations

    def markers(self) -> Mapping[SourcePartition, Stamp | None]:
        """The last markers of the source partitions at that message: the next of each has to follow it."""
        first = self._first()
        return {s: view.marker for s, view in self.views.items()} if first is None else first.markers

    def gap_through_ms(self) -> int:
        """Of windows that begin by then messages were lost, as far as it was known at that message."""
        first = self._first()
        return self._gap_through_ms if first is None else first.gap_through_ms

    def _first(self) -> OpenWindow | None:
        return min(self.windows.values(), key=lambda window: window.first_message, default=None)

    def _view(self, header: PacketHeader | Marker) -> SourceView:
        view = self.views.setdefault(header.source, SourceView())
        if view.topic_id not in ("", header.topic_id):
            raise StateError(
                f"{header.source}: the topic was deleted and created again, and its offsets mean other events now; "
                "use another kafka.group and kafka.prefix"
            )
        view.topic_id = header.topic_id
        return view

    def _packet(self, packet: Packet, log_offset: int) -> Outcome:
        header = packet.header
        view = self._view(header)
        if view.packet is not None and header.stamp <= view.packet:
            return Outcome.DUPLICATE
        view.packet = header.stamp
        if header.window_end_ms <= self.closed_through_ms:
            return Outcome.CLOSED
        window = self._window(header.window_start_ms, header.window_end_ms, log_offset)
        groups = window.models.setdefault(
            header.model, GroupSet(rules_of(self._config, header.model), packed=self._packed)
        )
        profile = decode_group(packet.payload, SLICED)
        if header.segment:
            profile = profile.in_slices(SEGMENT_SLICES)  # an older version sends them all
        scored = Sightings.read(header.anomalies, header.source) if isinstance(header, ScoredPacketHeader) else None
        groups.add(header.group, Part(profile, header.begin, header.end, scored), header.fold)
        tally = window.received.setdefault(header.source, _Tally())
        tally.packets, tally.events = tally.packets + 1, tally.events + (0 if header.segment else header.events)
        begin, end = window.offsets.get(header.source, (header.begin, header.end))
        window.offsets[header.source] = (min(begin, header.begin), max(end, header.end))
        window.fingerprints.add(header.fingerprint)
        return Outcome.FOLDED

    def _window(self, start_ms: int, end_ms: int, log_offset: int) -> OpenWindow:
        window = self.windows.get(start_ms)
        if window is None:
            generations = {source: view.generation for source, view in self.views.items()}
            markers = {source: view.marker for source, view in self.views.items()}
            window = OpenWindow(start_ms, end_ms, log_offset, generations=generations, markers=markers)
            window.gap_through_ms, window.gap = self._gap_through_ms, start_ms <= self._gap_through_ms
            self.windows[start_ms] = window
        return window

    def _marker(self, marker: Marker, log_offset: int) -> Outcome:
        view = self._view(marker)
        if marker.previous is None:
            view.generation = marker.generation  # a group that has lost its commits counts its generations anew
        if view.marker is not None and marker.stamp <= view.marker:
            return Outcome.DUPLICATE
        if marker.generation < view.generation:
            return Outcome.OUTDATED
        self._check_chain(view, marker)
        view.position = max(view.position, marker.position)
        view.watermark_ms = max(view.watermark_ms, marker.watermark_ms)
        view.generation = marker.generation
        self.sources = dict(marker.sources)
        for sent in marker.sent:
            end_ms = sent.window_start_ms + self._config.window.length_ms
            if end_ms > self.closed_through_ms:
                window = self._window(sent.window_start_ms, end_ms, log_offset)
                tally = window.announced.setdefault(marker.source, _Tally())
                tally.packets, tally.events = tally.packets + sent.packets, tally.events + sent.events
        view.marker = marker.stamp  # a window that it opens begins with it, and is read again from before it
        return Outcome.NOTED

    def _check_chain(self, view: SourceView, marker: Marker) -> None:
        """A marker that does not follow the last one means that messages were lost: of windows that are open, and of those
        whose events ingest may have had by then, which may begin as far ahead as the latest of these."""
        if marker.previous is None or (view.marker is None and view.generation >= 0):
            return  # the latter of one that an older version remembered without its marker
        position, watermark_ms = marker.previous
        if view.marker is not None and (position, watermark_ms) == (view.marker.position, view.marker.watermark_ms):
            return
        ahead_ms = self._config.window.allowed_lateness_ms + self._config.window.max_skew_ms
        self._gap_through_ms = max(self._gap_through_ms, watermark_ms + ahead_ms)
        for window in self.windows.values():
            window.gap = True
