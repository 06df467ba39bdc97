"""Packets into windows: each once, whole or said to be incomplete, and the same windows after a restart."""

import zlib
from collections import Counter
from functools import partial

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.alerting import SignalMemory
from pipeline.closing import Closing
from pipeline.collect import Collector, Outcome
from pipeline.event_time import BEGINNING
from pipeline.keeping import baseline_totals, baseline_windows, kept_of, partition_record, state_records
from pipeline.memory import GroupMemory, PartitionMemory
from pipeline.monitor import PartitionMonitor
from pipeline.segments import rules_of
from pipeline.standards import Standards
from schemas.config import Config
from schemas.errors import StateError
from schemas.packet import Marker, Packet, SourcePartition
from schemas.verdict import State
from schemas.window import Completeness
from tests.pipeline.events import START_MS, encode, event, loans
from tests.pipeline.logs import SOURCES, Log, Source, log_of, log_of_two

WINDOW_MS = 10_000
OTHER_TOPIC = SourcePartition("more", 0)


def config(**limits: int) -> Config:
    return Config.from_mapping({"window": {"length": "10s", "allowed_lateness": "1s"}, "limits": limits})


CONFIG = config()


def steady(n: int, every_ms: int = 100) -> tuple[list[bytes], list[int]]:
    """Events and their times: a hundred of them fill a window."""
    times = [START_MS + i * every_ms for i in range(n)]
    return [encode(event(i, ts)) for i, ts in enumerate(times)], times


@pytest.fixture(scope="module")
def log() -> Log:
    """Six windows from two source partitions."""
    return log_of_two(CONFIG, *steady(600))


class Collected:
    """A collector, fed one message after the other; windows are closed as they become whole."""

    def __init__(self, cfg: Config = CONFIG, closed_through_ms: int = BEGINNING) -> None:
        self.collector = Collector(partial(rules_of, cfg), closed_through_ms)
        self.outcomes: Counter[Outcome] = Counter()
        self.closed: dict[int, Completeness] = {}
        self.events: Counter[int] = Counter()
        self._offset = 0

    def take(self, log: Log) -> "Collected":
        for message in log:
            self.outcomes[self.collector.take(message, self._offset)] += 1
            self._offset += 1
            for window in map(self.collector.close, self.collector.whole()):
                number = (window.start_ms - START_MS) // WINDOW_MS
                self.closed[number] = window.completeness
                for groups in window.models.values():
                    self.events[number] += sum(part.profile.count for part in groups.parts.values())
        return self


def is_packet_of(message: Packet | Marker, window: int, source: SourcePartition = SOURCES[0]) -> bool:
    if isinstance(message, Marker):
        return False
    return message.header.source == source and message.header.window_start_ms == START_MS + window * WINDOW_MS


def changed(marker: Packet | Marker, **update: object) -> Marker:
    assert isinstance(marker, Marker)
    return marker.model_copy(update=update)


def all_complete(n: int) -> dict[int, Completeness]:
    return dict.fromkeys(range(n), Completeness.COMPLETE)


def test_windows_close_in_order_with_every_event_once(log: Log) -> None:
    found = Collected().take(log)
    assert found.closed == all_complete(6)
    assert list(found.closed) == sorted(found.closed)
    assert found.events == dict.fromkeys(range(6), 100)
    assert found.collector.head() is None


def test_what_comes_again_is_dropped_by_its_stamp(log: Log) -> None:
    half = len(log) // 2
    found = Collected().take([*log[:half], *log[:half], *log[half:]])
    assert found.outcomes[Outcome.DUPLICATE] == half
    assert found.events == dict.fromkeys(range(6), 100)
    assert found.closed == all_complete(6)


@given(st.data())
@settings(max_examples=25)
def test_nothing_that_comes_again_changes_a_window(data: st.DataObject) -> None:
    """Whoever sends again sends any stretch of what was sent before, at any time."""
    sent = log_of_two(CONFIG, *steady(300, every_ms=200))
    received: Log = []
    for i, message in enumerate(sent):
        received.append(message)
        if data.draw(st.integers(0, 3)) == 0:
            received += sent[data.draw(st.integers(0, i)) : i + 1]
    found = Collected().take(received)
    assert found.closed == all_complete(6)
    assert found.events == dict.fromkeys(range(6), 50)
    assert found.outcomes[Outcome.DUPLICATE] == len(received) - len(sent)


def test_packets_of_closed_windows_are_counted_and_dropped(log: Log) -> None:
    found = Collected(closed_through_ms=START_MS + 2 * WINDOW_MS).take(log)
    assert found.outcomes[Outcome.CLOSED] == sum(is_packet_of(m, w, s) for m in log for w in (0, 1) for s in SOURCES)
    assert found.outcomes[Outcome.CLOSED] >= 4
    assert found.closed == {number: Completeness.COMPLETE for number in range(2, 6)}


def test_a_window_that_lacks_an_announced_packet_is_incomplete(log: Log) -> None:
    lost = next(m for m in log if is_packet_of(m, 2))
    found = Collected().take([m for m in log if m is not lost])
    assert found.closed == all_complete(6) | {2: Completeness.INCOMPLETE}


def test_a_window_with_a_packet_that_was_not_announced_is_incomplete(log: Log) -> None:
    markers = [i for i, m in enumerate(log) if isinstance(m, Marker) and m.sent]
    found = Collected().take([*log[: markers[3]], changed(log[markers[3]], sent=()), *log[markers[3] + 1 :]])
    assert Counter(found.closed.values()) == {Completeness.COMPLETE: 5, Completeness.INCOMPLETE: 1}


def test_two_fingerprints_in_a_window_make_it_mixed() -> None:
    """The configuration changes at a block's end, in the middle of a window."""
    values, times = steady(1300)
    before = Source(CONFIG)
    first = before.feed(values[:1050], times[:1050])[:]
    assert before.progress.position == 1050
    first = [m for m in first if not isinstance(m, Packet) or m.header.begin < 1000]
    after = Source(config(categories=7), at=1000, progress=at_block_end(values, times))
    found = Collected().take([*block(values, times), *after.feed(values[1000:], times[1000:]), *after.end()])
    assert found.closed == all_complete(13) | {10: Completeness.MIXED}
