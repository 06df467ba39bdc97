"""Ingest of one partition is a function of its records: batching, crashes and restarts change nothing that is sent."""

import itertools
import random
from typing import NamedTuple

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from detectors.groups.wire import decode_group
from pipeline.ingest.dispatch import Dispatcher
from pipeline.ingest.partition import PartitionIngest
from pipeline.ingest.passage import Emission, Progress, Records, kafka_times
from pipeline.ingest.resume import decode_progress, encode_progress
from pipeline.ingest.shared import Ingest
from schemas.config import Config
from schemas.errors import StateError
from schemas.event import Refusal
from schemas.packet import SourcePartition, Stamp
from tests.pipeline.events import START_MS, encode, event

SOURCE = SourcePartition("events", 0)
WINDOW_MS = 10_000


class Log(NamedTuple):
    """A source partition's records."""

    values: list[bytes]
    record_ms: list[int]

    def records(self, start: int, stop: int) -> Records:
        offsets = np.arange(start, stop)
        return Records(offsets, np.array(self.record_ms[start:stop], np.int64), self.values[start:stop])


def config(block_size: int = 1000, **more: object) -> Config:
    window = {"length": "10s", "allowed_lateness": "2s", "max_skew": "1m"}
    return Config.from_mapping({"window": window, "kafka": {"block_size": block_size}} | more)


def messy_log(seed: int, n: int = 3000, models: int = 3) -> Log:
    """Events out of order, late, ahead, broken, of several models and versions."""
    rng = random.Random(seed)
    values, record_ms = [], []
    for i in range(n):
        now = START_MS + i * 37
        ts: object = now - rng.choice([0, 0, 0, 0, 500, 1500, 30_000])
        kind = rng.random()
        if kind < 0.01:
            values.append(b"{nonsense")
        elif kind < 0.02:
            values.append(encode(event(i, now + 3_600_000)))
        elif kind < 0.03:
            values.append(encode(event(i, None)))
        else:
            more = {"version": rng.choice(["1", "2"]), "tags": {"country": rng.choice(["DE", "FR", None])}}
            values.append(encode(event(i, ts, f"m{rng.randrange(models)}", **more)))
        record_ms.append(now)
    return Log(values, record_ms)


def fresh(cfg: Config, resume: int = 0, progress: Progress | None = None) -> PartitionIngest:
    return PartitionIngest(Ingest(cfg), SOURCE, "id", resume, progress)


def sent(emissions: list[Emission]) -> dict[Stamp, bytes]:
    """What a profiles partition would keep: each stamp once. The same stamp with other bytes is an error."""
    kept: dict[Stamp, bytes] = {}
    for emission in emissions:
        for packet in emission.packets:
            body = packet.header.model_dump_json().encode() + packet.payload
            assert kept.setdefault(packet.header.stamp, body) == body
    return kept


def all_at_once(cfg: Config, log: Log) -> list[Emission]:
    ingest = fresh(cfg)
    emissions = ingest.feed(log.records(0, len(log.values))).emissions
    return emissions + ingest.advance(end_of(ingest)).emissions


def end_of(ingest: PartitionIngest) -> Progress:
    claimed = ingest.claim(START_MS + 86_400_000)
    assert claimed is not None
    return claimed


@given(st.integers(0, 50), st.lists(st.integers(0, 3000), max_size=8))
@settings(max_examples=25, deadline=None)
def test_batches_change_nothing(seed: int, cuts: list[int]) -> None:
    cfg = config()
    log = messy_log(seed)
    ingest = fresh(cfg)
    bounds = [0, *sorted(cuts), len(log.values)]
    emissions = [e for a, b in itertools.pairwise(bounds) if a < b for e in ingest.feed(log.records(a, b)).emissions]
    emissions += ingest.advance(end_of(ingest)).emissions
    assert sent(emissions) == sent(all_at_once(cfg, log))


