"""A decoded record as a form sees it, and the CloudEvent that it may be."""

import base64
from collections.abc import Mapping
from typing import Any, Literal, NamedTuple

from schemas import codec

Half = Literal["request", "response"]
Document = dict[str, Any]

_DATA = ("data", "data_base64")
_PREFIX = "ce_"


class Envelope(NamedTuple):
    """A record's document, its headers, and its time on the log, epoch milliseconds; None for a file's."""

    document: Mapping[str, Any]
    headers: Mapping[str, str] = {}
    record_ms: int | None = None


class CloudEvent(NamedTuple):
    """The attributes by their names, extensions among them, and the data. No attributes where it is none."""

    attributes: Mapping[str, Any]
    data: Any


def unwrapped(envelope: Envelope) -> CloudEvent:
    """The CloudEvent in a record, binary (attributes in headers) or structured (all in the document). Raises ValueError
    for data in base64 that are not JSON. CloudEvents 1.0, Kafka protocol binding."""
    document, headers = envelope.document, envelope.headers
    if f"{_PREFIX}specversion" in headers:
        attributes = {name[len(_PREFIX) :]: text for name, text in headers.items() if name.startswith(_PREFIX)}
        return CloudEvent(attributes, document)
    if "specversion" not in document:
        return CloudEvent({}, document)
    attributes = {name: value for name, value in document.items() if name not in _DATA}
    if "data_base64" in document:
        return CloudEvent(attributes, codec.loads_lenient(base64.b64decode(document["data_base64"], validate=True)))
    data = document.get("data")
    return CloudEvent(attributes, codec.loads_lenient(data.encode()) if isinstance(data, str) else data)


def time_of(attributes: Mapping[str, Any], envelope: Envelope) -> Any:
    """The event's own time, else the record's."""
    time = attributes.get("time")
    return envelope.record_ms if time is None else time


def half_of(kind: Any) -> Half | None:
    """Which half of a pair an event's type says it is: `...inference.request` or `...inference.response`."""
    last = str(kind).rsplit(".", 1)[-1]
    return "request" if last == "request" else "response" if last == "response" else None
