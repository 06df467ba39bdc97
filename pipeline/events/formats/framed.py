"""Records framed for a schema registry, decoded a batch at a time by the schemas that they name."""

import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

from pipeline.events.formats.avro import Avro
from pipeline.events.formats.converter import FAULTS, PlainEvent
from pipeline.events.formats.frame import unframed
from pipeline.events.formats.protobuf import Protobuf
from pipeline.events.schema_registry import Referred, Schema, SchemaRegistry
from schemas import codec
from schemas.config import Config
from schemas.event import Refusal

Read = Callable[[bytes], dict[str, Any]]

_ASKED_AGAIN_S = 60.0
MOST_ABSENT = 1000
"""Of bytes that are no such record any four may stand where the number does."""


class Language(Protocol):
    """What schemas are written in."""

    kind: str
    """What the registry calls it."""

    faults: tuple[type[Exception], ...]
    """What a payload that is not of its schema makes Python raise, beside `FAULTS`."""

    def reader(self, schema: Schema, others: Sequence[Referred]) -> Read:
        """What reads payloads of a schema that refers to others. Raises ValueError for what is no such schema."""


LANGUAGES: Mapping[str, Callable[[], Language]] = {"confluent-avro": Avro, "confluent-protobuf": Protobuf}


class FramedReader:
    """Reads what `event.format` names, one of `LANGUAGES`. Raises ConfigError where its library is not installed."""

    def __init__(self, config: Config, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._language = LANGUAGES[config.event.format]()
        self._faults: tuple[type[Exception], ...] = (*FAULTS, *self._language.faults)
        self._registry = SchemaRegistry(config.event.registry, config.event.registry_access)
        self._readers: dict[int, Read | str] = {}
        self._absent: dict[int, float] = {}
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
            except self._faults:
                refusals[row] = Refusal.BAD_FORM
        return documents

    def _document(self, value: bytes) -> dict[str, Any]:
        if isinstance(value, PlainEvent):
            plain: dict[str, Any] = codec.decode(bytes(value))
            return plain
        number, payload = unframed(value)
        read = self._readers.get(number)
        if read is None:
            read = self._readers[number] = self._sought(number)
        if isinstance(read, str):
            raise ValueError(read)
        return read(payload)

    def _sought(self, number: int) -> Read | str:
        """As `_reader`. What the registry did not have it is asked for again after a minute: it may have come."""
        if self._clock() < self._absent.get(number, 0.0):
            raise ValueError(f"the registry had no schema {number}")
        self._absent.pop(number, None)
        try:
            return self._reader(number)
        except self._faults:
            if len(self._absent) == MOST_ABSENT:
                del self._absent[next(iter(self._absent))]
            self._absent[number] = self._clock() + _ASKED_AGAIN_S
            raise

    def _reader(self, number: int) -> Read | str:
        """What reads payloads of the schema of this number, or why it cannot be used. Raises one of the faults where the
        registry does not have it, or one that it refers to."""
        schema = self._registry.schema(number)
        if schema.kind != self._language.kind:
            return f"schema {number} is {schema.kind}, and not {self._language.kind}"
        others = self._registry.referred(schema)
        try:
            return self._language.reader(schema, others)
        except self._faults as error:
            return f"schema {number}: {error}"
