"""Packets into windows: each once, whole or said to be incomplete, and the same windows after a restart."""

import zlib
from collections import Counter, deque
from collections.abc import Iterator
from copy import deepcopy
from dataclasses import dataclass, field

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from detectors.sequence.slices import Remembered
from detectors.statistics.sustained import Scores
from pipeline.events.event_time import BEGINNING
from pipeline.monitor.closing import Closing
from pipeline.monitor.collect import Collector, Outcome
from pipeline.monitor.incidents.alerting import SignalMemory
from pipeline.monitor.incidents.memory import VERSION, GroupMemory, Incident, PartitionMemory, SourceMemory
from pipeline.monitor.partition_monitor import PartitionMonitor
from pipeline.monitor.standards.standards import Standards
from pipeline.monitor.tables.keeping import partition_record
from schemas.config import Config
from schemas.errors import StateError
from schemas.packet import Marker, Packet, SourcePartition, Stamp
from schemas.window import Completeness
from tests.pipeline.events import START_MS, encode, event, loans
from tests.pipeline.logs import SOURCES, Log, Source, log_of, log_of_an_idle_one, log_of_two
from tests.pipeline.tables import Tables

WINDOW_MS = 10_000
OTHER_TOPIC = SourcePartition("more", 0)


def config(**limits: int) -> Config:
    window = {"length": "10s", "allowed_lateness": "1s", "max_skew": "1s"}
    return Config.from_mapping({"window": window, "limits": limits})


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
        self.collector = Collector(cfg, closed_through_ms)
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
                    self.events[number] += sum(part.profile.count for _, part in groups.in_order())
        return self


def is_packet_of(message: Packet | Marker, window: int, source: SourcePartition = SOURCES[0]) -> bool:
    if isinstance(message, Marker):
        return False
    return message.header.source == source and message.header.window_start_ms == START_MS + window * WINDOW_MS


def announces(message: Packet | Marker, window: int) -> bool:
    starts = [sent.window_start_ms for sent in message.sent] if isinstance(message, Marker) else []
    return START_MS + window * WINDOW_MS in starts


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
    assert found.closed == dict.fromkeys(range(2, 6), Completeness.COMPLETE)


def test_a_window_that_lacks_an_announced_packet_is_incomplete(log: Log) -> None:
    lost = next(m for m in log if is_packet_of(m, 2))
    found = Collected().take([m for m in log if m is not lost])
    assert found.closed == all_complete(6) | {2: Completeness.INCOMPLETE}


def test_a_window_that_lacks_all_of_its_packets_closes_as_incomplete(log: Log) -> None:
    found = Collected().take([m for m in log if not any(is_packet_of(m, 2, s) for s in SOURCES)])
    assert found.closed == all_complete(6) | {2: Completeness.INCOMPLETE}
    assert found.events[2] == 0


def test_a_window_with_a_packet_that_was_not_announced_is_incomplete(log: Log) -> None:
    markers = [i for i, m in enumerate(log) if isinstance(m, Marker) and m.sent]
    found = Collected().take([*log[: markers[3]], changed(log[markers[3]], sent=()), *log[markers[3] + 1 :]])
    assert Counter(found.closed.values()) == {Completeness.COMPLETE: 5, Completeness.INCOMPLETE: 1}


def test_two_fingerprints_in_a_window_make_it_mixed() -> None:
    """The configuration changes at a block's end, in the middle of a window."""
    small = {"window": {"length": "10s", "allowed_lateness": "1s"}, "kafka": {"block_size": 1000}}
    values, times = steady(1200, every_ms=125)
    before = Source(Config.from_mapping(small))
    log = before.feed(values[:1000], times[:1000])
    after = Source(Config.from_mapping(small | {"limits": {"categories": 7}}), at=1000, progress=before.progress)
    found = Collected().take([*log, *after.feed(values[1000:], times[1000:]), *after.end()])
    assert found.closed == all_complete(15) | {12: Completeness.MIXED}
    assert found.events == dict.fromkeys(range(15), 80)


