"""Avro in Confluent's framing, with a registry that is a small real server."""

import io
import json
from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any
from urllib.parse import urlsplit

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.events.formats.converter import PlainEvent
from pipeline.events.formats.framed import MOST_ABSENT
from pipeline.events.reader import EventReader
from pipeline.history.history import Stretch
from pipeline.sniff.proposal import proposed
from pipeline.sniff.sample import Sample
from schemas.errors import BrokerError
from schemas.event import Refusal
from tests.pipeline.events import START_MS, encode, event
from tests.pipeline.registry import Registry, framed, reader_of
from tests.pipeline.test_complaints import Clock

fastavro = pytest.importorskip("fastavro", reason="needs fastavro: pip install 'driftline[avro]'")

FORM = "confluent-avro"
FEATURES = {
    "type": "record",
    "name": "Features",
    "fields": [
        {"name": "income", "type": ["null", "double"]},
        {"name": "price", "type": {"type": "bytes", "logicalType": "decimal", "precision": 6, "scale": 2}},
        {"name": "grade", "type": {"type": "enum", "name": "Grade", "symbols": ["A", "B"]}},
        {"name": "hash", "type": "bytes"},
    ],
}
SCHEMA = {
    "type": "record",
    "name": "Event",
    "fields": [
        {"name": "ts", "type": {"type": "long", "logicalType": "timestamp-millis"}},
        {"name": "model", "type": "string"},
        {"name": "features", "type": FEATURES},
        {"name": "prediction", "type": "float"},
    ],
}
TIME = datetime(2026, 1, 1, tzinfo=UTC)
RECORD = {
    "ts": TIME,
    "model": "loan",
    "features": {"income": 1.5, "price": Decimal("12.50"), "grade": "B", "hash": b"\x00\xff"},
    "prediction": 0.5,
}
PLAIN = {
    "ts": 1_767_225_600_000,
    "model": "loan",
    "features": {"income": 1.5, "price": 12.5, "grade": "B", "hash": "00ff"},
    "prediction": 0.5,
}
HELD = {
    7: {"schema": json.dumps(SCHEMA)},
    8: {"schema": '"long"'},
    9: {"schema": "syntax = 'proto3'", "schemaType": "PROTOBUF"},
    10: {"schema": json.dumps(SCHEMA), "references": [{"name": "x", "subject": "x", "version": 1}]},
    11: {"schema": '{"type": "record", "name": "E", "fields": [{"name": "x", "type": "nothing"}]}'},
    12: {"schema": '{"type": "enum", "name": "E", "symbols": ["A"]}'},
    14: {"schema": '{"type": "enum", "name": "bank.Grade", "symbols": ["A", "B"]}'},
    15: {
        "schema": json.dumps(
            {
                "type": "record",
                "name": "bank.Graded",
                "fields": [{"name": "features", "type": {"type": "map", "values": "bank.Grade"}}],
            }
        ),
        "references": [{"name": "bank.Grade", "subject": "grades", "version": 2}],
    },
}


@pytest.fixture(scope="module")
def registry() -> Iterator[Registry]:
    with Registry(HELD, {"grades/versions/2": 14}) as running:
        yield running


def body(record: dict[str, Any] = RECORD) -> bytes:
    out = io.BytesIO()
    fastavro.schemaless_writer(out, fastavro.parse_schema(SCHEMA), record)
    return out.getvalue()


def test_a_record_becomes_a_plain_event_and_its_schema_is_asked_for_once(registry: Registry) -> None:
    registry.asked.clear()
    reader = registry.reader(FORM)
    for _ in range(2):
        events = reader.read([framed(body()), framed(body({**RECORD, "model": "fraud"}))])
        assert events.documents == [PLAIN, {**PLAIN, "model": "fraud"}]
        assert events.times_ms.tolist() == [PLAIN["ts"]] * 2
    assert registry.asked == ["/schemas/ids/7?format=serialized"]


def test_a_schema_may_refer_to_others(registry: Registry) -> None:
    events = registry.reader(FORM).read([framed(b"\x02\x02g\x02\x00", 15)])
    assert events.refusals == {0: Refusal.NO_TIMESTAMP}, "it was read, and holds nothing else"


def test_golden_bytes() -> None:
    assert framed(body()).hex() == (
        "0000000007" + "80a0d5edee66" + "086c6f616e" + "02000000000000f83f" + "0404e2" + "02" + "0400ff" + "0000003f"
    )


