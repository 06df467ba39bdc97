"""Poison: bad events of every kind, damaged messages between the halves, damaged records of what is remembered."""

import asyncio
import re
from collections import Counter
from itertools import cycle
from pathlib import Path
from random import Random
from typing import Any

import pytest
from kafka import KafkaConsumer
from kafka.structs import OffsetAndMetadata, TopicPartition

from pipeline.connections.topics import BASELINE_TABLE, STATE_TABLE, changelog, ingest_group
from schemas.event import Refusal
from schemas.packet import Packet, decode_message
from tests.chaos.events import START_MS, WINDOW_S, events, last_tick
from tests.chaos.oracle import expected, records_of
from tests.chaos.run import Run, settings
from tests.chaos.traffic import Item, send_items
from tests.kafka.choice import Kafka
from tests.pipeline.events import encode, event
from tests.pipeline.workers import Worker, driftline, read_topic, write_config

PARTITIONS = 2
EVENT_BYTES = 2000
HOUR_MS = 3_600_000
LETTERS = "driftline_events_refused_total"


def _poison(**more: Any) -> bytes:
    return encode({**event(0, START_MS), **more})


def _without(name: str) -> bytes:
    return encode({key: value for key, value in event(0, START_MS).items() if key != name})


KINDS: dict[Refusal, tuple[bytes | None, ...]] = {
    Refusal.INVALID_JSON: (b"{nonsense", b"", None, b"\xff\x00", _poison()[:-1], b'{"a":"\\ud800"}'),
    Refusal.NOT_AN_OBJECT: (b"[1]", b"7", b"NaN", b"null"),
    Refusal.TOO_DEEP: (b'{"a":' + b"[" * 300 + b"NaN" + b"]" * 300 + b"}",),
    Refusal.TOO_LARGE: (_poison(note="x" * EVENT_BYTES), b"{" * (EVENT_BYTES + 1)),
    Refusal.NO_TIMESTAMP: (_without("ts"), _poison(ts=None)),
    Refusal.BAD_TIMESTAMP: (
        _poison(ts="yesterday"),
        _poison(ts="2026-01-31T12:00:00"),
        _poison(ts=True),
        _poison(ts=[]),
    ),
    Refusal.TIMESTAMP_TOO_OLD: (_poison(ts=0), _poison(ts=-1), _poison(ts=START_MS // 1000)),
    Refusal.TIMESTAMP_AHEAD: (_poison(ts=START_MS + HOUR_MS), _poison(ts=1 << 62), _poison(ts="9999-12-31T23:59:59Z")),
    Refusal.NO_MODEL: (_without("model"), _poison(model=""), _poison(model=None)),
    Refusal.BAD_MODEL: (_poison(model=[]), _poison(model="m" * 201), _poison(model=True)),
    Refusal.BAD_VERSION: (_poison(version={}), _poison(version="v" * 201)),
    Refusal.BAD_FEATURES: (_without("features"), _poison(features=[1]), _poison(features="x"), _poison(features=None)),
}


def _poisoned(n: int, burst: int, dice: Random) -> tuple[list[bytes], list[Item], Counter[str]]:
    """`n` good events, the same among bad ones as they are sent, and how many of each kind are bad: each value singly
    at a random place, and a burst of each kind, all in one partition. Every record has the time of the stream."""
    good = list(events(n, every_ms=1000))
    singles = [(kind, value) for kind, values in KINDS.items() for value in values] * 3
    places: dict[int, list[tuple[Refusal, bytes | None]]] = {}
    for single in singles:
        places.setdefault(dice.randrange(n), []).append(single)
    for kind, values in KINDS.items():
        some = cycle(values)
        places.setdefault(dice.randrange(n), []).extend((kind, next(some)) for _ in range(burst))
    items, counts = [], Counter[str]()
    for i, value in enumerate(good):
        time_ms = START_MS + i * 1000
        for kind, bad in places.get(i, ()):
            items.append(Item(i % PARTITIONS, bad, START_MS if kind is Refusal.TIMESTAMP_AHEAD else time_ms))
            counts[kind] += 1
        items.append(Item(i % PARTITIONS, value, time_ms))
    return good, items, counts


async def bad_events_are_refused(kafka: Kafka, folder: Path, name: str, n: int, burst: int, dice: Random) -> None:
    # Forms other than plain JSON, halves of pairs, and names beyond a window's cap, have tests of their own.
    elsewhere = {Refusal.BAD_FORM, Refusal.UNMATCHED, Refusal.TOO_MANY_MODELS, Refusal.TOO_MANY_VERSIONS}
    assert set(KINDS) == set(Refusal) - elsewhere, "a kind of refusal has no poison here"
    raw = settings(kafka.bootstrap_servers, name, block_size=20_000)
    raw["limits"] = {"event_bytes": EVENT_BYTES}
    good, items, counts = _poisoned(n, burst, dice)
    with Run(folder, raw, PARTITIONS) as run:
        worker = run.worker("one").start()
        await send_items(run.servers, run.topic, items)
        await run.end(last_tick(n, 1000))
        wanted = expected(run.config, good)
        await run.wait("all windows closed", lambda: len(records_of(run.config)) == len(wanted.records), 240)
        metrics = worker.metrics()
        assert f'driftline_events_total{{outcome="profiled"}} {float(n)}' in metrics
        for kind, number in counts.items():
            assert f'{LETTERS}{{reason="{kind}"}} {float(number)}' in metrics
        await run.finish(wanted)
        _check_letters(run, items, good, counts)


def _check_letters(run: Run, items: list[Item], good: list[bytes], counts: Counter[str]) -> None:
    """Each refused record is a dead letter, unchanged, with its kind, and nothing else is."""
    letters = {}
    for letter in read_topic(run.servers, run.config.kafka.dead_letters_topic):
        headers = {key: value.decode() for key, value in letter.headers}
        letters[headers["topic"], headers["partition"], headers["offset"]] = (headers["reason"], letter.value)
    assert Counter(reason for reason, _ in letters.values()) == counts
    refused = Counter(item.value for item in items) - Counter(good)
    assert Counter(value for _, value in letters.values()) == refused


async def test_bad_events_of_every_kind_are_refused_and_change_nothing(
    real_kafka: Kafka, tmp_path: Path, dice: Random
) -> None:
    await bad_events_are_refused(real_kafka, tmp_path, "poison", 6000, 50, dice)


@pytest.mark.chaos
@pytest.mark.timeout(400)
async def test_bursts_of_ten_thousand_bad_events_of_every_kind_change_nothing(
    real_kafka: Kafka, tmp_path: Path, dice: Random
) -> None:
    await bad_events_are_refused(real_kafka, tmp_path, "bursts", 30_000, 10_000, dice)


def _torn(value: bytes) -> bytes:
    """A byte in the middle is another."""
    at = len(value) // 2
    return value[:at] + bytes([value[at] ^ 1]) + value[at + 1 :]


async def test_damaged_messages_between_the_halves_are_counted_and_mark_their_window(
    real_kafka: Kafka, tmp_path: Path
) -> None:
    """The messages that ingest sent are put onto another profiles topic, one packet of them torn, and nonsense among
    them; a monitor takes that."""
    n, raw = 10_000, settings(real_kafka.bootstrap_servers, "torn", profiles_partitions=1)
    with Run(tmp_path, raw, PARTITIONS) as run:
        run.half("ingest").start()
        await run.send(events(n, every_ms=1000))
        await run.end(last_tick(n, 1000))
        await run.wait(
            "all is ingested",
            lambda: (
                run.workers["ingest"].metric("driftline_source_pending") == 0 and run.workers["ingest"].profiled == n
            ),
        )
        assert await asyncio.to_thread(run.workers["ingest"].stop) == 0
        sent = await asyncio.to_thread(read_topic, run.servers, run.config.kafka.profiles_topic)
    packets = [(decode_message(m.value), m) for m in sent]
    start_ms = START_MS + 12 * WINDOW_S * 1000
    torn = next(m for p, m in packets if isinstance(p, Packet) and p.header.window_start_ms == start_ms)
    copies = [Item(0, _torn(m.value) if m is torn else m.value, key=m.key) for m in sent]
    strangers = [Item(0, value) for value in (b"nonsense", None, b"", b"DL\x01P", b"DL\x02P" + bytes(30))]
    for at, stranger in enumerate(strangers):
        copies.insert(at * len(copies) // len(strangers), stranger)
    raw = settings(real_kafka.bootstrap_servers, "torn-copy", profiles_partitions=1)
    with Run(tmp_path, raw, PARTITIONS) as copy:
        assert driftline("topics", "-c", write_config(tmp_path, "topics.yaml", **raw)).returncode == 0
        worker = copy.half("monitor").start()
        await send_items(copy.servers, copy.config.kafka.profiles_topic, copies)
        wanted = expected(copy.config, events(n, every_ms=1000))
        others = {place for place in wanted.records if place[1] != start_ms}
        await copy.wait("all windows closed", lambda: others <= records_of(copy.config).keys())
        damaged = worker.metric(r'driftline_profile_messages_total\{outcome="damaged"\}')
        assert damaged == len(strangers) + 1
        assert await asyncio.to_thread(worker.stop) == 0
        _check_marked(copy, wanted.records, start_ms)
        letters = read_topic(copy.servers, copy.config.kafka.dead_letters_topic)
        assert Counter(letter.value for letter in letters) == Counter(
            [_torn(torn.value), *(s.value for s in strangers)]
        )


def _check_marked(run: Run, wanted: Any, start_ms: int) -> None:
    """The window of the torn packet, and no other, is incomplete and unjudged; windows before it are as they would
    be."""
    import json

    found = {place: json.loads(value) for place, value in records_of(run.config).items()}
    marked = {start for (_, start), record in found.items() if record["completeness"] != "complete"}
    assert marked == {start_ms}
    assert {record["state"] for (_, start), record in found.items() if start == start_ms} == {"no_data"}
    before = {place: value for place, value in records_of(run.config).items() if place[1] < start_ms}
    assert before == {place: value for place, value in wanted.items() if place[1] < start_ms}
    assert before


def _latest(servers: str, topic: str) -> dict[bytes, bytes]:
    """A compacted topic as its readers see it."""
    latest = {message.key: message.value for message in read_topic(servers, topic)}
    return {key: value for key, value in latest.items() if value is not None}


async def _ends(run: Run, worker: Worker) -> None:
    await run.wait("the worker has ended", lambda: not worker.alive, 60)
    assert worker.stop() == 1
    assert "Traceback" not in worker.log


@pytest.mark.chaos
async def test_a_damaged_record_of_what_is_remembered_ends_the_worker_in_one_line(
    real_kafka: Kafka, tmp_path: Path
) -> None:
    """Each is put right again before the next is damaged; at the end everything goes on."""
    n, raw = 12_000, settings(real_kafka.bootstrap_servers, "damaged", profiles_partitions=1)
    good = list(events(n, every_ms=1000))
    with Run(tmp_path, raw, PARTITIONS) as run:
        worker = run.worker("one").start()
        await run.send(good[: n // 2])
        await run.wait("windows closed", lambda: len(records_of(run.config)) > 30)
        assert await asyncio.to_thread(worker.stop) == 0
        for table, reason in (
            (STATE_TABLE, "a state record is damaged"),
            (BASELINE_TABLE, "a learned baseline is damaged"),
        ):
            topic = changelog(run.config, table)
            kept = await asyncio.to_thread(_latest, run.servers, topic)
            for key, value in (min(kept.items()), max(kept.items())):
                await send_items(run.servers, topic, [Item(0, _torn(value), key=key)])
                worker.start()
                await _ends(run, worker)
                assert worker.log.splitlines()[-1].count(reason) == 1, worker.log[-2000:]
                await send_items(run.servers, topic, [Item(0, value, key=key)])
        topic = changelog(run.config, STATE_TABLE)
        await send_items(run.servers, topic, [Item(0, b"value", key=b"no key of ours")])
        worker.start()
        await _ends(run, worker)
        assert "a state record's key is damaged" in worker.log.splitlines()[-1]
        await send_items(run.servers, topic, [Item(0, None, key=b"no key of ours")])
        worker.start()
        await run.send(good[n // 2 :])
        await run.end(last_tick(n, 1000))
        await run.finish(expected(run.config, good))


async def test_an_offset_that_another_program_committed_ends_the_worker_in_one_line(
    real_kafka: Kafka, tmp_path: Path
) -> None:
    raw = settings(real_kafka.bootstrap_servers, "foreign")
    with Run(tmp_path, raw, PARTITIONS) as run:
        await run.send(events(100))
        consumer = KafkaConsumer(
            bootstrap_servers=run.servers, group_id=ingest_group(run.config), enable_auto_commit=False
        )
        consumer.assign([TopicPartition(run.topic, 0)])
        consumer.commit({TopicPartition(run.topic, 0): OffsetAndMetadata(7, "", -1)})
        consumer.close()
        worker = run.worker("one").start()
        await _ends(run, worker)
        assert re.search(r"the committed offset was not written by Driftline", worker.log.splitlines()[-1])
