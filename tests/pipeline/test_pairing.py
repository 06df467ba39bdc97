"""Requests and responses that are joined: what is a pair, and that neither batches nor crashes change which are."""

import itertools
import random
from collections.abc import Iterable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest
from aiokafka import AIOKafkaProducer
from hypothesis import given, settings
from hypothesis import strategies as st

from detectors.groups.wire import decode_group
from pipeline.events.joint import MOST_CHARACTERS, Joint, joint_of
from pipeline.events.waiting import BYTES_OF_EACH
from pipeline.history.history import Stretch
from pipeline.history.local import LocalIngest
from pipeline.ingest.partition import PartitionIngest
from pipeline.ingest.passage import Emission, Fed, Progress, Records
from pipeline.ingest.resume import decode_progress, encode_progress
from pipeline.ingest.shared import Ingest
from pipeline.sniff.proposal import proposed
from pipeline.sniff.sample import Sample
from schemas import codec
from schemas.config import Config
from schemas.event import Refusal
from schemas.packet import SourcePartition
from tests.kafka.choice import Kafka
from tests.pipeline.events import START_MS
from tests.pipeline.forms import RECORD_MS, SAMPLES
from tests.pipeline.forms import Sample as Golden
from tests.pipeline.test_partition import sent
from tests.pipeline.workers import Worker, counted, create_topic, read_topic, until

SOURCE = SourcePartition("events", 0)
WINDOW_MS, BLOCK, EVERY_MS = 10_000, 1000, 53
BROKER_BYTES = 4096


def config(form: str = "kserve-v2", within: str = "1m", most: int = 50, **more: Any) -> Config:
    window = {"length": "10s", "allowed_lateness": "2s", "max_skew": "1m"}
    event = {"format": form, "pairs": {"within": within, "most": most}}
    return Config.from_mapping({"event": event, "window": window, "kafka": {"block_size": BLOCK}} | more)


def half(name: str, which: str, time_ms: int, values: list[float], column: str = "x", **more: Any) -> bytes:
    """A half of a pair, a structured CloudEvent."""
    tensor = {"name": column, "shape": [len(values), 1], "datatype": "FP32", "data": values}
    key = "inputs" if which == "request" else "outputs"
    cloud = {"specversion": "1.0", "id": name, "type": f"x.inference.{which}", "inferenceservicename": "m"}
    return codec.encode({**cloud, "time": time_ms, "data": {key: [tensor]}} | more)


def fresh(cfg: Config, resume: int = 0, progress: Progress | None = None) -> PartitionIngest:
    return PartitionIngest(Ingest(cfg), SOURCE, "id", resume, progress)


def records(values: list[bytes], start: int, stop: int, every_ms: int = EVERY_MS) -> Records:
    at = np.arange(start, stop)
    keys = [b"k%d" % i for i in range(start, stop)]
    return Records(at, START_MS + at * every_ms, values[start:stop], [()] * (stop - start), keys)


def fed(cfg: Config, *values: bytes) -> Fed:
    return fresh(cfg).feed(records(list(values), 0, len(values)))


def profiled(emissions: Iterable[Emission]) -> int:
    packets = {p.header.stamp: p for e in emissions for p in e.packets}
    return sum(decode_group(p.payload).count for p in packets.values())


def at_the_end(ingest: PartitionIngest) -> list[Emission]:
    claimed = ingest.claim(START_MS + 86_400_000)
    assert claimed is not None
    return ingest.advance(claimed).emissions


# What is a pair.

GOLDEN = [("kserve v1, request by name", "kserve v1, response"), ("kserve v2, a batch of columns, flat and nested", "kserve v2, response"),
          ("seldon, tensor", "seldon, response")]  # fmt: skip


@pytest.mark.parametrize("order", [1, -1])
@pytest.mark.parametrize(("asked", "answered"), GOLDEN)
def test_golden_halves_become_one_event_whichever_comes_first(asked: str, answered: str, order: int) -> None:
    one, other = SAMPLES[asked], SAMPLES[answered]
    if one.form == "kserve-v1":
        other = Golden(other.form, {"predictions": [[0.1, 0.9]]}, [], other.headers)
    both = [one, other][::order]
    times = np.full(2, RECORD_MS, np.int64)
    ingest = fresh(config(one.form))
    events = ingest.read(np.arange(2), [s.value for s in both], [s.raw_headers for s in both], times)
    assert (events.rows.tolist(), events.refusals) == ([1] * len(events.documents), {})
    expected = [event["features"] for event in one.events]
    if one.form == "kserve-v1":
        assert events.features == [{"income": 1.0, "grade": "A", "output_0": 0.1, "output_1": 0.9}]
    else:
        assert events.features == expected
        assert [d["prediction"] for d in events.documents] == [event["prediction"] for event in other.events]
    assert set(events.models) == {one.events[0]["model"]}


