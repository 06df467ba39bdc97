"""From raw records to events: decoded, checked and typed, a batch at a time."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import compress
from typing import Any

import numpy as np
import numpy.typing as npt

from detectors.profiles.column import MISSING
from detectors.profiles.grid import Indices
from pipeline.events.event_time import Times
from pipeline.events.formats.converter import Converter, Headers
from pipeline.events.formats.frame import payloads
from pipeline.events.formats.framed import LANGUAGES, FramedReader
from pipeline.events.formats.table import FORMATS
from pipeline.events.pairing import Paired
from pipeline.events.paths import Reader, reader_of, rest_reader
from pipeline.events.waiting import Waiting
from schemas import codec
from schemas.config import Config
from schemas.event import Refusal, TsUnit, parse_timestamp_ms
from schemas.event_config import FRAMED_JSON, WHOLE_EVENT

EARLIEST_MS = 365 * 86_400_000
_MOST_MS = 253_402_300_800_000  # the year 10000: microseconds taken for milliseconds are beyond it
_NAME_CHARACTERS = 200
_NOTHING: Mapping[str, Any] = {}

Refusals = dict[int, Refusal]
Pair = Callable[
    [Indices, Sequence[Mapping[str, Any]], Sequence[bytes | None], Headers | None, Times | None, Refusals], Paired
]


@dataclass(slots=True)
class Events:
    """What a batch of `count` records holds. `rows`, shape (m,), ascending, are the records that can be read; the
    sequences after it have one entry for each of these, times in epoch milliseconds. `refusals` has the reason for
    every other record, by row; `passed`, shape (k,), ascending, are those that hold nothing to profile.

    Where halves are joined, an event is at the row of its second half; `firsts`, shape (m,), are the offsets of the first
    ones, `mates` these by row, and `unmatched` halves given up, each at the row where it was.

    A record of a batched form is there once for each of its events. They share time, model and version, so they are
    late, refused or excluded together, and a record is never divided."""

    count: int
    rows: Indices
    documents: list[Mapping[str, Any]]
    features: list[Mapping[str, Any]]
    models: list[str]
    versions: list[str]
    times_ms: Times
    refusals: Refusals
    passed: Indices = field(default_factory=lambda: np.empty(0, np.intp))
    firsts: Times | None = None
    mates: Mapping[int, Waiting] = field(default_factory=dict)
    unmatched: Sequence[tuple[int, Waiting]] = ()

    def refuse(self, bad: npt.NDArray[np.bool_], reason: Refusal) -> None:
        """Takes out the events where `bad`, shape (m,), is true."""
        if bad.any():
            self._take_out(dict.fromkeys(np.flatnonzero(bad).tolist(), reason))

    def _take_out(self, bad: Mapping[int, Refusal]) -> None:
        """`bad` has places among the sequences."""
        good = np.ones(len(self.rows), bool)
        good[list(bad)] = False
        kept = good.tolist()
        self.refusals |= {int(self.rows[place]): reason for place, reason in bad.items()}
        self.rows, self.times_ms = self.rows[good], self.times_ms[good]
        self.firsts = None if self.firsts is None else self.firsts[good]
        self.documents, self.features = list(compress(self.documents, kept)), list(compress(self.features, kept))
        self.models, self.versions = list(compress(self.models, kept)), list(compress(self.versions, kept))


class EventReader:
    """Reads events as the configuration's paths have them."""

    def __init__(self, config: Config) -> None:
        paths = config.event.paths
        self._ts: Reader = reader_of(paths.ts)
        self._model: Reader = reader_of(paths.model)
        self._version: Reader = reader_of(paths.version)
        self._features: Reader = rest_reader(paths) if paths.features == WHOLE_EVENT else reader_of(paths.features)
        self._ts_unit = config.event.ts_unit
        self._only_model = config.only_model
        self._most_bytes = config.limits.event_bytes
        self._decode = self._decoder(config)
        self._converter = Converter(config) if config.event.format in FORMATS else None

    def read(
        self,
        values: Sequence[bytes | None],
        headers: Headers | None = None,
        record_ms: Times | None = None,
        pair: Pair | None = None,
    ) -> Events:
        """Decodes and checks a batch; the records' headers and times matter to some forms, and `pair` joins the halves of
        those that have them. O(bytes); never raises for
        what a record holds. Raises BrokerError where a schema registry is needed and does not answer."""
        refusals: Refusals = {}
        rows = np.arange(len(values))
        documents = self._decode(values, refusals)
        if refusals:
            rows = np.delete(rows, list(refusals))
            documents = [d for d in documents if d is not _NOTHING]
        passed, paired = rows[:0], None
        if pair is not None:
            paired = pair(rows, documents, values, headers, record_ms, refusals)
            rows, documents, passed = np.array(paired.rows, np.intp), paired.documents, np.array(paired.passed, np.intp)
        elif self._converter is not None:
            rows, documents, passed = self._converter.convert(rows, documents, values, headers, record_ms, refusals)
        bad: Refusals = {}
        times = _times(self._ts(documents), bad, self._ts_unit)
        models = _texts(self._models(documents), bad, Refusal.NO_MODEL, Refusal.BAD_MODEL)
        versions = _texts(self._version(documents), bad, None, Refusal.BAD_VERSION)
        features = _objects(self._features(documents), bad)
        events = Events(len(values), rows, documents, features, models, versions, times, refusals, passed)
        if paired is not None:
            events.firsts, events.mates = np.array(paired.firsts, np.int64), paired.mates
            events.unmatched = paired.unmatched
        if bad:
            events._take_out(bad)
        return events

    def _decoder(self, config: Config) -> Callable[[Sequence[bytes | None], Refusals], list[Mapping[str, Any]]]:
        if config.event.format in LANGUAGES:
            return FramedReader(config).documents
        return self._framed_json if config.event.format == FRAMED_JSON else self._documents

    def _framed_json(self, values: Sequence[bytes | None], refusals: Refusals) -> list[Mapping[str, Any]]:
        held, bad = payloads(values)
        documents = self._documents(held, refusals)
        refusals |= dict.fromkeys(bad, Refusal.BAD_FORM)
        return documents

    def _models(self, documents: Sequence[Mapping[str, Any]]) -> list[Any]:
        """The models; where an event names none and the configuration has one alone, it is that."""
        models = self._model(documents)
        if self._only_model is not None and (MISSING in models or None in models):
            return [self._only_model if model is MISSING or model is None else model for model in models]
        return models

    def _documents(self, values: Sequence[bytes | None], refusals: Refusals) -> list[Mapping[str, Any]]:
        """One for each value, `_NOTHING` where it is refused."""
        decoded = map(codec.loads, self._within_limit(values))
        documents: list[Any] = []
        while len(documents) < len(values):
            try:
                documents.extend(decoded)
            except codec.JSONDecodeError:  # what was decoded before it is there, what comes after it is still to come
                documents.append(self._document(values[len(documents)], len(documents), refusals))
        if set(map(type, documents)) != {dict}:
            for row in [row for row, document in enumerate(documents) if type(document) is not dict]:
                refusals[row], documents[row] = Refusal.NOT_AN_OBJECT, _NOTHING
        return documents

    def _within_limit(self, values: Sequence[bytes | None]) -> Sequence[Any]:
        """The values, None where one is too large. None does not decode."""
        if max(map(len, filter(None, values)), default=0) <= self._most_bytes:
            return values
        return [None if value is not None and len(value) > self._most_bytes else value for value in values]

    def _document(self, value: bytes | None, row: int, refusals: Refusals) -> Any:
        """What the strict decoder did not take."""
        try:
            if value is not None and len(value) > self._most_bytes:
                refusals[row] = Refusal.TOO_LARGE
            else:
                return codec.loads_lenient(bytes(value or b""))  # the strict decoder takes no subclass of bytes
        except RecursionError:
            refusals[row] = Refusal.TOO_DEEP
        except ValueError:
            refusals[row] = Refusal.INVALID_JSON
        return _NOTHING