@given(st.integers(0, 50), st.integers(0, 10_000))
@settings(max_examples=25, deadline=None)
def test_crashes_change_nothing(seed: int, crashes: int) -> None:
    """A worker dies after any batch, with or without its last commits; the next begins at what was committed."""
    cfg = config(models=[{"name": "m0", "segments": ["tags.country"]}, {"name": "m1"}])
    log = messy_log(seed)
    emissions: list[Emission] = []
    rng = random.Random(crashes)
    counted = {"late": 0, "refused": 0, "excluded": 0}
    ingest, at, committed = fresh(cfg), 0, (0, "")
    while at < len(log.values):
        stop = min(len(log.values), at + rng.choice([1, 50, 400, 900]))
        emissions += ingest.feed(log.records(at, stop)).emissions
        at = stop
        if not ingest.restoring and rng.random() < 0.5:
            committed = (ingest.resume, encode_progress(ingest.progress, "id", 1000, WINDOW_MS))
        if rng.random() < 0.3:
            at = committed[0]
            progress = decode_progress(committed[1], SOURCE, "id", 1000, WINDOW_MS) if committed[1] else None
            ingest = fresh(cfg, at, progress)
            emissions += ingest.begin().emissions
    emissions += ingest.advance(end_of(ingest)).emissions
    expected = all_at_once(cfg, log)
    assert sent(emissions) == sent(expected)
    by_stamp = {(e.position, e.watermark_ms): e for e in emissions}
    for emission in by_stamp.values():
        counted["late"] += emission.late
        counted["refused"] += emission.refused
        counted["excluded"] += emission.excluded
    assert counted["late"] == sum(e.late for e in expected)
    assert counted["refused"] == sum(e.refused for e in expected)
    assert counted["excluded"] == sum(e.excluded for e in expected)


def test_every_event_is_counted_once() -> None:
    log = messy_log(7)
    ingest = fresh(config())
    fed = ingest.feed(log.records(0, len(log.values)))
    emissions = fed.emissions + ingest.advance(end_of(ingest)).emissions
    profiled = sum(p.header.events for e in emissions for p in e.packets)
    assert profiled == fed.profiled
    assert fed.profiled + fed.late + fed.excluded + len(fed.dead_letters) == len(log.values)
    assert fed.late > 0


def test_refusals_name_their_reason() -> None:
    broken = {
        b"{nonsense": Refusal.INVALID_JSON,
        b"[1]": Refusal.NOT_AN_OBJECT,
        b"": Refusal.INVALID_JSON,
        encode(event(1, None)): Refusal.NO_TIMESTAMP,
        encode(event(1, "2023-11-14T00:00:00")): Refusal.BAD_TIMESTAMP,
        encode(event(1, True)): Refusal.BAD_TIMESTAMP,
        encode(event(1, 0)): Refusal.TIMESTAMP_TOO_OLD,
        encode(event(1, 1_700_000_000)): Refusal.TIMESTAMP_TOO_OLD,
        encode(event(1, 2_145_916_800_000)): Refusal.TIMESTAMP_AHEAD,
        encode(event(1, START_MS + 365 * 86_400_000)): Refusal.TIMESTAMP_AHEAD,
        encode(event(1, START_MS, model="")): Refusal.NO_MODEL,
        encode(event(1, START_MS, model=["m"])): Refusal.BAD_MODEL,
        encode(event(1, START_MS, version={})): Refusal.BAD_VERSION,
        encode(event(1, START_MS, features=[1])): Refusal.BAD_FEATURES,
        b"[" * 100_000: Refusal.TOO_DEEP,
        b'{"a":"' + b"x" * 5_000_000 + b'"}': Refusal.TOO_LARGE,
    }
    good = [encode(event(i, START_MS + i)) for i in range(20)]
    values = [v for pair in zip(good, broken, strict=False) for v in pair] + good[len(broken) :]
    fed = fresh(config()).feed(Log(values, [START_MS + 1000] * len(values)).records(0, len(values)))
    assert {values[letter.offset]: letter.reason for letter in fed.dead_letters} == broken
    assert fed.profiled == len(good)


def test_odd_values_are_data() -> None:
    values = [
        encode(event(1, START_MS, features={"x": None})),
        encode(event(2, START_MS, features={})),
        b'{"ts":%d,"model":"m","version":"1","features":{"x":NaN},"prediction":1}' % START_MS,
        encode(event(4, START_MS, features={"x": [1]})),
        encode(event(5, "2023-11-14T00:00:01+00:00", features={"x": "text"})),
        encode(event(6, START_MS, features={"x": True})),
        encode(event(7, START_MS, features={"x": 1.5})),
    ]
    ingest = fresh(config())
    ingest.feed(Log(values, [START_MS + 5000] * len(values)).records(0, len(values)))
    [packet] = [p for e in ingest.advance(end_of(ingest)).emissions for p in e.packets]
    x = decode_group(packet.payload).profile("x")
    assert (x.null, x.missing, x.not_finite, x.other, x.labels, x.booleans) == (1, 1, 1, 1, ("text",), (0, 1))
    assert x.numbers.total == 1
    assert x.count == 7