def test_the_event_has_the_time_of_the_response_and_stands_at_the_second_half() -> None:
    response, request = half("a", "response", START_MS + 70, [0.5], "y"), half("a", "request", START_MS, [1.0])
    events = fresh(config()).read(np.arange(2), [response, request], None, np.array([START_MS + 90, START_MS + 95]))
    assert (events.rows.tolist(), events.times_ms.tolist()) == ([1], [START_MS + 70])
    assert (events.features, events.documents[0]["prediction"]) == ([{"x": 1.0}], 0.5)


def test_ids_are_told_apart_by_component() -> None:
    attributes = [{"component": "transformer"}, {"component": "predictor"}]
    asked = [half("a", "request", START_MS, [float(i)], **more) for i, more in enumerate(attributes)]
    answered = [half("a", "response", START_MS, [10.0 + i], "y", **more) for i, more in enumerate(attributes)]
    events = fresh(config()).read(np.arange(4), [*asked, *answered], None, np.full(4, START_MS))
    assert [(d["features"]["x"], d["prediction"]) for d in events.documents] == [(0.0, 10.0), (1.0, 11.0)]


def letters(found: Fed) -> list[tuple[int, Refusal]]:
    return [(letter.offset, letter.reason) for letter in found.dead_letters]


def test_a_half_that_waits_too_long_is_unmatched_and_so_is_the_other() -> None:
    asked, answered = half("a", "request", START_MS, [1.0]), half("a", "response", START_MS + 80_000, [0.5])
    others = [
        half(f"o{i}", which, START_MS + 20_000 * i, [1.0]) for i in range(1, 9) for which in ("request", "response")
    ]
    log = [asked, *others[:8], answered, *others[8:]]
    found = fresh(config()).feed(records(log, 0, len(log), 20_000))
    assert letters(found)[:1] == [(0, Refusal.UNMATCHED)]
    assert found.dead_letters[0].record is not None
    assert (found.dead_letters[0].record.key, found.dead_letters[0].record.value) == (b"k0", asked)
    assert (9, Refusal.UNMATCHED) in letters(found)
    assert len(found.dead_letters) == 2


def test_of_too_many_that_wait_the_oldest_is_given_up() -> None:
    log = [half(str(i), "request", START_MS, [1.0]) for i in range(5)]
    assert letters(fed(config(most=3), *log)) == [(0, Refusal.UNMATCHED), (1, Refusal.UNMATCHED)]


def test_of_large_halves_fewer_wait_and_the_last_one_always() -> None:
    large = [half(str(i), "request", START_MS, [1.0] * 4000) for i in range(5)]
    assert BYTES_OF_EACH < len(large[0]) < 4 * BYTES_OF_EACH
    room = 3 * BYTES_OF_EACH // len(large[0])
    assert letters(fed(config(most=3), *large)) == [(i, Refusal.UNMATCHED) for i in range(5 - room)]
    assert letters(fed(config(most=1), *large)) == [(i, Refusal.UNMATCHED) for i in range(4)]
    answers = [half(str(i), "response", START_MS, [0.5] * 4000) for i in range(5)]
    pairs = [one for pair in zip(large, answers, strict=True) for one in pair]
    assert letters(fed(config(most=3), *pairs)) == []  # what was answered takes no room


def test_a_half_that_comes_again_takes_the_place_of_the_first() -> None:
    again = [half("a", "request", START_MS, [value]) for value in (1.0, 2.0)]
    ingest = fresh(config())
    log = [*again, half("a", "response", START_MS, [0.5], "y")]
    events = ingest.read(np.arange(3), log, None, np.full(3, START_MS))
    assert events.features == [{"x": 2.0}]
    assert [(row, waited.offset) for row, waited in events.unmatched] == [(1, 0)]


def test_halves_of_different_rows_are_both_refused() -> None:
    log = [half("a", "request", START_MS, [1.0, 2.0]), half("a", "response", START_MS, [0.5])]
    assert sorted(letters(fed(config(), *log))) == [(0, Refusal.BAD_FORM), (1, Refusal.BAD_FORM)]


def test_a_pair_that_is_refused_is_laid_aside_in_both_halves() -> None:
    log = [half("a", which, START_MS + 3_600_000, [1.0]) for which in ("request", "response")]
    assert sorted(letters(fed(config(), *log))) == [(0, Refusal.TIMESTAMP_AHEAD), (1, Refusal.TIMESTAMP_AHEAD)]


