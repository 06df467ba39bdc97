"""The framing of Confluent's serializers: a byte 0, the schema's number as four bytes, most significant first, and the
payload."""

from collections.abc import Sequence
from struct import Struct
from typing import Any, NamedTuple

from pipeline.events.formats.converter import PlainEvent
from schemas import codec

FRAME = Struct(">bI")


class Framed(NamedTuple):
    """A record taken out of its frame."""

    number: int
    payload: bytes


def unframed(value: bytes) -> Framed:
    """Raises ValueError where there is no frame."""
    if len(value) < FRAME.size:
        raise ValueError("shorter than a frame")
    magic, number = FRAME.unpack_from(value)
    if magic != 0:
        raise ValueError(f"a frame begins with byte 0, got {magic}")
    return Framed(number, value[FRAME.size :])


def payloads(values: Sequence[bytes | None]) -> tuple[list[bytes | None], list[int]]:
    """What the frames hold, None where there is no frame; and the rows of those. Plain events are as they were. The
    schema's number is passed over: JSON is read without a schema. O(bytes)."""
    held: list[bytes | None] = []
    bad: list[int] = []
    for row, value in enumerate(values):
        if isinstance(value, PlainEvent):
            held.append(value)
        elif value is not None and len(value) >= FRAME.size and value[0] == 0:
            held.append(value[FRAME.size :])
        else:
            held.append(None)
            bad.append(row)
    return held, bad


def framed_object(value: bytes) -> dict[str, Any] | None:
    """The JSON object in a frame; None where there is none."""
    try:
        document = codec.loads_lenient(unframed(value).payload)
    except (ValueError, RecursionError):
        return None
    return document if isinstance(document, dict) else None