def test_a_model_left_out_is_counted_only() -> None:
    cfg = config(models=[{"name": "watched"}])
    values = [encode(event(i, START_MS + i, model)) for i, model in enumerate(["watched", "other", "other"])]
    fed = fresh(cfg).feed(Log(values, [START_MS] * 3).records(0, 3))
    assert (fed.profiled, fed.excluded) == (1, 2)


def test_only_events_are_heard() -> None:
    """What is refused, a clock ahead among it, says nothing of the time; an event that is late or excluded does."""
    ingest = fresh(config(models=[{"name": "watched"}]))
    far_ms = START_MS + 3_600_000
    values = [
        encode(event(1, START_MS, "watched")),
        b"{not json",
        encode(event(2, far_ms, "watched")),
        encode(event(3, START_MS - 60_000, "watched")),
        encode(event(4, START_MS, "other")),
    ]
    log = Log(values, [START_MS] * len(values))
    assert [ingest.feed(log.records(i, i + 1)).heard for i in range(len(values))] == [True, False, False, True, True]


def test_an_idle_partition_seals_by_its_claim() -> None:
    ingest = fresh(config())
    ingest.feed(Log([encode(event(1, START_MS + 3000))], [START_MS + 3000]).records(0, 1))
    assert ingest.claim(START_MS + 5000) is None
    claimed = ingest.claim(START_MS + 12_001)
    assert claimed is not None
    [emission] = ingest.advance(claimed).emissions
    assert [p.header.window_start_ms for p in emission.packets] == [START_MS]
    late = ingest.feed(Log([b"", encode(event(2, START_MS + 2))], [0, START_MS + 13_000]).records(1, 2))
    assert late.late == 1


def test_a_committed_claim_is_carried_out_by_the_next_owner() -> None:
    cfg = config()
    log = Log([encode(event(i, START_MS + i)) for i in range(5)], [START_MS + i for i in range(5)])
    ingest = fresh(cfg)
    ingest.feed(log.records(0, 5))
    claimed = ingest.claim(START_MS + 60_000)
    assert claimed is not None
    committed = (ingest.resume, claimed)
    expected = ingest.advance(claimed).emissions
    again = fresh(cfg, *committed)
    assert again.begin().emissions == []
    assert sent(again.feed(log.records(committed[0], 5)).emissions) == sent(expected)


@pytest.mark.parametrize(("what", "change"), [("topic", 0), ("block_size", 1), ("window.length", 2)])
def test_a_commit_made_under_other_settings_is_refused(what: str, change: int) -> None:
    settings_ = ["id", 1000, WINDOW_MS]
    text = encode_progress(Progress(5), "id", 1000, WINDOW_MS)
    settings_[change] = "other" if change == 0 else 77
    with pytest.raises(StateError, match=what):
        decode_progress(text, SOURCE, *settings_)  # type: ignore[arg-type]  # a str and two ints


def test_markers_announce_what_was_sent() -> None:
    cfg = config()
    dispatcher = Dispatcher(cfg, SOURCE, "id", 4)
    for emission in all_at_once(cfg, messy_log(3)):
        markers = dispatcher.markers(emission, {"events": 1}, 7)
        assert [partition for partition, _ in markers] == [0, 1, 2, 3]
        assert sum(s.packets for _, m in markers for s in m.sent) == len(emission.packets)
        assert sum(m.late for _, m in markers) == emission.late


def test_time_passes_on_a_partition_whose_records_have_no_time() -> None:
    """Old producers write none, and the topic may leave it at that: the events' own time stands in for it."""
    config = Config.from_mapping({"window": {"length": "10s", "allowed_lateness": "1s"}})
    values = [encode(event(i, START_MS + 100 * i)) for i in range(250)]
    times = kafka_times(np.full(len(values), -1))
    ingest = PartitionIngest(Ingest(config), SourcePartition("events", 0), "id", 0)
    ingest.feed(Records(np.arange(len(values)), times, values))
    last_ms = START_MS + 24_900
    assert ingest.progress.sealed_ms == START_MS + 20_000
    assert ingest.claim(last_ms + 6_000) is None
    claimed = ingest.claim(last_ms + 6_100)
    assert claimed is not None
    assert claimed.watermark_ms == START_MS + 30_000