# The same records, the same bytes.


class Log(NamedTuple):
    """A partition's records, and the ids of those that have both halves in time."""

    values: list[bytes]
    pairs: int


def messy_log(seed: int, n: int = 800) -> Log:
    """Answers that come soon, before the question, late or never; ids that come again, rows that differ, nonsense."""
    rng = random.Random(seed)
    due: list[tuple[float, int, bytes]] = []
    pairs = 0
    for i in range(n):
        rows, at = rng.randrange(1, 4), i * 2.0
        kind = rng.random()
        wait = rng.choice([1, 1, 3, 9, 40, -3]) + rng.random() if kind < 0.9 else 3000 if kind < 0.95 else None
        name = str(i) if rng.random() > 0.05 else str(rng.randrange(20))
        time_ms = START_MS + int(at * EVERY_MS) - rng.choice([0, 0, 0, 500, 30_000])
        values = [round(rng.random(), 2) for _ in range(rows)]
        due.append((at, i, half(name, "request", time_ms, values)))
        if wait is not None:
            answered = values if rng.random() > 0.02 else [*values, 1.0]
            due.append((at + wait, i, half(name, "response", time_ms + int(wait * EVERY_MS), answered, "y")))
            pairs += 1
        if rng.random() < 0.02:
            due.append((at, i, rng.choice([b"{nonsense", half("", "request", 0, [1.0]), codec.encode({"a": 1})])))
    return Log([value for _, _, value in sorted(due)], pairs)


def totals(emissions: Iterable[Emission]) -> dict[str, int]:
    by_stamp = {(e.position, e.watermark_ms): e for e in emissions}.values()
    return {what: sum(getattr(e, what) for e in by_stamp) for what in ("late", "refused", "excluded")}


class Whole(NamedTuple):
    """What a log comes to when it is read at once."""

    packets: dict[Any, bytes]
    totals: dict[str, int]
    letters: set[tuple[int, Refusal]]


def whole(cfg: Config, log: Log) -> Whole:
    ingest = fresh(cfg)
    found = ingest.feed(records(log.values, 0, len(log.values)))
    emissions = found.emissions + at_the_end(ingest)
    return Whole(sent(emissions), totals(emissions), set(letters(found)))


CONFIGS = [config(), config(within="20s"), config(most=7)]


@given(st.integers(0, 40), st.sampled_from(CONFIGS), st.lists(st.integers(0, 2500), max_size=8))
@settings(max_examples=8, deadline=None)
def test_batches_change_no_pair(seed: int, cfg: Config, cuts: list[int]) -> None:
    log = messy_log(seed)
    ingest = fresh(cfg)
    bounds = [0, *sorted(min(cut, len(log.values)) for cut in cuts), len(log.values)]
    feds = [ingest.feed(records(log.values, a, b)) for a, b in itertools.pairwise(bounds) if a < b]
    emissions = [e for found in feds for e in found.emissions] + at_the_end(ingest)
    expected = whole(cfg, log)
    assert sent(emissions) == expected.packets
    assert totals(emissions) == expected.totals
    assert {letter for found in feds for letter in letters(found)} == expected.letters
    assert sum(found.profiled for found in feds) == profiled(emissions)


@given(st.integers(0, 40), st.sampled_from(CONFIGS), st.integers(0, 100_000))
@settings(max_examples=12, deadline=None)
def test_crashes_change_no_pair(seed: int, cfg: Config, crashes: int) -> None:
    """A worker dies after any batch, with or without its last commits; the next begins at what was committed, with halves
    whose other half lies before it."""
    log = messy_log(seed)
    assert crashed(cfg, log, random.Random(crashes), [1, 7, 90, 400]) == whole(cfg, log)


def crashed(cfg: Config, log: Log, rng: random.Random, batches: list[int]) -> Whole:
    """What a log comes to when its workers die at random."""
    emissions: list[Emission] = []
    found: set[tuple[int, Refusal]] = set()
    ingest, at, committed = fresh(cfg), 0, (0, "")
    while at < len(log.values):
        stop = min(len(log.values), at + rng.choice(batches))
        done = ingest.feed(records(log.values, at, stop))
        emissions += done.emissions
        found |= set(letters(done))
        at = stop
        if not ingest.restoring and rng.random() < 0.5:
            resume, progress = ingest.checkpoint()
            committed = (resume, encode_progress(progress, "id", BLOCK, WINDOW_MS))
            assert len(committed[1]) < BROKER_BYTES
        if rng.random() < (0.02 if ingest.restoring else 0.2):
            at = committed[0]
            known = decode_progress(committed[1], SOURCE, "id", BLOCK, WINDOW_MS) if committed[1] else None
            ingest = fresh(cfg, at, known)
            emissions += ingest.begin().emissions
    emissions += at_the_end(ingest)
    return Whole(sent(emissions), totals(emissions), found)


