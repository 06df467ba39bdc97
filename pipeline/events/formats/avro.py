"""Avro in the framing of Confluent's serializers: a byte 0, the schema's number as four bytes, most significant first, and
the record. The one importer of fastavro."""

import io
from collections.abc import Callable
from datetime import UTC, date, datetime
from decimal import Decimal
from struct import Struct
from typing import Any

from schemas.errors import ConfigError

_FRAME = Struct(">bI")


class AvroDecoder:
    """Decodes records by the schemas they name; `schema_of` gives a schema by its number. Raises ConfigError where
    fastavro is not installed."""

    def __init__(self, schema_of: Callable[[int], Any]) -> None:
        try:
            import fastavro
        except ImportError:
            raise ConfigError("event.format confluent-avro needs fastavro: pip install 'driftline[avro]'") from None
        self._avro = fastavro
        self._schema_of = schema_of
        self._parsed: dict[int, Any] = {}

    def decode(self, value: bytes) -> dict[str, Any]:
        """The record as JSON would have it. Raises ValueError, or what fastavro makes Python raise, for what is no such
        record; whatever `schema_of` raises for want of the registry."""
        if len(value) < _FRAME.size:
            raise ValueError("shorter than a frame")
        magic, number = _FRAME.unpack_from(value)
        if magic != 0:
            raise ValueError(f"a frame begins with byte 0, got {magic}")
        if number not in self._parsed:
            self._parsed[number] = self._parse(self._schema_of(number))
        body = io.BytesIO(value[_FRAME.size :])
        record = self._avro.schemaless_reader(body, self._parsed[number], None)
        if body.read(1):
            raise ValueError("bytes after the record")
        if not isinstance(record, dict):
            raise ValueError("the schema is not a record's")
        return {name: _plain(field) for name, field in record.items()}

    def _parse(self, schema: Any) -> Any:
        try:
            return self._avro.parse_schema(schema)
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