def _times(values: list[Any], bad: Refusals, unit: TsUnit) -> Times:
    """Epoch milliseconds, 0 where there is none."""
    odd = range(len(values)) if unit != "ms" else _odd(values, int)
    if len(odd) == len(values):
        times = np.array([_time(place, value, bad, unit) for place, value in enumerate(values)], np.int64)
    else:
        for place in odd:
            values[place] = _time(place, values[place], bad, unit)
        times = _integers(values)
    for place in np.flatnonzero((times < EARLIEST_MS) | (times >= _MOST_MS)).tolist():
        bad.setdefault(place, Refusal.TIMESTAMP_AHEAD if times[place] >= _MOST_MS else Refusal.TIMESTAMP_TOO_OLD)
    return times


def _time(place: int, value: Any, bad: Refusals, unit: TsUnit) -> int:
    if value is MISSING or value is None:
        bad[place] = Refusal.NO_TIMESTAMP
        return 0
    try:
        return min(max(parse_timestamp_ms(value, unit), 0), _MOST_MS)
    except ValueError:
        bad[place] = Refusal.BAD_TIMESTAMP
        return 0


def _integers(values: list[int]) -> Times:
    try:
        return np.fromiter(values, np.int64, len(values))
    except OverflowError:
        return np.array([min(max(value, 0), _MOST_MS) for value in values], np.int64)


def _texts(values: list[Any], bad: Refusals, absent: Refusal | None, wrong: Refusal) -> list[str]:
    for place in _odd(values, str):
        values[place] = _text(values[place])
    no_good = {t for t in set(values) if t is None or len(t) > _NAME_CHARACTERS or (absent and not t)}
    if no_good:
        for place, text in enumerate(values):
            if text in no_good:
                bad.setdefault(place, absent if text == "" and absent else wrong)
    return values


def _text(value: Any) -> str | None:
    """A number as its text, nothing as the empty text, and anything else as None."""
    if value is MISSING or value is None:
        return ""
    return None if isinstance(value, bool) or not isinstance(value, int | float) else str(value)


def _odd(values: list[Any], usual: type) -> list[int]:
    """Where there is a value of another type than the usual."""
    if set(map(type, values)) == {usual}:
        return []
    return [place for place, value in enumerate(values) if type(value) is not usual]


def _objects(values: list[Any], bad: Refusals) -> list[Mapping[str, Any]]:
    if set(map(type, values)) != {dict}:
        for place in [place for place, value in enumerate(values) if not isinstance(value, dict)]:
            bad.setdefault(place, Refusal.BAD_FEATURES)
    return values