def test_what_is_not_framed_so_is_refused_and_nothing_else(registry: Registry) -> None:
    good = framed(body())
    bad = [
        b"", None, b"\x00\x00", b"\x01" + good[1:], encode(event(1, START_MS)), good[:-1], good + b"x",
        *(framed(body(), number) for number in (8, 9, 10, 11, 12, 13)),
    ]  # fmt: skip
    events = registry.reader(FORM).read([one for value in bad for one in (value, good)])
    assert events.refusals == dict.fromkeys(range(0, 2 * len(bad), 2), Refusal.BAD_FORM)
    assert events.rows.tolist() == [2 * i + 1 for i in range(len(bad))]


@pytest.mark.parametrize(
    ("path", "answer", "record"),
    [
        ("/schemas/ids/7", HELD[7], framed(body())),
        ("/subjects/grades/versions/2", {"id": 14}, framed(b"\x02\x02g\x02\x00", 15)),
    ],
    ids=["named", "referred to"],
)
def test_a_schema_that_comes_later_is_found(path: str, answer: Any, record: bytes) -> None:
    """It is asked for again after a minute, and so is one that another refers to."""
    clock = Clock()
    with Registry({number: schema for number, schema in HELD.items() if number != 7}) as registry:
        reader = registry.framed(FORM, clock)
        for clock.now_s, times in ((0.0, 1), (59.0, 1), (61.0, 2)):
            refusals: dict[int, Refusal] = {}
            assert reader.documents([record, record], refusals) == []
            assert refusals == dict.fromkeys(range(2), Refusal.BAD_FORM)
            assert sum(asked.startswith(path) for asked in registry.asked) == times
        registry.answers[path] = answer
        for clock.now_s, found in ((120.0, 0), (122.0, 1)):
            assert len(reader.documents([record], {})) == found


def test_of_what_the_registry_does_not_have_the_last_numbers_are_remembered() -> None:
    with Registry({}) as registry:
        reader = registry.framed(FORM, Clock())
        for number in (*range(MOST_ABSENT + 1), MOST_ABSENT, 1, 0):
            reader.documents([framed(b"", number)], {})
        asked = [int(urlsplit(path).path.rpartition("/")[2]) for path in registry.asked]
        assert asked == [*range(MOST_ABSENT + 1), 0]


@pytest.mark.parametrize("status", [400, 404, 410, 422])
def test_a_number_that_the_registry_does_not_like_is_refused(status: int) -> None:
    with Registry(HELD, absent=status) as registry:
        events = registry.reader(FORM).read([framed(body(), 1 << 31), framed(body())])
    assert events.refusals == {0: Refusal.BAD_FORM}
    assert len(events.rows) == 1


@pytest.mark.parametrize("status", [401, 403, 429])
def test_what_says_nothing_of_the_number_ends_the_worker(status: int) -> None:
    with Registry(HELD, absent=status) as registry, pytest.raises(BrokerError, match=f"HTTP {status}"):
        registry.reader(FORM).read([framed(body(), 13)])


def test_too_large_a_record_is_refused(registry: Registry) -> None:
    assert registry.reader(FORM).read([b"\x00" * 2_000_000]).refusals == {0: Refusal.TOO_LARGE}


def test_rows_of_tables_are_plain(registry: Registry) -> None:
    assert registry.reader(FORM).read([PlainEvent(encode(event(1, START_MS)))]).models == ["m"]


def test_a_sniffed_sample_is_read_through_the_registry(registry: Registry) -> None:
    sample = Sample("scores", [Stretch([framed(body())] * 30)])
    assert proposed(sample, {"registry": registry.url}).event == {"format": FORM, "registry": registry.url}


@pytest.fixture(scope="module")
def reader(registry: Registry) -> EventReader:
    return registry.reader(FORM)


@given(st.binary(max_size=60), st.integers(0, 60), st.integers(0, 12))
@settings(max_examples=300, deadline=None)
def test_any_bytes_are_an_event_or_refused(reader: EventReader, noise: bytes, at: int, length: int) -> None:
    good = body()
    events = reader.read([framed(good[:at] + noise + good[at + length :])])
    assert len(events.rows) + len(events.refusals) == 1


def test_a_registry_that_does_not_answer_ends_the_worker_and_refuses_nothing() -> None:
    with pytest.raises(
        BrokerError,
        match=r"the schema registry does not answer at http://127\.0\.0\.1:1/schemas/ids/7\?format=serialized: ",
    ):
        reader_of("http://127.0.0.1:1", FORM).read([framed(body())])
