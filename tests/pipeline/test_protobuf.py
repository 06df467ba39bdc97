"""Protobuf in Confluent's framing, with a registry that is a small real server."""

import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from detectors.groups.wire import decode_group
from pipeline.events.formats.converter import PlainEvent
from pipeline.events.formats.framed import FramedReader
from pipeline.events.reader import EventReader
from pipeline.history.history import Stretch
from pipeline.ingest.partition import PartitionIngest
from pipeline.ingest.passage import Records
from pipeline.ingest.shared import Ingest
from pipeline.sniff.proposal import proposed
from pipeline.sniff.sample import Sample
from schemas.config import Config
from schemas.errors import BrokerError, InputError
from schemas.event import Refusal
from schemas.packet import SourcePartition
from tests.pipeline.events import START_MS, encode, event
from tests.pipeline.registry import Registry, framed, reader_of

pytest.importorskip("google.protobuf", reason="needs protobuf: pip install 'driftline[protobuf]'")

from google.protobuf import (
    descriptor_pb2,
    duration_pb2,
    json_format,
    struct_pb2,
    wrappers_pb2,
)  # behind the check that it is there

from tests.pipeline.loan_messages import GRADES, LOAN, held, message_of

FORM, JSON_FORM = "confluent-protobuf", "confluent-json"
BROKEN = descriptor_pb2.FileDescriptorProto(name="x.proto", syntax="proto3", dependency=["not/there.proto"])
HELD = {
    7: held(LOAN, ("bank/grades.proto", "bank grades", 2)),
    8: held(GRADES),
    9: {"schema": '"long"'},
    10: held(LOAN, ("bank/grades.proto", "nowhere", 1)),
    11: held(LOAN),
    12: held(BROKEN),
    13: {"schema": "bm8gZmlsZQ==", "schemaType": "PROTOBUF"},
    14: held(LOAN, ("bank/grades.proto", "itself", 1)),
}
VERSIONS = {"bank grades/versions/2": 8, "itself/versions/1": 14}
PLAIN = {
    "ts": 1_767_225_600_123,
    "model": "loan",
    "version": "",
    "features": {
        "income": 1.5, "debts": 1 << 60, "grade": "B", "returning": True, "employer": "x", "hash": "00ff", "scores": [],
        "grades": [],
    },
    "prediction": 0.5,
    "tags": {"country": "DE"},
}  # fmt: skip
SENT = {
    **PLAIN,
    "features": {k: v for k, v in PLAIN["features"].items() if not isinstance(v, list)} | {"hash": b"\x00\xff"},
}  # type: ignore[attr-defined]  # a literal of several types


@pytest.fixture(scope="module")
def registry() -> Iterator[Registry]:
    with Registry(HELD, VERSIONS) as running:
        yield running


def one(registry: Registry, payload: bytes, number: int = 7) -> Any:
    [document] = registry.reader(FORM).read([framed(payload, number)]).documents
    return document


def test_a_message_becomes_a_plain_event_and_each_schema_is_asked_for_once(registry: Registry) -> None:
    registry.asked.clear()
    reader = registry.reader(FORM)
    for _ in range(2):
        events = reader.read([framed(message_of(SENT)), framed(message_of({**SENT, "model": "fraud"}))])
        assert events.documents == [PLAIN, {**PLAIN, "model": "fraud"}]
        assert events.times_ms.tolist() == [PLAIN["ts"]] * 2
    assert registry.asked == [
        "/schemas/ids/7?format=serialized", "/subjects/bank%20grades/versions/2?deleted=true", "/schemas/ids/8?format=serialized"
    ]  # fmt: skip


def test_golden_bytes(registry: Registry) -> None:
    golden = (
        "040200"
        + "0a0b0880f2d6ca0610c0a9d33a"
        + "12046c6f616e"
        + "2211"
        + "09000000000000f83f"
        + "10808001"
        + "1802"
        + "2001"
    )
    assert one(registry, bytes.fromhex(golden)) == {
        "ts": 1_767_225_600_123, "model": "loan", "version": "", "prediction": 0.0, "tags": {},
        "features": {
            "income": 1.5, "debts": 16_384, "grade": "B", "returning": True, "hash": "", "scores": [], "grades": []
        },
    }  # fmt: skip


def test_what_has_no_presence_is_at_its_default_and_what_has_is_missing(registry: Registry) -> None:
    document = one(registry, message_of({"ts": START_MS, "model": "loan", "features": {}}))
    assert document["features"] == {
        "income": 0.0, "debts": 0, "grade": "UNKNOWN", "returning": False, "hash": "", "scores": [], "grades": []
    }  # fmt: skip
    assert document["prediction"] == 0.0
    assert (
        "employer"
        in one(registry, message_of({"ts": START_MS, "model": "m", "features": {"employer": ""}}))["features"]
    )
    assert "features" not in one_unchecked(registry, message_of({"ts": START_MS, "model": "loan"}))


