"""A model's signals: from documents to one column for each."""

from collections.abc import Callable, Mapping, Sequence
from itertools import chain
from operator import itemgetter
from typing import Any

from detectors.column import MISSING, Column
from detectors.group import least_hashed
from detectors.vocabulary import Vocabulary
from pipeline.paths import Documents, reader_of
from pipeline.segments import SegmentRule
from schemas.config import Config, ModelConfig, SignalConfig
from schemas.group import MISSING as NO_SEGMENT

PREDICTION = "prediction"
LATENCY = "latency_ms"
_OURS = frozenset({PREDICTION, LATENCY})
_Read = Callable[[Documents, Documents, Vocabulary], dict[str, Column]]


class ModelSignals:
    """What of a model's events is profiled: its signals and the paths that split them."""

    def __init__(self, config: Config, model: ModelConfig) -> None:
        self.rules = {s.path: SegmentRule.of(s) for s in model.segments}
        self._segments = [reader_of(s.path) for s in model.segments]
        self._read = _listed(model.signals) if isinstance(model.signals, tuple) else _Auto(config)

    def columns(self, documents: Documents, features: Documents, vocabulary: Vocabulary) -> dict[str, Column]:
        """A column for each signal. O(values)."""
        return self._read(documents, features, vocabulary)

    @property
    def too_many(self) -> bool:
        """Whether the documents last read have more features than the limit allows, so that some were left out."""
        return isinstance(self._read, _Auto) and self._read.too_many

    def segments(self, documents: Documents) -> list[list[str]]:
        """For each path, the segment of each document."""
        return [_segments(read(documents)) for read in self._segments]


def _segments(values: list[Any]) -> list[str]:
    return values if set(map(type, values)) == {str} else [_segment(v) for v in values]


def _segment(value: Any) -> str:
    if isinstance(value, str):
        return value
    if value is MISSING or value is None or isinstance(value, dict | list):
        return NO_SEGMENT
    return str(value).lower() if isinstance(value, bool) else str(value)


def _listed(signals: Sequence[SignalConfig]) -> _Read:
    readers = [(s.name, reader_of(s.path), _CONVERT.get(s.kind)) for s in signals]

    def read(documents: Documents, _: Documents, vocabulary: Vocabulary) -> dict[str, Column]:
        found = [(name, get(documents), convert) for name, get, convert in readers]
        return {name: Column.of(convert(values) if convert else values, vocabulary) for name, values, convert in found}

    return read


def _as_text(values: Sequence[Any]) -> list[Any]:
    """Numbers as their text, so that codes are categories."""
    return [str(v) if type(v) in (int, float) else v for v in values]


def _as_numbers(values: Sequence[Any]) -> list[Any]:
    """Text that is a number as that number; other values as they are."""
    return [_number(v) if type(v) is str else v for v in values]


def _number(text: str) -> float | str:
    try:
        return float(text)
    except ValueError:
        return text


_CONVERT = {"categorical": _as_text, "numeric": _as_numbers}


class _Auto:
    """Every feature, the prediction and the latency.

    The names met are remembered, and which of them have the same kinds of values. Where the events of a batch all have
    them, the values of one kind are taken out and converted together: a table, not a column each.
    """

    def __init__(self, config: Config) -> None:
        paths = config.event.paths
        self._most = config.limits.signals_per_model
        self._ours = [(PREDICTION, reader_of(paths.prediction)), (LATENCY, reader_of(paths.latency_ms))]
        self._gaps: dict[str, Any] = {}
        self._tables: list[list[str]] = []
        self._settled = False
        self.too_many = False

    def __call__(self, documents: Documents, features: Documents, vocabulary: Vocabulary) -> dict[str, Column]:
        found = self._features(features, vocabulary)
        for name, read in self._ours:
            values = read(documents)
            if values.count(MISSING) < len(values):
                found[name] = Column.of(values, vocabulary)
        return found

    def _features(self, features: Documents, vocabulary: Vocabulary) -> dict[str, Column]:
        if self.too_many:
            self._learn(features)
        try:
            found = self._columns(self._filled(features), vocabulary)
        except KeyError:
            self._learn(features)
            found = self._columns(self._filled(features), vocabulary)
        return {_name(name): column for name, column in found.items()}

    def _learn(self, features: Documents) -> None:
        """The names of these features, each in a table of its own until the kinds of its values are known."""
        met: set[str] = set()
        met.update(*features)
        names = least_hashed(met, self._most)
        self.too_many = len(names) < len(met)
        self._gaps = dict.fromkeys(names, MISSING)
        self._tables = [[name] for name in names]
        self._settled = False

    def _filled(self, features: Documents) -> Documents:
        """The same, with `MISSING` where a known name is not there. Raises KeyError where one is there that is not
        known, unless these are the features that are too many."""
        if self.too_many:  # as many names as are known need not be those that are known
            return [{**self._gaps, **f} for f in features]
        known = len(self._gaps)
        if set(map(len, features)) == {known}:
            return features
        filled = [f if len(f) == known else {**self._gaps, **f} for f in features]
        if set(map(len, filled)) != {known}:
            raise KeyError
        return filled

    def _columns(self, features: Documents, vocabulary: Vocabulary) -> dict[str, Column]:
        """Raises KeyError where one of the features lacks a name."""
        found: dict[str, Column] = {}
        for names in self._tables:
            table = Column.of(_values(names, features), vocabulary)
            found |= zip(names, table.spread(len(names)), strict=True)
            self._settled = self._settled and (len(names) == 1 or len(table.sort) < 2)
        if not self._settled:
            self._tables, self._settled = _tables_of(found), True
        return found


def _values(names: Sequence[str], features: Documents) -> list[Any]:
    """Row by row."""
    if len(names) == 1:
        return [f[names[0]] for f in features]
    return list(chain.from_iterable(map(itemgetter(*names), features)))


def _tables_of(columns: Mapping[str, Column]) -> list[list[str]]:
    """The names, those of columns with one and the same kind of values together."""
    tables: dict[object, list[str]] = {}
    for name, column in columns.items():
        tables.setdefault(column.sort if len(column.sort) < 2 else name, []).append(name)
    return list(tables.values())


def _name(feature: str) -> str:
    return f"features.{feature}" if feature in _OURS else feature