# More in flight than offsets can be written.

MANY = config(within="1h", most=20_000)
WITHIN_MANY = config(within="450s", most=20_000)
FLIGHT = MOST_CHARACTERS + 500


def flight(pairs: int, flipped: float = 0.0, soon: float = 0.0, lone: float = 0.0, seed: int = 0) -> Log:
    """Pairs whose second half comes `FLIGHT` pairs later; of some it is the request, of others both halves come together,
    the response first, and some responses have no request."""
    rng = random.Random(seed)
    due: list[tuple[float, str, str]] = []
    for i in range(pairs):
        first, second = ("response", "request") if rng.random() < flipped else ("request", "response")
        due += [(i, f"r{i}", first), (i + FLIGHT + 0.5, f"r{i}", second)]
        if rng.random() < soon:
            due += [(i + 0.2, f"s{i}", "response"), (i + 0.3, f"s{i}", "request")]
        if rng.random() < lone:
            due.append((i + 0.4, f"l{i}", "response"))
    halves = [(name, which) for at, name, which in sorted(due) if at < pairs]
    return Log(
        [half(name, which, START_MS + at * EVERY_MS, [at % 7]) for at, (name, which) in enumerate(halves)], pairs
    )


def test_the_resume_offset_goes_on_however_many_are_in_flight() -> None:
    log, ingest = flight(3 * FLIGHT), fresh(MANY)
    for at in range(0, len(log.values), 2000):
        assert not ingest.feed(records(log.values, at, min(at + 2000, len(log.values)))).dead_letters
        resume, progress = ingest.checkpoint()
        assert resume == ingest.resume
        assert progress.position - resume <= 2 * FLIGHT + BLOCK
        assert len(encode_progress(progress, "id", BLOCK, WINDOW_MS)) < BROKER_BYTES
    assert resume > FLIGHT


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_crashes_change_nothing_with_more_in_flight_than_offsets_can_be_written(seed: int) -> None:
    log = flight(3 * FLIGHT, flipped=0.05, soon=0.1, lone=0.02, seed=seed)
    expected = whole(WITHIN_MANY, log)
    assert expected.letters
    assert crashed(WITHIN_MANY, log, random.Random(seed), [300, 1500]) == expected


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_where_no_form_fits_the_oldest_halves_are_given_up_whatever_the_batches_and_the_crashes(
    seed: int, caplog: pytest.LogCaptureFixture
) -> None:
    log, ingest = Log(flight(3 * FLIGHT, flipped=0.5, soon=0.9, seed=seed).values, 0), fresh(MANY)
    given_up = set()
    for at in range(0, len(log.values), 700):
        given_up |= set(letters(ingest.feed(records(log.values, at, min(at + 700, len(log.values))))))
        resume, progress = ingest.checkpoint()
        assert progress.position - resume <= 4 * FLIGHT + BLOCK
    assert {reason for _, reason in given_up} == {Refusal.UNMATCHED}
    assert len(given_up) < len(log.values) / 2
    assert sum("in flight" in record.message for record in caplog.records) == 1
    expected = whole(MANY, log)
    assert given_up == expected.letters
    assert crashed(MANY, log, random.Random(seed), [700, 3000]) == expected


def test_every_half_is_of_one_event_or_a_dead_letter() -> None:
    asked = [half(str(i), "request", START_MS + i * 1000, [1.0, 2.0]) for i in range(400)]
    answered = [half(str(i), "response", START_MS + i * 1000, [1.0, 2.0]) for i in range(400) if i % 5]
    log = [one for pair in itertools.zip_longest(asked, answered) for one in pair if one is not None]
    rows = LocalIngest(config(most=1000, within="1h", window={"length": "10m", "allowed_lateness": "10m"}))
    list(rows.messages([log[:300], log[300:]]))
    assert rows.counts == {"profiled": 640, "refused": 80, "refused: unmatched": 80, "late": 0, "excluded": 0}


# What is committed.


OFFSETS = st.sets(st.integers(0, 1 << 40), max_size=50).map(lambda found: tuple(sorted(found)))
CLOCKS = st.integers(0, 1 << 62)
JOINTS = st.one_of(st.tuples(CLOCKS, OFFSETS), st.tuples(CLOCKS, st.just(()), st.integers(1, 1 << 40), OFFSETS)).map(
    lambda fields: Joint(*fields)
)


