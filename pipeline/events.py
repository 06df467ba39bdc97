"""From raw records to events: decoded, checked and typed, a batch at a time."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from detectors.column import MISSING
from pipeline.event_time import Times
from pipeline.paths import Reader, reader_of
from schemas import codec
from schemas.config import Config
from schemas.event import Refusal, parse_timestamp_ms

EARLIEST_MS = 365 * 86_400_000
_NAME_CHARACTERS = 200
_NOTHING: Mapping[str, Any] = {}


@dataclass(slots=True)
class Events:
    """A batch of records in offset order, one entry for each in every sequence.

    `refusals` holds a reason or None; where there is a reason, the other entries hold fillers. Times are epoch
    milliseconds, shape (n,).
    """

    documents: list[Mapping[str, Any]]
    features: list[Mapping[str, Any]]
    models: list[str]
    versions: list[str]
    times_ms: Times
    refusals: list[Refusal | None]


class EventReader:
    """Reads events as the configuration's paths have them."""

    def __init__(self, config: Config) -> None:
        paths = config.event.paths
        self._ts: Reader = reader_of(paths.ts)
        self._model: Reader = reader_of(paths.model)
        self._version: Reader = reader_of(paths.version)
        self._features: Reader = reader_of(paths.features)
        self._most_bytes = config.limits.event_bytes

    def read(self, values: Sequence[bytes | None]) -> Events:
        """Decodes and checks a batch. O(bytes); never raises for what a record holds."""
        refusals: list[Refusal | None] = [None] * len(values)
        documents = self._documents(values, refusals)
        times = _times(self._ts(documents), refusals)
        models = _texts(self._model(documents), refusals, Refusal.NO_MODEL, Refusal.BAD_MODEL)
        versions = _texts(self._version(documents), refusals, None, Refusal.BAD_VERSION)
        features = _objects(self._features(documents), refusals)
        return Events(documents, features, models, versions, times, refusals)

    def _documents(self, values: Sequence[bytes | None], refusals: list[Refusal | None]) -> list[Mapping[str, Any]]:
        if max(map(len, filter(None, values)), default=0) <= self._most_bytes:
            try:
                documents = list(map(codec.loads, values))  # type: ignore[arg-type]  # None raises, as bad JSON does
                if set(map(type, documents)) <= {dict}:
                    return documents
            except codec.JSONDecodeError:
                pass
        return [self._document(value, row, refusals) for row, value in enumerate(values)]

    def _document(self, value: bytes | None, row: int, refusals: list[Refusal | None]) -> Mapping[str, Any]:
        if value is not None and len(value) > self._most_bytes:
            refusals[row] = Refusal.TOO_LARGE
            return _NOTHING
        try:
            document = codec.loads_lenient(value or b"")
        except RecursionError:
            refusals[row] = Refusal.TOO_DEEP
            return _NOTHING
        except ValueError:
            refusals[row] = Refusal.INVALID_JSON
            return _NOTHING
        if not isinstance(document, dict):
            refusals[row] = Refusal.NOT_AN_OBJECT
            return _NOTHING
        return document


def _times(values: list[Any], refusals: list[Refusal | None]) -> Times:
    if set(map(type, values)) == {int} and min(values) >= EARLIEST_MS and max(values) < 1 << 62:
        return np.fromiter(values, np.int64, len(values))
    times = np.zeros(len(values), np.int64)
    for row, value in enumerate(values):
        if refusals[row] is None:
            times[row], refusals[row] = _time(value)
    return times


def _time(value: Any) -> tuple[int, Refusal | None]:
    if value is MISSING or value is None:
        return 0, Refusal.NO_TIMESTAMP
    try:
        time_ms = parse_timestamp_ms(value)
    except ValueError:
        return 0, Refusal.BAD_TIMESTAMP
    if time_ms < EARLIEST_MS:
        return 0, Refusal.TIMESTAMP_TOO_OLD
    return (0, Refusal.TIMESTAMP_AHEAD) if time_ms >= 1 << 62 else (time_ms, None)


def _texts(values: list[Any], refusals: list[Refusal | None], absent: Refusal | None, bad: Refusal) -> list[str]:
    kinds = set(values) if set(map(type, values)) == {str} else None
    if kinds is not None and all(0 < len(text) <= _NAME_CHARACTERS for text in kinds):
        return values
    texts = []
    for row, value in enumerate(values):
        text, refusal = _text(value, absent, bad)
        texts.append(text)
        refusals[row] = refusals[row] or refusal
    return texts


def _text(value: Any, absent: Refusal | None, bad: Refusal) -> tuple[str, Refusal | None]:
    if value is MISSING or value is None or value == "":
        return "", absent
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return "", bad
    text = str(value)
    return (text, None) if len(text) <= _NAME_CHARACTERS else ("", bad)


def _objects(values: list[Any], refusals: list[Refusal | None]) -> list[Mapping[str, Any]]:
    if set(map(type, values)) == {dict}:
        return values
    for row, value in enumerate(values):
        if not isinstance(value, dict):
            refusals[row] = refusals[row] or Refusal.BAD_FEATURES
            values[row] = _NOTHING
    return values
