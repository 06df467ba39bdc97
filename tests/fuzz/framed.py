"""Records framed for a schema registry: payloads of a schema, and schemas."""

import base64
from random import Random
from typing import Any

from pipeline.events.formats.avro import Avro
from pipeline.events.formats.converter import FAULTS
from pipeline.events.formats.framed import Language
from pipeline.events.formats.protobuf import Protobuf
from pipeline.events.reader import EventReader
from pipeline.events.schema_registry import Referred, Schema
from schemas.config import Config
from schemas.event_config import FRAMED_JSON
from tests.fuzz.decoder import Decoder, same
from tests.fuzz.events import changed_event
from tests.fuzz.mutation import mutated, noise
from tests.pipeline.events import encode
from tests.pipeline.loan_messages import GRADES, LOAN, message_of, serialized
from tests.pipeline.registry import framed
from tests.pipeline.test_avro import SCHEMA as AVRO_SCHEMA
from tests.pipeline.test_avro import body as avro_body
from tests.pipeline.test_protobuf import SENT, common_file, common_message

_GRADES = [Referred("bank/grades.proto", Schema("PROTOBUF", serialized(GRADES)))]
_PROTOBUF, _AVRO = Protobuf(), Avro()
_READ_LOAN = _PROTOBUF.reader(Schema("PROTOBUF", serialized(LOAN)), _GRADES)
_READ_COMMON = _PROTOBUF.reader(Schema("PROTOBUF", serialized(common_file())), ())
_MESSAGES = (message_of(SENT), message_of({**SENT, "features": {}}))
_JSON = EventReader(Config.from_mapping({"event": {"format": FRAMED_JSON}, "limits": {"event_bytes": 20_000}}))
_PLAIN = (dict, list, str, int, float, bool, type(None))


def _loan(random: Random) -> bytes:
    return mutated(random, random.choice(_MESSAGES), _MESSAGES) if random.random() < 0.9 else noise(random)


def _common(random: Random) -> bytes:
    message = common_message()
    return mutated(random, message, [message])


def _read_loan(payload: bytes) -> int:
    return _read(_PROTOBUF, _READ_LOAN, payload)


def _read_common(payload: bytes) -> int:
    return _read(_PROTOBUF, _READ_COMMON, payload)


def _read(language: Language, read: Any, payload: bytes) -> int:
    """What is read holds nothing but what JSON has."""
    try:
        document = read(payload)
    except (*FAULTS, *language.faults):
        return 0
    waiting = [document]
    while waiting:
        value = waiting.pop()
        if type(value) not in _PLAIN:
            raise AssertionError(f"{value!r} is not plain")
        waiting += value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return 1


def _descriptor(random: Random) -> bytes:
    """Half of them are well formed, and say something else of a field: of bytes that are changed anywhere few are schemas."""
    file = LOAN.SerializeToString()
    if random.random() < 0.5:
        return mutated(random, file, [file, GRADES.SerializeToString()])
    changed = type(LOAN)()
    changed.CopyFrom(LOAN)
    outer = changed.message_type[0]
    message = random.choice([m for m in (outer, *outer.nested_type) if m.field])
    field = random.choice(message.field)
    kind = random.randrange(5)
    if kind == 0:
        field.type = random.randint(1, 18)
    elif kind == 1:
        field.label = random.randint(1, 3)
    elif kind == 2:
        field.number = random.choice((0, 1, 15, 19_000, (1 << 29) - 1, random.choice(message.field).number))
    elif kind == 3:
        field.name = random.choice((random.choice(message.field).name, "", "x", "é"))
    else:
        message.field.remove(field)
    found: bytes = changed.SerializeToString()
    return found


def _read_by_descriptor(file: bytes) -> int:
    """A registry may hold anything; a message is read by it, or the schema refused."""
    try:
        read = _PROTOBUF.reader(Schema("PROTOBUF", base64.b64encode(file).decode()), _GRADES)
    except (*FAULTS, *_PROTOBUF.faults):
        return 0
    return _read(_PROTOBUF, read, _MESSAGES[0])


def _avro(random: Random) -> bytes:
    record = avro_body()
    return mutated(random, record, [record])


def _read_avro(payload: bytes) -> int:
    return _read(_AVRO, _READ_AVRO, payload)


def _framed_json(random: Random) -> bytes:
    value = framed(changed_event(random) or b"")
    return mutated(random, value, [value]) if random.random() < 0.3 else value


def _read_json(value: bytes) -> int:
    events = _JSON.read([value])
    same(len(events.rows) + len(events.refusals), 1, "records read or refused")
    return len(events.rows)


_READ_AVRO = _AVRO.reader(Schema("AVRO", encode(AVRO_SCHEMA).decode()), ())

DECODERS = (
    Decoder("protobuf", 300, _loan, _read_loan),
    Decoder("protobuf, common", 200, _common, _read_common),
    Decoder("protobuf schema", 100, _descriptor, _read_by_descriptor),
    Decoder("avro", 200, _avro, _read_avro),
    Decoder("framed json", 200, _framed_json, _read_json),
)