@given(JOINTS)
def test_what_is_committed_is_read_again(joint: Joint) -> None:
    assert joint_of(codec.decode(codec.encode(joint.encoded()))) == joint


GOLDEN_JOINTS = [
    ({"clock_ms": 1_700_000_000_000, "orphans": "b90211ba0"}, Joint(1_700_000_000_000, (200, 202, 203, 204, 412))),
    ({"clock_ms": 5, "until": 900, "exceptions": "b901"}, Joint(5, (), 900, (200, 201))),
]


@pytest.mark.parametrize(("record", "joint"), GOLDEN_JOINTS)
def test_golden_forms_of_what_is_committed(record: dict[str, Any], joint: Joint) -> None:
    assert (joint_of(record), joint.encoded()) == (joint, record)


@pytest.mark.parametrize("until", [0, -1, None, "x"])
def test_a_rule_that_holds_nowhere_was_not_written_here(until: Any) -> None:
    with pytest.raises((ValueError, TypeError)):
        joint_of({"clock_ms": 5, "until": until, "exceptions": ""})


# The command, and Kafka.


def test_sniff_proposes_pairs_where_both_halves_are_on_one_partition() -> None:
    log = [half(str(i), which, START_MS + i, [1.0]) for i in range(30) for which in ("request", "response")]
    assert proposed(Sample("s", [Stretch(log)])).event == {"format": "kserve-v2", "pairs": {"within": "5m"}}
    apart = Sample("s", [Stretch(log[::2]), Stretch(log[1::2])])
    assert proposed(apart).event == {"format": "kserve-v2", "half": "request"}


async def send_halves(servers: str, topic: str, halves: Iterable[tuple[int, bytes]]) -> None:
    producer = AIOKafkaProducer(bootstrap_servers=servers, acks="all", linger_ms=20)
    await producer.start()
    try:
        for future in [await producer.send(topic, value, b"k", partition=partition) for partition, value in halves]:
            await future
    finally:
        await producer.stop()


async def test_a_worker_killed_among_halves_that_wait_counts_every_pair_once(real_kafka: Kafka, tmp_path: Path) -> None:
    servers, name, n = real_kafka.bootstrap_servers, "pairs", 3000
    create_topic(servers, "pairs.events", 2)
    log = []
    for i in range(n):
        log.append((i % 2, half(f"r{i}", "request", START_MS + i * 100, [i % 7, i % 5])))
        if i >= 400 and i % 50:  # each answer comes 400 requests later, some never
            log.append((i % 2, half(f"r{i - 400}", "response", START_MS + i * 100, [0.5, 0.25], "y")))
    answered = sum(1 for i in range(400, n) if i % 50)
    halfway = len(log) // 2
    await send_halves(servers, "pairs.events", log[:halfway])
    kafka = {"bootstrap_servers": servers, "topics": ["pairs.events"], "group": name, "prefix": name}
    window = {"length": "10s", "allowed_lateness": "1s", "idle_timeout": "2s"}
    event = {"format": "kserve-v2", "pairs": {"within": "50s"}}
    worker = Worker(tmp_path, name, {"kafka": kafka, "window": window, "event": event}).start()
    try:
        until("it has read half", lambda: worker.profiled > halfway / 2)
        worker.kill()
        await send_halves(servers, "pairs.events", log[halfway:])
        # The last moves the clock of each partition beyond what still waits.
        end = START_MS + n * 100 + 200_000
        await send_halves(
            servers,
            "pairs.events",
            [(p, half(f"end{p}", w, end, [1.0], "y")) for p in (0, 1) for w in ("request", "response")],
        )
        worker.start()
        until("the windows closed", lambda: counted(servers, name) >= 2 * answered)
        until("the dead letters are there", lambda: len(unmatched(servers, name)) >= n - answered)
        assert counted(servers, name) == 2 * answered
        assert len(unmatched(servers, name)) == n - answered
        assert worker.stop() == 0
    finally:
        if worker.alive:
            worker.kill()


def unmatched(servers: str, name: str) -> dict[tuple[bytes, bytes], bytes]:
    """Values of the dead letters by partition and offset; what comes again is the same."""
    found: dict[tuple[bytes, bytes], bytes] = {}
    for letter in read_topic(servers, f"{name}.dead-letters"):
        headers = dict(letter.headers)
        assert (headers["reason"], letter.key) == (b"unmatched", b"k")
        assert found.setdefault((headers["partition"], headers["offset"]), letter.value) == letter.value
    return found
