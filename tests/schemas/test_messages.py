"""The messages we send: round trips, golden bytes, and what is refused."""

import pytest
from jsonschema import Draft202012Validator  # type: ignore[import-untyped]  # it ships no types

from schemas import codec
from schemas.alert import Alert, AlertState, alert_id, incident_id
from schemas.errors import WireError
from schemas.export import schema_of
from schemas.group import Group, Segment
from schemas.packet import (
    Marker,
    Packet,
    PacketHeader,
    Sent,
    decode_message,
    encode_marker,
    encode_packet,
)
from schemas.verdict import State
from schemas.window import Cell, SignalRecord, WindowRecord

HEADER = {
    "topic": "events",
    "topic_id": "id",
    "partition": 3,
    "position": 1200,
    "watermark_ms": 1_700_000_000_000,
    "fingerprint": "00ff",
    "block_size": 1000,
}
PACKET = Packet(
    PacketHeader(
        **HEADER, ordinal=2, begin=1000, end=1199, window_start_ms=0, window_end_ms=10, model="m", version="1",
        segment=("tags.country", "DE"), fold=1, part=0, events=7,
    ),
    b"profiles",
)  # fmt: skip
MARKER = Marker(
    **HEADER,
    sources={"events": 4},
    generation=9,
    previous=(1000, -5),
    sent=(Sent(window_start_ms=0, packets=1, events=7),),
)
ALERT = Alert(
    id="a", incident="i", state=AlertState.FIRING, model="m", version="1", signal="x", onset_ms=0, start_ms=0, end_ms=10,
    summary="x: median 1 -> 2", baseline_events=100, window_events=50, cells=(Cell(label="< 1", reference=1, current=2),),
)  # fmt: skip
WINDOW = WindowRecord(
    model="m", version="1", segment=("tags.country", "DE"), start_ms=0, end_ms=10, events=7, state=State.OK,
    signals=(SignalRecord(name="x", state=State.OK, present=7, null=0, missing=0),),
)  # fmt: skip
GOLDEN_MARKER = (
    b'DL\x01M\x00\x00\x01\x17{"topic":"events","topic_id":"id","partition":3,"position":1200,"watermark_ms":1'
    b'700000000000,"fingerprint":"00ff","block_size":1000,"sources":{"events":4},"generation":'
    b'9,"previous":[1000,-5],"sent":[{"window_start_ms":0,"packets":1,"events":7}],"late":0,"r'
    b'efused":0,"excluded":0}\xe4*\x06\xd1'
)


def test_messages_come_back_as_they_were() -> None:
    assert decode_message(encode_packet(PACKET)) == PACKET
    assert decode_message(encode_marker(MARKER)) == MARKER


def test_the_wire_form_of_version_1_has_not_changed() -> None:
    assert encode_marker(MARKER) == GOLDEN_MARKER


@pytest.mark.parametrize("data", [encode_packet(PACKET), encode_marker(MARKER)], ids=["packet", "marker"])
def test_every_damaged_byte_is_seen(data: bytes) -> None:
    for i in range(len(data)):
        with pytest.raises(WireError):
            decode_message(data[:i])
        with pytest.raises(WireError):
            decode_message(data[:i] + bytes([data[i] ^ 0x41]) + data[i + 1 :])


def test_a_version_from_the_future_says_to_upgrade() -> None:
    data = bytearray(encode_marker(MARKER))
    data[2] = 9
    with pytest.raises(WireError, match=r"version 9 .* upgrade"):
        decode_message(bytes(data))


@pytest.mark.parametrize(
    ("name", "body"),
    [("alert.v3", ALERT.encode()), ("window.v2", WINDOW.encode()), ("marker.v1", MARKER.model_dump_json(exclude_none=True).encode()),
     ("packet.v1", PACKET.header.model_dump_json(exclude_none=True).encode())],
)  # fmt: skip
def test_what_is_sent_keeps_to_its_schema(name: str, body: bytes) -> None:
    schema = Draft202012Validator(schema_of(name))
    schema.validate(codec.decode(body))
    assert not schema.is_valid({**codec.decode(body), "surprise": 1})


def test_bodies_are_canonical() -> None:
    assert Alert.model_validate_json(ALERT.encode()).encode() == ALERT.encode()
    assert WindowRecord.model_validate_json(WINDOW.encode()).encode() == WINDOW.encode()


def test_ids_tell_groups_signals_and_onsets_apart() -> None:
    whole, part = Group("m", "1"), Group("m", "1", Segment("p", "v"))
    ids = {alert_id(g, s, t) for g in (whole, part) for s in ("x", "y") for t in (0, 1)}
    assert len(ids) == 8
    assert incident_id("m", 0) != incident_id("m", 1) != incident_id("n", 1)
    assert Group.from_key(part.key) == part
