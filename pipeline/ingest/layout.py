"""How documents of one shape are taken apart: their signals, and the paths that split them.

Models whose events have the same features share a layout, so that a batch of events of many models is converted
together, as one of one model is.
"""

from collections.abc import Collection, Mapping, Sequence
from typing import Any
from weakref import WeakValueDictionary

from detectors.groups.group import least_hashed
from detectors.profiles.column import MISSING, Column
from detectors.profiles.vocabulary import Vocabulary
from pipeline.events.paths import Documents, Reader, reader_of
from pipeline.ingest.embeddings import Embeddings
from pipeline.ingest.privacy import Privacy
from pipeline.ingest.short_names import MOST_CHARACTERS, shortened
from pipeline.ingest.signal_names import name_of_feature
from pipeline.ingest.signals import AutoSignals, ListedSignals
from schemas.config import Config
from schemas.group import MISSING as NO_SEGMENT


class Layout:
    """`too_many`: the signals are a part of those that the documents had, chosen for one model and window."""

    def __init__(
        self, segments: Sequence[Reader], signals: AutoSignals | ListedSignals, too_many: bool = False
    ) -> None:
        self._segments = segments
        self._signals = signals
        self.too_many = too_many

    def columns(self, documents: Documents, features: Documents, vocabulary: Vocabulary) -> dict[str, Column]:
        """A column for each signal. Raises KeyError where a feature is not one of the layout's. O(values)."""
        return self._signals.columns(documents, features, vocabulary)

    def segments(self, documents: Documents) -> list[list[str]]:
        """For each path, the segment of each document."""
        return [_segments(read(documents)) for read in self._segments]


class Layouts(dict[str, Layout]):
    """The layout of each model. With `signals: auto` it is that of the features last met, none at first, and none again where
    the model was forgotten: what a layout does not have is learned, so that shows in nothing but time."""

    def __init__(
        self, config: Config, privacy: Privacy | None = None, kept: Mapping[str, Collection[str]] | None = None
    ) -> None:
        """`kept` are the signals of each model that are never left out: what the frozen parts of its baseline see of an
        event must not depend on what other events have."""
        super().__init__()
        self._config = config
        self._kept = kept or {}
        self._privacy = privacy or Privacy()
        self._embeddings = Embeddings(config)
        paths = self._embeddings.by_path
        self._embedded = {name for path in paths if (name := self._embeddings.feature_of(path)) is not None}
        self._features = config.event.paths.features
        self._most = config.limits.signals_per_model
        self._before: dict[str, Layout] = {}
        self._shared: WeakValueDictionary[object, Layout] = WeakValueDictionary()

    def __missing__(self, model: str) -> Layout:
        known = self._before.pop(model, None)
        if known is None:
            return self._put(model, ())
        self[model] = known
        return known

    def forget_unmet(self) -> None:
        """Forgets the models that were not asked for since the last time but one. O(1) for each model asked for."""
        self._before = dict(self)
        self.clear()

    def learn(self, model: str, features: Documents) -> Layout:
        """The layout of these features, the model's from now on. Beyond the limit these are the ones whose signals have the
        names with the least hashes, those that are never left out, and embeddings. O(features)."""
        met: set[str] = set()
        met.update(*features)
        ignored = tuple(sorted(self._privacy.ignored_of(met, self._features) | met & self._embeddings.taken))
        met.difference_update(ignored)
        named = {name_of_feature(feature): feature for feature in met - self._embedded}
        wanted = {*least_hashed(named, self._most), *self._kept.get(model, ())}
        names = tuple(sorted({named[name] for name in wanted if name in named} | met & self._embedded))
        return self._put(model, names, ignored, too_many=len(names) < len(met))

    def _put(self, model: str, names: tuple[str, ...], ignored: tuple[str, ...] = (), too_many: bool = False) -> Layout:
        found = self._config.model(model)
        if found is None:
            raise KeyError(model)
        paths = tuple(segment.path for segment in found.segments)
        listed = found.signals if isinstance(found.signals, tuple) else None
        key = (model if too_many else None, paths, listed, names, ignored)
        layout = self._shared.get(key)
        if layout is None:
            signals = (
                AutoSignals(self._config, self._privacy, self._embeddings, names, ignored, too_many)
                if listed is None
                else ListedSignals(listed, self._privacy, self._embeddings)
            )
            layout = self._shared[key] = Layout([self._segment_reader(path) for path in paths], signals, too_many)
        self[model] = layout
        return layout

    def _segment_reader(self, path: str) -> Reader:
        read = reader_of(path)
        return (lambda documents: self._privacy.redact(read(documents))) if self._privacy.redacts(path) else read


def _segments(values: list[Any]) -> list[str]:
    names = values if set(map(type, values)) == {str} else [_segment(v) for v in values]
    return names if max(map(len, names), default=0) < MOST_CHARACTERS else list(map(shortened, names))


def _segment(value: Any) -> str:
    if isinstance(value, str):
        return value
    if value is MISSING or value is None or isinstance(value, dict | list):
        return NO_SEGMENT
    return str(value).lower() if isinstance(value, bool) else str(value)
