"""Signals: from documents to one column for each."""

from collections.abc import Callable, Mapping, Sequence
from itertools import chain
from operator import itemgetter
from typing import Any

from detectors.profiles.column import MISSING, Column
from detectors.profiles.vocabulary import Vocabulary
from pipeline.events.paths import Documents, reader_of
from pipeline.ingest.embeddings import Embeddings
from pipeline.ingest.privacy import Privacy
from pipeline.ingest.signal_names import LATENCY, PREDICTION, name_of_feature
from schemas.config import Config
from schemas.model_config import SignalConfig


class ListedSignals:
    """The signals that the configuration names."""

    def __init__(self, signals: Sequence[SignalConfig], privacy: Privacy, embeddings: Embeddings) -> None:
        embedded = embeddings.by_path
        self._readers = [(s.name, reader_of(s.path), _converter(s, privacy)) for s in signals if s.path not in embedded]
        self._embedded = [(s.name, reader_of(s.path), embedded[s.path]) for s in signals if s.path in embedded]

    def columns(self, documents: Documents, _: Documents, vocabulary: Vocabulary) -> dict[str, Column]:
        """A column for each, for an embedding one for each of its projections. O(values)."""
        read = [(name, get(documents), convert) for name, get, convert in self._readers]
        found = {name: Column.of(convert(values) if convert else values, vocabulary) for name, values, convert in read}
        for name, get, projection in self._embedded:
            found |= zip(projection.names(name), projection.columns(get(documents)), strict=True)
        return found


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


def _converter(signal: SignalConfig, privacy: Privacy) -> Callable[[Sequence[Any]], list[Any]] | None:
    convert = _CONVERT.get(signal.kind)
    if not privacy.redacts(signal.path):
        return convert
    return privacy.redact if convert is None else lambda values: privacy.redact(convert(values))


_CONVERT = {"categorical": _as_text, "numeric": _as_numbers}


class AutoSignals:
    """Every feature, the prediction, the latency and embeddings that stand elsewhere; the features have these names, or some
    of them.

    It is remembered which names have the same kinds of values. Where the events of a batch all have them, the values of
    one kind are taken out and converted together: a table, not a column each.
    """

    def __init__(
        self,
        config: Config,
        privacy: Privacy,
        embeddings: Embeddings,
        names: Sequence[str],
        ignored: Sequence[str],
        too_many: bool,
    ) -> None:
        """The features have the names in `ignored`, too, and these are not looked at. `too_many`: there are still others,
        and they are left out."""
        paths = config.event.paths
        ours = ((PREDICTION, paths.prediction), (LATENCY, paths.latency_ms))
        self._ours = [(name, reader_of(path), path) for name, path in ours if not privacy.ignores(path)]
        self._privacy = privacy
        self._gaps: dict[str, Any] = dict.fromkeys((*names, *ignored), MISSING)
        self._ignored = frozenset(ignored)
        self._too_many = too_many
        redacted = privacy.redacted_of(names, paths.features)
        self._redacted = [name for name in names if name in redacted]
        features = {name: path for path in embeddings.by_path if (name := embeddings.feature_of(path)) is not None}
        self._embedded = {name: embeddings.by_path[features[name]] for name in names if name in features}
        self._elsewhere = [
            (embeddings.name_of(path), reader_of(path), projection)
            for path, projection in embeddings.by_path.items()
            if path not in features.values()
        ]
        self._ours = [one for one in self._ours if one[2] not in embeddings.by_path]
        self._tables = [[name] for name in names if name not in redacted and name not in self._embedded]
        self._settled = False

    def columns(self, documents: Documents, features: Documents, vocabulary: Vocabulary) -> dict[str, Column]:
        """A column for each. Raises KeyError where a feature is not one of those named. O(values)."""
        filled = self._filled(features)
        found = {name_of_feature(n): column for n, column in self._columns(filled, vocabulary).items()}
        for name, projection in self._embedded.items():
            columns = projection.columns(_values([name], filled))
            found |= zip(projection.names(name_of_feature(name)), columns, strict=True)
        for name in self._redacted:
            found[name_of_feature(name)] = Column.of(self._privacy.redact(_values([name], filled)), vocabulary)
        for name, read, path in self._ours:
            values = read(documents)
            if values.count(MISSING) < len(values):
                shown = self._privacy.redact(values) if self._privacy.redacts(path) else values
                found[name] = Column.of(shown, vocabulary)
        for name, read, projection in self._elsewhere:
            values = read(documents)
            if values.count(MISSING) < len(values):
                found |= zip(projection.names(name), projection.columns(values), strict=True)
        return found

    def _filled(self, features: Documents) -> Documents:
        """The same, with `MISSING` where a name is not there. Raises KeyError where one is there that is not known."""
        if self._too_many:  # as many names as are known need not be those that are known
            return [{**self._gaps, **f} for f in features]
        known, ignored = len(self._gaps), self._ignored
        if not ignored and set(map(len, features)) == {known}:
            return features
        # Whoever reads the names finds that one is not there; the ignored ones nobody reads.
        filled = [f if len(f) == known and ignored <= f.keys() else {**self._gaps, **f} for f in features]
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
