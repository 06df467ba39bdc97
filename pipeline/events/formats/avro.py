"""Avro in Confluent's framing. The one importer of fastavro."""

import io
import struct
from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

from pipeline.events.schema_registry import Referred, Schema
from schemas import codec
from schemas.errors import ConfigError


class Avro:
    """Reads records by Avro schemas. Raises ConfigError where fastavro is not installed."""

    kind = "AVRO"
    faults: tuple[type[Exception], ...] = (EOFError, struct.error)

    def __init__(self) -> None:
        try:
            import fastavro
        except ImportError:
            raise ConfigError("event.format confluent-avro needs fastavro: pip install 'driftline[avro]'") from None
        self._avro = fastavro

    def reader(self, schema: Schema, others: Sequence[Referred]) -> Callable[[bytes], dict[str, Any]]:
        """What reads payloads of this schema, which refers to `others`. Raises ValueError where it is not a record's."""
        named: dict[str, Any] = {}
        for other in others:
            self._parse(other.schema, named)
        parsed = self._parse(schema, named)

        def read(payload: bytes) -> dict[str, Any]:
            body = io.BytesIO(payload)
            record = self._avro.schemaless_reader(body, parsed, None)
            if body.read(1):
                raise ValueError("bytes after the record")
            if not isinstance(record, dict):
                raise ValueError("the schema is not a record's")
            return {name: _plain(field) for name, field in record.items()}

        return read

    def _parse(self, schema: Schema, named: dict[str, Any]) -> Any:
        try:
            return self._avro.parse_schema(codec.decode(schema.text.encode()), named_schemas=named)
        except self._avro.schema.SchemaParseException as error:
            raise ValueError(f"not an Avro schema: {error}") from error


def _plain(value: Any) -> Any:
    """The value as JSON would have it: times in epoch milliseconds, decimals as numbers, bytes in hexadecimal."""
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, dict):
        return {name: _plain(inner) for name, inner in value.items()}
    if isinstance(value, list):
        return [_plain(inner) for inner in value]
    if isinstance(value, datetime):
        return int((value if value.tzinfo else value.replace(tzinfo=UTC)).timestamp() * 1000)
    if isinstance(value, Decimal):
        return float(value)
    if isinstance(value, bytes):
        return value.hex()
    return value.isoformat() if isinstance(value, date) else str(value)