def test_a_source_partition_not_heard_holds_everything() -> None:
    values, times = steady(300)
    heard, unheard = (Source(CONFIG, source, 2) for source in SOURCES)
    found = Collected().take([*heard.feed(values, times), *heard.end()])
    assert found.collector.watermark_ms == BEGINNING
    assert found.closed == {}
    assert len(found.collector.windows) == 3
    found.take(unheard.feed(values[:220], times[:220]))
    assert found.closed == all_complete(2)
    found.take(unheard.end())
    assert found.closed == all_complete(3)


def test_a_topic_not_heard_holds_everything(log: Log) -> None:
    both = {"events": 2, "more": 1}
    found = Collected().take([changed(m, sources=both) if isinstance(m, Marker) else m for m in log])
    assert found.closed == {}
    more = Source(CONFIG, OTHER_TOPIC).end()
    found.take([changed(m, sources=both) for m in more])
    assert found.closed == all_complete(6)


def test_no_window_closes_before_all_watermarks_have_passed_its_end(log: Log) -> None:
    found = Collected()
    for i, message in enumerate(log):
        found.take([message])
        heard = {m.source: m.watermark_ms for m in log[: i + 1] if isinstance(m, Marker)}
        least = min(heard.values()) if len(heard) == 2 else BEGINNING
        assert found.collector.watermark_ms == least
        assert len(found.closed) == sum(START_MS + (w + 1) * WINDOW_MS <= least for w in range(6))


def test_a_marker_that_does_not_follow_the_last_marks_the_open_windows() -> None:
    log = log_of(CONFIG, *steady(600))
    at = next(i for i, m in enumerate(log) if announces(m, 2))
    broken = [*log[:at], changed(log[at], previous=(1, 2)), *log[at + 1 :]]
    assert Collected().take(broken).closed == all_complete(6) | {2: Completeness.INCOMPLETE}
    assert Collected().take([*log[:at], *log[at + 1 :]]).closed == all_complete(6) | {
        2: Completeness.INCOMPLETE,
        3: Completeness.INCOMPLETE,
    }


