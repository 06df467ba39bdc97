"""Messages of Protobuf as plain documents. For each type a function is made once, of what its descriptor says."""

from collections.abc import Callable, Iterable
from decimal import Decimal
from operator import attrgetter
from typing import Any

Plain = Callable[[Any], Any]

_MOST_DIGITS_BYTES = 64
_WRAPPERS = ("Double", "Float", "Int64", "UInt64", "Int32", "UInt32", "Bool", "String")


class PlainMaker:
    """Makes the functions, one for each type of message."""

    def __init__(self) -> None:
        self._made: dict[str, Plain] = {}

    def of(self, descriptor: Any) -> Plain:
        """What makes a plain document of a message of this type: fields by their names, enums by theirs, bytes in
        hexadecimal, times and durations in milliseconds. A field that has no presence is always there, at its default
        where it was not sent; one that has, only where it was. O(fields) for each message."""
        name = descriptor.full_name
        if name in _KNOWN:
            return _KNOWN[name]
        if name not in self._made:
            made = self._made
            self._made[name] = lambda message: made[name](message)  # a type may hold itself
            self._made[name] = self._document(descriptor.fields)
        return self._made[name]

    def _document(self, fields: Iterable[Any]) -> Plain:
        bare: list[str] = []
        always: list[tuple[str, Plain]] = []
        present: list[tuple[str, Plain]] = []
        for field in fields:
            convert = self._value(field)
            if field.has_presence:
                present.append((field.name, convert))
            elif convert is _same:
                bare.append(field.name)
            else:
                always.append((field.name, convert))
        bare_of = _values(bare)

        def document(message: Any) -> dict[str, Any]:
            plain = bare_of(message)
            for name, convert in always:
                plain[name] = convert(getattr(message, name))
            for name, convert in present:
                if message.HasField(name):
                    plain[name] = convert(getattr(message, name))
            return plain

        return document

    def _value(self, field: Any) -> Plain:
        if not field.is_repeated:
            return self._one(field)
        if field.message_type is not None and field.message_type.GetOptions().map_entry:
            return _map(self._one(field.message_type.fields_by_name["value"]))
        convert = self._one(field)
        return list if convert is _same else lambda values: [convert(value) for value in values]

    def _one(self, field: Any) -> Plain:
        if field.message_type is not None:
            return self.of(field.message_type)
        if field.enum_type is not None:
            names = {number: value.name for number, value in field.enum_type.values_by_number.items()}
            return lambda number: names.get(number) or str(number)
        return bytes.hex if field.type == field.TYPE_BYTES else _same


def _same(value: Any) -> Any:
    return value


def _values(names: list[str]) -> Callable[[Any], dict[str, Any]]:
    """What takes the fields of these names out of a message, all at once: most are numbers and texts as they are."""
    if len(names) < 2:
        return lambda message: {name: getattr(message, name) for name in names}
    values = attrgetter(*names)
    return lambda message: dict(zip(names, values(message), strict=True))


def _map(convert: Plain) -> Plain:
    return lambda entries: {str(key): convert(value) for key, value in entries.items()}


def _timestamp_ms(message: Any) -> int:
    milliseconds: int = message.seconds * 1000 + message.nanos // 1_000_000
    return milliseconds


def _duration_ms(message: Any) -> float:
    milliseconds: float = message.seconds * 1000 + message.nanos / 1_000_000
    return milliseconds


def _decimal(message: Any) -> float:
    if len(message.value) > _MOST_DIGITS_BYTES:
        raise ValueError(f"a decimal has at most {_MOST_DIGITS_BYTES} bytes, got {len(message.value)}")
    return float(Decimal(int.from_bytes(message.value, "big", signed=True)).scaleb(-message.scale))


def _struct(message: Any) -> dict[str, Any]:
    return {name: _any(value) for name, value in message.fields.items()}


def _list(message: Any) -> list[Any]:
    return [_any(value) for value in message.values]


def _any(message: Any) -> Any:
    """A value of any JSON type."""
    kind = message.WhichOneof("kind")
    if kind in (None, "null_value"):
        return None
    value = getattr(message, kind)
    return _struct(value) if kind == "struct_value" else _list(value) if kind == "list_value" else value


_KNOWN: dict[str, Plain] = {
    "google.protobuf.Timestamp": _timestamp_ms,
    "google.protobuf.Duration": _duration_ms,
    "google.protobuf.Struct": _struct,
    "google.protobuf.ListValue": _list,
    "google.protobuf.Value": _any,
    "google.protobuf.BytesValue": lambda message: message.value.hex(),
    **{f"google.protobuf.{name}Value": attrgetter("value") for name in _WRAPPERS},
    "confluent.type.Decimal": _decimal,
}
