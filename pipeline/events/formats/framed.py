"""Records framed for a schema registry, decoded a batch at a time."""

import struct
from collections.abc import Mapping, Sequence
from typing import Any

from pipeline.events.formats.avro import AvroDecoder
from pipeline.events.formats.converter import FAULTS, PlainEvent
from pipeline.events.schema_registry import SchemaRegistry
from schemas import codec
from schemas.config import Config
from schemas.event import Refusal

_FAULTS = (*FAULTS, EOFError, struct.error)


class FramedReader:
    """Reads what `event.format: confluent-avro` names. Raises ConfigError where fastavro is not installed."""

    def __init__(self, config: Config) -> None:
        self._decoder = AvroDecoder(SchemaRegistry(config.event.registry, config.event.registry_access).schema)
        self._most_bytes = config.limits.event_bytes

    def documents(self, values: Sequence[bytes | None], refusals: dict[int, Refusal]) -> list[Mapping[str, Any]]:
        """The plain events of those that can be read, in order; why the others cannot is noted in `refusals`. Raises
        BrokerError where the registry does not answer."""
        documents: list[Mapping[str, Any]] = []
        for row, value in enumerate(values):
            if value is not None and len(value) > self._most_bytes:
                refusals[row] = Refusal.TOO_LARGE
                continue
            try:
                documents.append(self._document(value or b""))
            except _FAULTS:
                refusals[row] = Refusal.BAD_FORM
        return documents

    def _document(self, value: bytes) -> dict[str, Any]:
        if not isinstance(value, PlainEvent):
            return self._decoder.decode(value)
        plain: dict[str, Any] = codec.decode(bytes(value))
        return plain
