"""A schema in Protobuf, and messages of it, as a bank might have them."""

import base64
from functools import cache
from typing import Any

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory, timestamp_pb2

Field = descriptor_pb2.FieldDescriptorProto

GRADES = descriptor_pb2.FileDescriptorProto(name="bank/grades.proto", package="bank", syntax="proto3")
GRADE = GRADES.enum_type.add(name="Grade")
for number, letter in enumerate(("UNKNOWN", "A", "B")):
    GRADE.value.add(name=letter, number=number)


def _with(message: Any, *fields: tuple[str, int, str | Any]) -> Any:
    """Adds fields: of a type of protobuf, or of a type that begins with a dot; a `?` behind it is for `optional`, a `*`
    for `repeated`."""
    for name, number, kind in fields:
        bare = kind.rstrip("?*")
        label = Field.LABEL_REPEATED if kind.endswith("*") else Field.LABEL_OPTIONAL
        field = message.field.add(name=name, number=number, label=label)
        if bare.startswith("."):
            field.type_name, field.type = bare, Field.TYPE_ENUM if bare == ".bank.Grade" else Field.TYPE_MESSAGE
        else:
            field.type = Field.Type.Value(f"TYPE_{bare.upper()}")
        if kind.endswith("?"):
            message.oneof_decl.add(name=f"_{name}")
            field.proto3_optional, field.oneof_index = True, len(message.oneof_decl) - 1
    return message


def _loan() -> Any:
    file = descriptor_pb2.FileDescriptorProto(name="loan.proto", package="bank", syntax="proto3")
    file.dependency.extend(["google/protobuf/timestamp.proto", "confluent/meta.proto", "bank/grades.proto"])
    _with(file.message_type.add(name="Other"), ("x", 1, "int32"))
    outer = file.message_type.add(name="Outer")
    event = _with(
        outer.nested_type.add(name="Event"),
        ("ts", 1, ".google.protobuf.Timestamp"),
        ("model", 2, "string"),
        ("version", 3, "string"),
        ("features", 4, ".bank.Features"),
        ("prediction", 5, "double"),
        ("tags", 6, ".bank.Outer.Event.TagsEntry*"),
    )
    entry = _with(event.nested_type.add(name="TagsEntry"), ("key", 1, "string"), ("value", 2, "string"))
    entry.options.map_entry = True
    _with(
        file.message_type.add(name="Features"),
        ("income", 1, "double"),
        ("debts", 2, "int64"),
        ("grade", 3, ".bank.Grade"),
        ("returning", 4, "bool"),
        ("employer", 5, "string?"),
        ("hash", 6, "bytes"),
        ("scores", 7, "float*"),
        ("grades", 8, ".bank.Grade*"),
    )
    return file


LOAN = _loan()
INDEXES = b"\x04\x02\x00"  # two of them: 1 and 0, in zigzag


@cache
def class_of() -> Any:
    """The class of `bank.Outer.Event`."""
    pool = descriptor_pool.DescriptorPool()
    file = descriptor_pb2.FileDescriptorProto.FromString(LOAN.SerializeToString())
    file.dependency.remove("confluent/meta.proto")
    pool.AddSerializedFile(timestamp_pb2.DESCRIPTOR.serialized_pb)
    pool.AddSerializedFile(GRADES.SerializeToString())
    pool.AddSerializedFile(file.SerializeToString())
    return message_factory.GetMessageClass(pool.FindMessageTypeByName("bank.Outer.Event"))


def serialized(file: Any) -> str:
    """A file as a registry gives it."""
    return base64.b64encode(file.SerializeToString()).decode()


def held(file: Any, *references: tuple[str, str, int]) -> dict[str, Any]:
    """The registry's answer."""
    named = [dict(zip(("name", "subject", "version"), one, strict=True)) for one in references]
    return {"schema": serialized(file), "schemaType": "PROTOBUF", **({"references": named} if named else {})}


def message_of(document: dict[str, Any]) -> bytes:
    """A plain event as a message, behind its indexes."""
    message = class_of()()
    message.ts.FromMilliseconds(document["ts"])
    for name, value in document.items():
        if name == "features":
            message.features.SetInParent()
            for key, one in value.items():
                grade = key == "grade" and isinstance(one, str)
                setattr(message.features, key, GRADE_NUMBERS[one] if grade else one)
        elif name == "tags":
            message.tags.update(value)
        elif name != "ts":
            setattr(message, name, value)
    return INDEXES + bytes(message.SerializeToString())


GRADE_NUMBERS = {value.name: value.number for value in GRADE.value}
