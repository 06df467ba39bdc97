"""Protobuf in Confluent's framing: before the message stand the indexes that say of which type of the schema it is. The
one importer of protobuf."""

import base64
import binascii
from collections.abc import Callable, Sequence
from typing import Any

from pipeline.events.formats.messages import Plain, PlainMaker
from pipeline.events.schema_registry import Referred, Schema
from schemas.errors import BrokerError, ConfigError

Indexes = tuple[int, ...]

_FIRST: Indexes = (0,)
_MOST_INDEXES = 100  # protobuf itself goes no deeper
_MOST_BITS = 35
# What Confluent's serializers import without a reference. Options alone use the one, and reading needs none; the other
# is spelled out here: field, number, type.
_UNUSED = "confluent/meta.proto"
_DECIMAL = "confluent/type/decimal.proto"
_DECIMAL_FIELDS = (("value", 1, "TYPE_BYTES"), ("precision", 2, "TYPE_UINT32"), ("scale", 3, "TYPE_INT32"))


class Protobuf:
    """Reads messages by the descriptors of their files. Raises ConfigError where protobuf is not installed."""

    kind = "PROTOBUF"

    def __init__(self) -> None:
        try:
            from google.protobuf import descriptor_pb2, descriptor_pool, message, message_factory
        except ImportError:
            raise ConfigError(
                "event.format confluent-protobuf needs protobuf: pip install 'driftline[protobuf]'"
            ) from None
        self._descriptors, self._factory = descriptor_pb2, message_factory
        self._new_pool = descriptor_pool.DescriptorPool
        self._well_known = _well_known()
        self.faults: tuple[type[Exception], ...] = (message.DecodeError,)

    def reader(self, schema: Schema, others: Sequence[Referred]) -> Callable[[bytes], dict[str, Any]]:
        """What reads payloads of this schema, which imports `others`. Raises ValueError where a file is none, or imports
        what the registry does not name; BrokerError where the registry gives no descriptors. A message is read by the first of the versions of a file that it imports."""
        files = {other.name: self._file(other.schema, other.name) for other in reversed(others)}
        own = self._file(schema, "the schema itself")
        pool = self._new_pool()
        added: set[str] = set()
        for file in (*(files[other.name] for other in others), own):
            self._add(pool, file, added)
        return _Messages(own, pool, self._factory.GetMessageClass).read

    def _file(self, schema: Schema, name: str) -> Any:
        file = self._descriptors.FileDescriptorProto.FromString(_descriptor(schema))
        file.name = name
        kept = [imported for imported in file.dependency if imported != _UNUSED]
        if len(kept) != len(file.dependency):
            public = [file.dependency[at] for at in file.public_dependency if file.dependency[at] != _UNUSED]
            del file.dependency[:], file.public_dependency[:], file.weak_dependency[:]
            file.dependency.extend(kept)
            file.public_dependency.extend(map(kept.index, public))
        return file

    def _add(self, pool: Any, file: Any, added: set[str]) -> None:
        """The file and those of everybody's that it imports."""
        if file.name in added:
            return
        added.add(file.name)
        for imported in file.dependency:
            if imported not in added and (common := self._common(imported)) is not None:
                self._add(pool, common, added)
        try:
            pool.AddSerializedFile(file.SerializeToString())
        except TypeError as error:
            raise ValueError(f"{file.name}: {error}") from error

    def _common(self, name: str) -> Any:
        """A file that comes without a reference, None where there is no such."""
        if name == _DECIMAL:
            return self._decimal()
        known = self._well_known.get(name)
        return None if known is None else self._descriptors.FileDescriptorProto.FromString(known)

    def _decimal(self) -> Any:
        file = self._descriptors.FileDescriptorProto(name=_DECIMAL, package="confluent.type", syntax="proto3")
        decimal = file.message_type.add(name="Decimal")
        for name, number, kind in _DECIMAL_FIELDS:
            decimal.field.add(name=name, number=number, type=kind, label="LABEL_OPTIONAL")
        return file


class _Messages:
    """Reads the messages of a file."""

    def __init__(self, file: Any, pool: Any, class_of: Callable[[Any], Any]) -> None:
        self._file, self._pool, self._class_of = file, pool, class_of
        self._maker = PlainMaker()
        self._types: dict[Indexes, tuple[Callable[[bytes], Any], Plain]] = {}

    def read(self, payload: bytes) -> dict[str, Any]:
        """The message as a plain document. Raises ValueError, or what protobuf does, for what is none. O(bytes)."""
        indexes, at = _indexes(payload)
        if indexes not in self._types:
            self._types[indexes] = self._type(indexes)
        parse, plain = self._types[indexes]
        document: dict[str, Any] = plain(parse(payload[at:]))
        return document

    def _type(self, indexes: Indexes) -> tuple[Callable[[bytes], Any], Plain]:
        names, held = [self._file.package] if self._file.package else [], self._file.message_type
        for index in indexes:
            if index >= len(held):
                raise ValueError(f"the schema has no message {list(indexes)}")
            names.append(held[index].name)
            held = [one for one in held[index].nested_type if not one.options.map_entry]
        descriptor = self._pool.FindMessageTypeByName(".".join(names))
        return self._class_of(descriptor).FromString, self._maker.of(descriptor)


def _descriptor(schema: Schema) -> bytes:
    try:
        return base64.b64decode(schema.text, validate=True)
    except binascii.Error:
        raise BrokerError(
            "the schema registry gives Protobuf schemas as text only; it has to be one that answers to format=serialized"
        ) from None


def _indexes(payload: bytes) -> tuple[Indexes, int]:
    """The path to the message's type, outermost first, and where the message begins. Raises ValueError for what is no
    path."""
    if payload[:1] == b"\0":
        return _FIRST, 1
    count, at = _number(payload, 0)
    if not 1 <= count <= _MOST_INDEXES:
        raise ValueError(f"a message has 1 to {_MOST_INDEXES} indexes, got {count}")
    indexes = []
    for _ in range(count):
        index, at = _number(payload, at)
        if index < 0:
            raise ValueError(f"an index is not negative, got {index}")
        indexes.append(index)
    return tuple(indexes), at


def _number(payload: bytes, at: int) -> tuple[int, int]:
    """A number in zigzag, seven bits a byte, and where the next begins."""
    bits = number = 0
    while bits < _MOST_BITS:
        if at >= len(payload):
            break
        byte = payload[at]
        number |= (byte & 127) << bits
        at, bits = at + 1, bits + 7
        if byte < 128:
            return number >> 1 ^ -(number & 1), at
    raise ValueError("a message's indexes are cut off")


def _well_known() -> dict[str, bytes]:
    """The files that every compiler of Protobuf brings along, by name."""
    from google.protobuf import (
        any_pb2,
        api_pb2,
        descriptor_pb2,
        duration_pb2,
        empty_pb2,
        field_mask_pb2,
        source_context_pb2,
        struct_pb2,
        timestamp_pb2,
        type_pb2,
        wrappers_pb2,
    )

    modules = (
        any_pb2, api_pb2, descriptor_pb2, duration_pb2, empty_pb2, field_mask_pb2, source_context_pb2, struct_pb2,
        timestamp_pb2, type_pb2, wrappers_pb2,
    )  # fmt: skip
    return {module.DESCRIPTOR.name: module.DESCRIPTOR.serialized_pb for module in modules}