def one_unchecked(registry: Registry, payload: bytes) -> Any:
    """The document, where it is no event."""
    config = Config.from_mapping({"event": {"format": FORM, "registry": registry.url}})
    [document] = FramedReader(config).documents([framed(payload)], {})
    return document


def test_an_enum_that_the_schema_does_not_know_is_its_number_as_text(registry: Registry) -> None:
    assert (
        one(registry, message_of({"ts": START_MS, "model": "m", "features": {"grade": 9}}))["features"]["grade"] == "9"
    )


def test_the_first_message_of_a_file_has_an_index_of_one_byte(registry: Registry) -> None:
    assert one_unchecked(registry, b"\x00\x08\x05") == {"x": 5}
    assert one_unchecked(registry, b"\x02\x00\x08\x05") == {"x": 5}


def common_file() -> Any:
    """A message of what comes with every compiler, and of Confluent's decimal."""
    file = descriptor_pb2.FileDescriptorProto(name="e.proto", syntax="proto3")
    file.dependency.extend(f"google/protobuf/{name}.proto" for name in ("struct", "wrappers", "duration"))
    file.dependency.append("confluent/type/decimal.proto")
    types = (
        "google.protobuf.Struct",
        "google.protobuf.DoubleValue",
        "google.protobuf.Duration",
        "confluent.type.Decimal",
    )
    message = file.message_type.add(name="E")
    for number, (name, kind) in enumerate(
        zip(("any", "wrapped", "took", "price", "next"), (*types, "E"), strict=True), 1
    ):
        message.field.add(name=name, number=number, type="TYPE_MESSAGE", type_name=f".{kind}", label="LABEL_OPTIONAL")
    return file


def test_what_everybody_imports_needs_no_reference() -> None:
    with Registry({7: held(common_file())}) as registry:
        assert one_unchecked(registry, common_message()) == {
            "any": {"a": [1.0, None, {"b": "x"}]}, "wrapped": 2.5, "took": 1001.5, "price": -12.5, "next": {"wrapped": 0.0},
        }  # fmt: skip


def common_message() -> bytes:
    fields = (
        struct_pb2.Struct(fields={"a": json_format.ParseDict([1, None, {"b": "x"}], struct_pb2.Value())}),
        wrappers_pb2.DoubleValue(value=2.5),
        duration_pb2.Duration(seconds=1, nanos=1_500_000),
    )
    parts = [bytes(field.SerializeToString()) for field in fields]
    parts += [b"\x0a\x02\xfb\x1e\x10\x04\x18\x02", b"\x12\x00"]  # -1250 with two decimals; an empty wrapper
    return b"\0" + b"".join(bytes([number << 3 | 2, len(part)]) + part for number, part in enumerate(parts, 1))


def test_what_is_no_such_message_is_refused_and_nothing_else(registry: Registry) -> None:
    payload = message_of(SENT)
    good = framed(payload)
    bad = [
        b"", None, b"\x00\x00", b"\x01" + good[1:], encode(event(1, START_MS)), good[:-1], framed(b""), framed(b"\x04\x02"),
        framed(b"\x03\x02\x00" + payload[3:]), framed(b"\x04\x02\x02" + payload[3:]), framed(b"\x04\x01\x00" + payload[3:]),
        framed(b"\xff" * 9), framed(b"\x00\xff"), *(framed(payload, number) for number in range(8, 16)),
    ]  # fmt: skip
    events = registry.reader(FORM).read([one for value in bad for one in (value, good)])
    assert events.refusals == dict.fromkeys(range(0, 2 * len(bad), 2), Refusal.BAD_FORM)
    assert events.rows.tolist() == [2 * i + 1 for i in range(len(bad))]


def test_a_registry_that_has_the_text_alone_ends_the_worker() -> None:
    with (
        Registry({7: {"schema": 'syntax = "proto3"; message E {}', "schemaType": "PROTOBUF"}}) as registry,
        pytest.raises(
            BrokerError, match="gives Protobuf schemas as text only; it has to be one that answers to format="
        ),
    ):
        registry.reader(FORM).read([framed(b"\x00")])


def test_a_registry_that_does_not_answer_ends_the_worker_and_refuses_nothing() -> None:
    with pytest.raises(BrokerError, match="the schema registry does not answer at"):
        reader_of("http://127.0.0.1:1", FORM).read([framed(message_of(SENT))])


@pytest.fixture(scope="module")
def reader(registry: Registry) -> EventReader:
    return registry.reader(FORM)


@given(st.binary(max_size=60), st.integers(0, 80), st.integers(0, 12), st.sampled_from([7, 7, 7, 12, 14]))
@settings(max_examples=300, deadline=None)
def test_any_bytes_are_an_event_or_refused(
    reader: EventReader, noise: bytes, at: int, length: int, number: int
) -> None:
    good = message_of(SENT)
    events = reader.read([framed(good[:at] + noise + good[at + length :], number)])
    assert len(events.rows) + len(events.refusals) == 1


