"""The whole core in one process, without Kafka: events in, closings out. `replay`, `demo` and `baseline build` run it.

The events are one source partition and there is one profiles partition; packets and markers are those that Kafka
would carry.
"""

from collections import Counter, deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from detectors.baselines.baseline import Baseline
from detectors.lenses.frozen import FrozenParts
from pipeline.events.event_time import Times
from pipeline.events.reader import Events
from pipeline.ingest.dispatch import Dispatcher
from pipeline.ingest.partition import PartitionIngest
from pipeline.ingest.passage import Emission, Fed, Records
from pipeline.ingest.shared import Ingest
from pipeline.monitor.closing import Closing
from pipeline.monitor.collect import Collector, OpenWindow
from pipeline.monitor.partition_monitor import PartitionMonitor
from pipeline.monitor.standards.standards import Standards
from schemas.config import Config
from schemas.packet import Marker, Packet, SourcePartition

_SOURCE = SourcePartition("events", 0)
_ALL_TIME_MS = 1 << 61
FOLLOWING = 15


class _Read(NamedTuple):
    """A batch, and what its records are."""

    offsets: Times
    values: Sequence[bytes]
    events: Events


class LocalIngest:
    """Ingest of one stream of events. `counts` says what became of them."""

    def __init__(self, config: Config, frozen: FrozenParts | None = None) -> None:
        self._window = config.window
        self._shared = Ingest(config, frozen)
        self._ingest = PartitionIngest(self._shared, _SOURCE, "local", 0)
        self._dispatcher = Dispatcher(config, _SOURCE, "local", 1, self._shared.fingerprint)
        self.counts: Counter[str] = Counter()
        self._offset = 0

    def messages(self, batches: Iterable[Sequence[bytes]]) -> Iterator[Packet | Marker]:
        """The packets and markers of all batches; the last seals every window, for the stream has ended."""
        held: deque[_Read] = deque()
        for values in filter(None, batches):
            held.append(self._next(values))
            while sum(len(read.values) for read in held) >= len(held[0].values) + FOLLOWING:
                yield from self._feed(held.popleft(), _following(held))
        while held:
            yield from self._feed(held.popleft(), _following(held))
        self._count(self._ingest.abandon())
        end = replace(self._ingest.progress, watermark_ms=_ALL_TIME_MS)
        yield from self._messages(self._ingest.advance(end).emissions)

    def _next(self, values: Sequence[bytes]) -> "_Read":
        offsets = np.arange(self._offset, self._offset + len(values))
        self._offset += len(values)
        return _Read(offsets, values, self._ingest.read(offsets, values))

    def _feed(self, read: "_Read", following: Times) -> Iterator[Packet | Marker]:
        offsets, values, events = read
        record_ms = record_times(events, following, self._window.max_skew_ms)
        fed = self._ingest.feed(Records(offsets, record_ms, values), events)
        self._count(fed)
        yield from self._messages(fed.emissions)

    def _messages(self, emissions: Iterable[Emission]) -> Iterator[Packet | Marker]:
        for emission in emissions:
            yield from (packet for _, packet in self._dispatcher.packets(emission))
            yield from (marker for _, marker in self._dispatcher.markers(emission, {_SOURCE.topic: 1}, 0))

    def _count(self, fed: Fed) -> None:
        self.counts.update(profiled=fed.profiled, late=fed.late, excluded=fed.excluded, refused=len(fed.dead_letters))
        self.counts.update(f"refused: {letter.reason}" for letter in fed.dead_letters)


def closings(
    config: Config,
    baselines: Mapping[str, Baseline],
    messages: Iterable[Packet | Marker],
    quantiles: Sequence[float] = (),
) -> Iterator[Closing]:
    """What closing each window of the stream comes to, with these quantiles for show."""
    monitor = PartitionMonitor(config, Standards(config, baselines), quantiles=quantiles)
    for number, message in enumerate(messages):
        yield from monitor.take(message, number)


def closed_windows(config: Config, messages: Iterable[Packet | Marker]) -> Iterator[OpenWindow]:
    """The windows of the stream, in order, profiled and not judged."""
    collector = Collector(config, packed=False)
    for number, message in enumerate(messages):
        collector.take(message, number)
        yield from map(collector.close, collector.whole())


def record_times(events: Events, following: Times, max_skew_ms: int) -> Times:
    """Record times for events of a file, which has none: each event's own time, except where time then falls back by
    more than `max_skew_ms`. There it is the median time of the next `FOLLOWING` records, so that a clock far ahead is
    told from a gap in the traffic. `following` are the times of the records after these, 0 for one refused. O(n)."""
    own = _accepted_times(events)
    times = np.concatenate([own, following])
    rows = np.flatnonzero(times > 0)
    clocks = times[rows]
    record = own.copy()
    for at in _suspects(rows, clocks, max_skew_ms):
        if rows[at] < len(record):
            record[rows[at]] = int(np.median(clocks[at + 1 : np.searchsorted(rows, rows[at] + FOLLOWING, "right")]))
    return record


def _suspects(rows: npt.NDArray[np.intp], clocks: Times, max_skew_ms: int) -> list[int]:
    """Events after which time falls back within the next `FOLLOWING` records."""
    falls: npt.NDArray[np.intp] = np.flatnonzero(clocks[:-1] > clocks[1:] + max_skew_ms)
    near: set[int] = set()
    for fall in falls.tolist():
        near.update(range(int(np.searchsorted(rows, rows[fall + 1] - FOLLOWING)), fall + 1))
    return sorted(near)


def _following(held: Iterable[_Read]) -> Times:
    """The times of the first `FOLLOWING` records, 0 for one refused."""
    times = [time for read in held for time in _accepted_times(read.events)[:FOLLOWING].tolist()]
    return np.array(times[:FOLLOWING], np.int64)


def _accepted_times(events: Events) -> Times:
    times = np.zeros(events.count, np.int64)
    times[events.rows] = events.times_ms
    return times