def test_a_monitor_that_is_rebuilt_misses_what_was_lost_as_one_that_goes_on_does(log: Log) -> None:
    """A packet and the marker that announces it are lost: only the next marker's predecessor tells."""
    lost = {
        next(i for i, m in enumerate(log) if is_packet_of(m, 2)),
        next(i for i, m in enumerate(log) if announces(m, 2) and isinstance(m, Marker) and m.source == SOURCES[0]),
    }
    held: list[Packet | Marker | None] = [None if i in lost else m for i, m in enumerate(log)]

    def closed(monitor: PartitionMonitor, begin: int, end: int) -> dict[int, Completeness]:
        taken = ((i, m) for i, m in enumerate(held[begin:end], begin) if m is not None)
        closings = (closing for i, message in taken for closing in monitor.take(message, i))
        return {(closing.start_ms - START_MS) // WINDOW_MS: closing.completeness for closing in closings}

    def fresh(memory: PartitionMemory | None = None) -> PartitionMonitor:
        return PartitionMonitor(CONFIG, Standards(CONFIG, {}), memory)

    whole = closed(fresh(), 0, len(held))
    assert whole == all_complete(6) | {2: Completeness.INCOMPLETE, 3: Completeness.INCOMPLETE}
    for at in range(1, len(held)):
        first = fresh()
        before = closed(first, 0, at)
        memory = PartitionMemory.decode(first.memory().encode())
        assert before | closed(fresh(memory), memory.head, len(held)) == whole


def test_markers_of_older_generations_are_ignored() -> None:
    values, times = steady(300)
    owner = Source(CONFIG, generation=5)
    log = owner.feed(values[:150], times[:150])
    zombie = Source(CONFIG, at=150, progress=owner.progress, generation=4)
    found = Collected().take(log)
    [late] = [m for m in zombie.end() if isinstance(m, Marker)]
    watermark_ms = found.collector.watermark_ms
    found.take([late])
    assert found.outcomes[Outcome.OUTDATED] == 1
    assert found.collector.watermark_ms == watermark_ms
    found.take([*owner.feed(values[150:], times[150:]), *owner.end()])
    assert found.closed == all_complete(3)


def test_a_newer_owner_says_again_what_an_older_one_was_not_believed() -> None:
    values, times = steady(300)
    first = Source(CONFIG, generation=2)
    log = first.feed(values[:150], times[:150])
    zombie, owner = (Source(CONFIG, at=100, progress=first.progress, generation=g) for g in (1, 2))
    sent = [[*one.feed(values[100:], times[100:]), *one.end()] for one in (zombie, owner)]
    found = Collected().take([*log, *sent[0], *sent[1]])
    assert found.outcomes[Outcome.OUTDATED] > 0
    assert found.closed == all_complete(3)
    assert found.events == dict.fromkeys(range(3), 100)


def test_an_older_owner_that_begins_at_the_beginning_changes_nothing() -> None:
    """It had committed nothing, so it looks like a group that begins anew; what it sends is what the newer one sends."""
    values, times = steady(300)
    log = Source(CONFIG, generation=2).feed(values[:150], times[:150])
    zombie, owner = (Source(CONFIG, at=0, generation=g) for g in (1, 2))
    sent = [[*one.feed(values, times), *one.end()] for one in (zombie, owner)]
    found = Collected().take([*log, *sent[0], *sent[1]])
    assert found.closed == all_complete(3)
    assert found.events == dict.fromkeys(range(3), 100)


@pytest.mark.parametrize("heard", [90, 300, 599])
def test_a_group_that_lost_its_commits_begins_anew_and_is_believed(heard: int) -> None:
    """Commits expire, or the group is deleted: generations count from 1 again, and events are read from the beginning."""
    values, times = steady(600)
    before, anew = Source(CONFIG, generation=7), Source(CONFIG, generation=1)
    old = before.feed(values[:heard], times[:heard])
    new = [*anew.feed(values, times), *anew.end()]
    found = Collected().take([*old, *new])
    assert found.closed == all_complete(6)
    assert found.events == dict.fromkeys(range(6), 100)
    assert not found.outcomes[Outcome.OUTDATED]
    assert found.outcomes[Outcome.DUPLICATE] == len(old)


SMALL = Config.from_mapping(
    {
        "window": {"length": "60s", "allowed_lateness": "30s", "max_skew": "1s"},
        "kafka": {"block_size": 1000},
    }
)


def emissions_of(config: Config, values: list[bytes], times: list[int]) -> list[Log]:
    """What is sent, cut behind each marker."""
    found: list[Log] = [[]]
    for message in log_of(config, values, times):
        found[-1].append(message)
        if isinstance(message, Marker):
            found.append([])
    return found[:-1]


def fates(emissions: list[Log | None], restart: int | None = None) -> dict[int, tuple[Completeness, int]]:
    """Of each window that closes how it is said to be, and its events; emissions that are None were deleted unread. The
    monitor starts again before the message `restart`."""
    standards = Standards(SMALL, {})
    log = [message for one in emissions for message in (one or ())]
    monitor, found = PartitionMonitor(SMALL, standards), {}
    at = 0
    while at < len(log):
        if at == restart:
            memory = PartitionMemory.decode(monitor.memory().encode())
            monitor, at, restart = PartitionMonitor(SMALL, standards, memory), memory.head, None
            continue
        for closing in monitor.take(log[at], at):
            number = (closing.start_ms - START_MS) // 60_000
            found[number] = closing.completeness, sum(r.events for r in closing.records if r.group.segment is None)
        at += 1
    return found


def test_windows_that_open_behind_a_gap_and_lack_events_are_incomplete() -> None:
    """At a block's end part of a window is sent before any marker speaks of it again."""
    emissions: list[Log | None] = [*emissions_of(SMALL, *steady(4_000, every_ms=91))]
    whole = fates(emissions)
    assert {fate for fate, _ in whole.values()} == {Completeness.COMPLETE}
    for lost in range(len(emissions) - 1):
        cut = [None if i == lost else one for i, one in enumerate(emissions)]
        found = fates(cut)
        short = {number for number, (_, events) in found.items() if events < whole[number][1]}
        complete = {number for number, (fate, _) in found.items() if fate is Completeness.COMPLETE}
        assert not short & complete, f"emission {lost}"
        n = sum(len(one or ()) for one in cut)
        for restart in range(1, n, 4):
            assert fates(cut, restart) == found, f"emission {lost}, restart {restart}"


def test_a_monitor_that_begins_in_the_middle_of_a_log_says_so() -> None:
    emissions: list[Log | None] = [*emissions_of(SMALL, *steady(5_000, every_ms=73))]
    whole = fates(emissions)
    found = fates([None, None, None, *emissions[3:]])
    short = {number for number, (_, events) in found.items() if events < whole[number][1]}
    assert short
    assert {found[number][0] for number in short} == {Completeness.INCOMPLETE}
    assert Completeness.COMPLETE in {fate for fate, _ in found.values()}


# What is remembered, and what becomes of it.

REMEMBERED = [
    GroupMemory(
        5,
        {"x": SignalMemory(((1, True),), 1, 2, 0)},
        Remembered.of({"x": ((0.1, 3), (-1e300, 1))}),
        (),
        Scores(9, {"x": (0.5, -1.25)}),
        Incident(0),
    ),
    PartitionMemory(
        10,
        7,
        3,
        {"events": 2},
        {
            SOURCES[1]: SourceMemory(9, -5, 2, "id", Stamp(7, -9, 1 << 62)),
            SOURCES[0]: SourceMemory(8, BEGINNING, -1, ""),
        },
    ),
]


@pytest.mark.parametrize("memory", REMEMBERED)
def test_memory_comes_back_as_it_was(memory: GroupMemory | PartitionMemory) -> None:
    assert type(memory).decode(memory.encode()) == memory
    assert type(memory).decode(type(memory)().encode()) == type(memory)()


@pytest.mark.parametrize("memory", REMEMBERED)
def test_a_damaged_memory_is_a_state_error(memory: GroupMemory | PartitionMemory) -> None:
    data = memory.encode()
    for i in range(len(data)):
        for damaged in (data[:i], data[:i] + bytes([data[i] ^ 0x11]) + data[i + 1 :]):
            with pytest.raises(StateError, match="is damaged: its checksum does not match; restore"):
                type(memory).decode(damaged)


@pytest.mark.parametrize("memory", REMEMBERED)
def test_a_memory_of_a_version_from_the_future_says_to_upgrade(memory: GroupMemory | PartitionMemory) -> None:
    body = b"\x09" + memory.encode()[1:-4]
    with pytest.raises(StateError, match=rf"version 9, this worker reads {VERSION}: upgrade"):
        type(memory).decode(body + zlib.crc32(body).to_bytes(4, "big"))


def test_a_record_that_is_no_json_is_a_state_error() -> None:
    body = b"\x01{"
    with pytest.raises(StateError, match="damaged: not JSON"):
        GroupMemory.decode(body + zlib.crc32(body).to_bytes(4, "big"))


LEARNED, DRIFT_AT, LOANS = 24, 2600, 3000
PARTS = 5
EVERY = 3  # messages between two moments at which a monitor is rebuilt


def loan_config() -> Config:
    learn, budget = {"learn": {"windows": LEARNED}}, {"at_most": 1000}
    models = [{"name": "loan", "baseline": learn, "segments": ["tags.country"], "false_alarms": budget}]
    window = {"length": "100s", "allowed_lateness": "1s"}
    return Config.from_mapping({"window": window, "models": models, "detection": {"fire": {"windows": 2, "of": 3}}})


@pytest.fixture(scope="module")
def loan_log() -> Log:
    """Thirty windows, of which the first 24 are learned and the last four drift, with events that are late, sums
    beyond the floats, and a partition that ends early. Three times a new owner, of a newer generation, sends again what
    was sent before; the last time while the partition that ended holds up the windows of the other."""
    values, times = [], []
    for i, loan in enumerate(loans(LOANS, DRIFT_AT)):
        times.append(loan["ts"])
        loan["ts"] -= 500_000 * (i % 97 == 96)
        if 2450 <= i < 2453:
            loan["features"]["junk"] = 1.7e308
        values.append(encode(loan))
    log = log_of_an_idle_one(loan_config(), values, times, last=2200, found_idle=2700)
    a, b, c = len(log) // 3, len(log) // 2, 2 * len(log) // 3
    owners = [[changed(m, generation=g) if isinstance(m, Marker) else m for m in log] for g in (3, 5, 7, 9)]
    return [*owners[0][:a], *owners[1][a // 2 : b], *owners[2][b - 9 : c], *owners[3][c - 9 :]]


@dataclass
class Worker:
    """The monitor of one partition between its log and its tables; `said` is what it has sent. What is said twice must
    be said in the same bytes."""

    tables: Tables = field(default_factory=Tables)
    said: dict[tuple[object, ...], bytes] = field(default_factory=dict)
    generation: int = 1

    def run(self, log: Log) -> Iterator["Worker"]:
        """From what it remembers to the log's end. Yields a copy of what there is when a worker may die: after each
        message, and after each of the steps of each closing."""
        cfg = loan_config()
        kept = self.tables.kept()
        monitor = PartitionMonitor(cfg, Standards(cfg, {}, kept.baselines), kept.memory, kept.groups)
        for offset in range(kept.memory.head if kept.memory else 0, len(log)):
            for closing in monitor.take(log[offset], offset):
                yield from self._publish(closing, monitor)
            yield self._copy(partition_record(0, self.generation, monitor.memory()))

    def _publish(self, closing: Closing, monitor: PartitionMonitor) -> Iterator["Worker"]:
        for alert in closing.alerts:
            assert self.said.setdefault((alert.id, alert.state), alert.encode()) == alert.encode()
        for record in closing.records:
            assert self.said.setdefault((record.group, record.start_ms), record.encode()) == record.encode()
        yield self._copy()
        before = dict(self.tables.baselines)
        for _ in self.tables.steps(closing, self.generation):
            if self.tables.baselines != before:
                yield self._copy()
                before = dict(self.tables.baselines)
        yield self._copy()
        if closing.last:
            self.tables.state.update([partition_record(0, self.generation, monitor.memory())])

    def _copy(self, *more: tuple[bytes, bytes]) -> "Worker":
        tables = Tables({**self.tables.state, **dict(more)}, dict(self.tables.baselines))
        return Worker(tables, dict(self.said), self.generation + 1)


@pytest.fixture(scope="module")
def moments(loan_log: Log) -> list[Worker]:
    """What there is at every moment of a run to the end."""
    return list(Worker().run(loan_log))


def test_the_loans_give_a_rebuilt_monitor_something_to_forget(moments: list[Worker], loan_log: Log) -> None:
    assert len(moments) > len(loan_log) + 2 * LOANS // 100
    said = moments[-1].said
    records = [body for key, body in said.items() if isinstance(key[1], int)]
    assert len(records) == 3 * LOANS // 100
    assert sum(b'"state":"firing"' in body for body in said.values()) >= 3
    assert all(b'"completeness":"complete"' in body for body in records)
    assert sum(b'"state":"learning","version"' in body for body in records) == 3 * LEARNED


@pytest.mark.parametrize("part", range(PARTS))
def test_a_monitor_rebuilt_at_any_moment_says_the_same(part: int, moments: list[Worker], loan_log: Log) -> None:
    for moment in moments[EVERY * part :: EVERY * PARTS]:
        rebuilt = deepcopy(moment)
        deque(rebuilt.run(loan_log), 0)
        assert rebuilt.said == moments[-1].said


def test_a_topic_made_again_is_refused() -> None:
    collector = Collector(Config())
    marker = Marker(
        topic="events", topic_id="first", partition=0, position=5, watermark_ms=0, fingerprint="f", block_size=1000,
        sources={"events": 1}, generation=1,
    )  # fmt: skip
    collector.take(marker, 0)
    with pytest.raises(StateError, match="deleted and created again"):
        collector.take(marker.model_copy(update={"topic_id": "second", "position": 6}), 1)