# JSON in the same frame.


def test_json_in_a_frame_is_read_without_a_registry() -> None:
    document = event(1, START_MS)
    reader = reader_of("", JSON_FORM)
    assert reader.read([framed(encode(document)), PlainEvent(encode(document))]).documents == [document] * 2


def test_what_is_no_json_in_a_frame_is_refused_by_its_kind() -> None:
    good = framed(encode(event(1, START_MS)))
    bad = {
        b"": Refusal.BAD_FORM,
        None: Refusal.BAD_FORM,
        b"\x00\x00": Refusal.BAD_FORM,
        b"\x01" + good[1:]: Refusal.BAD_FORM,
        encode(event(1, START_MS)): Refusal.BAD_FORM,
        framed(b""): Refusal.INVALID_JSON,
        framed(b"{"): Refusal.INVALID_JSON,
        framed(b"[1]"): Refusal.NOT_AN_OBJECT,
        framed(b" " * 2_000_000): Refusal.TOO_LARGE,
    }
    events = reader_of("", JSON_FORM).read([one for value in bad for one in (value, good)])
    assert events.refusals == dict(zip(range(0, 2 * len(bad), 2), bad.values(), strict=True))
    assert events.rows.tolist() == [2 * i + 1 for i in range(len(bad))]


# The same events make the same profiles, whatever carries them.


def profiles(values: list[bytes], section: dict[str, Any]) -> list[bytes]:
    config = Config.from_mapping({"event": section, "window": {"length": "10s", "allowed_lateness": "1s"}})
    ingest = PartitionIngest(Ingest(config), SourcePartition("events", 0), "id", 0)
    at = np.arange(len(values))
    fed = ingest.feed(Records(at, START_MS + at * 500, values))
    assert fed.profiled == len(values)
    return [packet.payload for emission in fed.emissions for packet in emission.packets]


def test_the_same_events_make_the_same_profiles_as_plain_json(registry: Registry) -> None:
    documents = [
        {
            "ts": START_MS + i * 500, "model": "loan", "version": "7", "prediction": i % 5 / 4, "tags": {},
            "features": {
                "income": i * 1.5, "debts": i % 3, "grade": "UAB"[i % 3] if i % 3 else "UNKNOWN", "returning": i % 2 == 0,
                **({"employer": f"e{i % 4}"} if i % 7 else {}),
            },
        }
        for i in range(100)
    ]  # fmt: skip
    # What a message has beside these, at its default.
    whole = [
        {**document, "features": {**document["features"], "hash": "", "scores": [], "grades": []}}  # type: ignore[dict-item]  # a literal of several types
        for document in documents
    ]
    plain = profiles([encode(document) for document in whole], {})
    assert decode_group(plain[0]).count == 20
    framed_json = profiles([framed(encode(document)) for document in whole], {"format": JSON_FORM})
    messages = [framed(message_of(document)) for document in documents]
    assert framed_json == plain
    assert profiles(messages, {"format": FORM, "registry": registry.url}) == plain


# Sniffing.


def sample(value: bytes) -> Sample:
    return Sample("scores", [Stretch([value] * 30)])


def test_a_sniffed_sample_is_told_by_what_the_registry_says_of_its_schema(registry: Registry) -> None:
    found = proposed(sample(framed(message_of(SENT))), {"registry": registry.url}).event
    assert (found["format"], found["registry"]) == (FORM, registry.url)


def test_a_sniffed_sample_of_framed_json_needs_no_registry() -> None:
    assert proposed(sample(framed(encode(event(1, START_MS))))).event == {"format": JSON_FORM}


def test_a_sniffed_sample_that_needs_a_registry_says_so(registry: Registry) -> None:
    with pytest.raises(InputError, match=r"put event: \{registry: http://host:port\} into the configuration"):
        proposed(sample(framed(message_of(SENT))))
    with pytest.raises(InputError, match="the schema registry has none of the schemas that records are framed with"):
        proposed(sample(framed(message_of(SENT), 99)), {"registry": registry.url})


@pytest.mark.parametrize(
    ("form", "module", "extra"),
    [("confluent-protobuf", "google.protobuf", "protobuf"), ("confluent-avro", "fastavro", "avro")],
)
def test_check_says_what_to_install(form: str, module: str, extra: str, tmp_path: Any) -> None:
    (tmp_path / "driftline.yaml").write_text(f"event: {{format: {form}, registry: http://127.0.0.1:1}}\n")
    without = f"import sys; sys.modules[{module!r}] = None; from pipeline.cli import main; main(sys.argv[1:])"
    done = subprocess.run(
        [sys.executable, "-c", without, "check", "-c", tmp_path / "driftline.yaml"],
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert done.returncode == 1
    assert f"event.format {form} needs {module.split('.')[-1]}: pip install 'driftline[{extra}]'" in done.stderr
    assert "Traceback" not in done.stderr
