"""Records framed for a schema registry, decoded a batch at a time by the schemas that they name."""

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

    def __init__(self, config: Config) -> None:
        self._language = LANGUAGES[config.event.format]()
        self._faults: tuple[type[Exception], ...] = (*FAULTS, *self._language.faults)
        self._registry = SchemaRegistry(config.event.registry, config.event.registry_access)
        self._readers: dict[int, Read | str] = {}
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
            read = self._readers[number] = self._reader(number)
        if isinstance(read, str):
            raise ValueError(read)
        return read(payload)

    def _reader(self, number: int) -> Read | str:
        """What reads payloads of the schema of this number, or why it cannot be used."""
        try:
            schema = self._registry.schema(number)
            if schema.kind != self._language.kind:
                return f"schema {number} is {schema.kind}, and not {self._language.kind}"
            return self._language.reader(schema, self._registry.referred(schema))
        except self._faults as error:
            return f"schema {number}: {error}"
