"""A model's signals: from documents to one column for each."""

from collections.abc import Mapping, Sequence
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


class ModelSignals:
    """What of a model's events is profiled: its signals and the paths that split them."""

    def __init__(self, config: Config, model: ModelConfig) -> None:
        self.rules = {s.path: SegmentRule.of(s) for s in model.segments}
        self._segments = [reader_of(s.path) for s in model.segments]
        self._read = _listed(model.signals) if isinstance(model.signals, tuple) else _Auto(config)

    def columns(self, documents: Documents, features: Documents, vocabulary: Vocabulary) -> dict[str, Column]:
        """A column for each signal. O(values)."""
        return {name: Column.of(values, vocabulary) for name, values in self._read(documents, features)}

    def segments(self, documents: Documents) -> list[list[str]]:
        """For each path, the segment of each document."""
        return [[_segment(v) for v in read(documents)] for read in self._segments]


def _segment(value: Any) -> str:
    if isinstance(value, str):
        return value
    if value is MISSING or value is None or isinstance(value, dict | list):
        return NO_SEGMENT
    return str(value).lower() if isinstance(value, bool) else str(value)


def _listed(signals: Sequence[SignalConfig]) -> Any:
    readers = [(s.name, reader_of(s.path), _CONVERT.get(s.kind)) for s in signals]

    def read(documents: Documents, _: Documents) -> list[tuple[str, Sequence[Any]]]:
        found = [(name, get(documents), convert) for name, get, convert in readers]
        return [(name, convert(values) if convert else values) for name, values, convert in found]

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
    """Every feature, the prediction and the latency. Remembers the names it met, so that a batch whose events all
    have them takes one call each."""

    def __init__(self, config: Config) -> None:
        paths = config.event.paths
        self._most = config.limits.signals_per_model
        self._ours = [(PREDICTION, reader_of(paths.prediction)), (LATENCY, reader_of(paths.latency_ms))]
        self._names: list[str] = []

    def __call__(self, documents: Documents, features: Documents) -> list[tuple[str, Sequence[Any]]]:
        named = [(_name(name), values) for name, values in self._features(features)]
        ours = [(name, read(documents)) for name, read in self._ours]
        return named + [(name, values) for name, values in ours if any(v is not MISSING for v in values)]

    def _features(self, features: Documents) -> list[tuple[str, Sequence[Any]]]:
        uniform = len(self._names) > 1 and set(map(len, features)) == {len(self._names)}
        if uniform:
            try:
                return list(zip(self._names, zip(*map(itemgetter(*self._names), features), strict=True), strict=True))
            except KeyError:
                pass
        return self._ragged(features)

    def _ragged(self, features: Sequence[Mapping[str, Any]]) -> list[tuple[str, Sequence[Any]]]:
        found: set[str] = set()
        found.update(*features)
        names = least_hashed(found, self._most)
        if set(map(len, features)) == {len(names)}:
            self._names = names
        return [(name, [f.get(name, MISSING) for f in features]) for name in names]


def _name(feature: str) -> str:
    return f"features.{feature}" if feature in _OURS else feature
