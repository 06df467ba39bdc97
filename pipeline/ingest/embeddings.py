"""Embeddings: which paths hold one, what they are called among a model's signals, and how they are projected."""

from collections.abc import Mapping
from functools import cached_property
from typing import NamedTuple

from detectors.lenses.projection import Projection
from pipeline.ingest.signal_names import PREDICTION, name_of_feature
from schemas.config import Config
from schemas.event_config import WHOLE_EVENT
from schemas.model_config import ModelConfig


class Embedding(NamedTuple):
    """An embedding by the name that its signals begin with."""

    name: str
    projection: Projection

    @property
    def signals(self) -> list[str]:
        return self.projection.names(self.name)


class Embeddings:
    """Those that a configuration names."""

    def __init__(self, config: Config) -> None:
        self._config = config
        some = config.event.embeddings
        self.by_path: Mapping[str, Projection] = {
            one.path: Projection(one.path, one.dimension, one.projections) for one in some
        }

    @cached_property
    def taken(self) -> frozenset[str]:
        """The names of signals that are no feature's, where signals are not listed, for they are an embedding's."""
        return frozenset(
            name for path, projection in self.by_path.items() for name in projection.names(self.name_of(path))
        )

    def of_model(self, model: ModelConfig | None) -> list[Embedding]:
        """Those of a model: the ones that it lists, or all."""
        if model is None:
            return []
        if isinstance(model.signals, tuple):
            listed = [(signal.name, signal.path) for signal in model.signals]
        else:
            listed = [(self.name_of(path), path) for path in self.by_path]
        return [Embedding(name, self.by_path[path]) for name, path in listed if path in self.by_path]

    def embedding_of(self, model: ModelConfig | None, signal: str) -> Embedding | None:
        """The one that a signal is a projection of."""
        return next((one for one in self.of_model(model) if signal in one.signals), None)

    def name_of(self, path: str) -> str:
        """What the embedding at a path is called where signals are not listed."""
        paths = self._config.event.paths
        if path == paths.prediction:
            return PREDICTION
        feature = self.feature_of(path)
        return path if feature is None else name_of_feature(feature)

    def feature_of(self, path: str) -> str | None:
        """The name that it has among the features; None where it stands elsewhere."""
        features = self._config.event.paths.features
        if path == self._config.event.paths.prediction:
            return None
        if features == WHOLE_EVENT:
            return None if "." in path else path
        return path.removeprefix(f"{features}.") if path.startswith(f"{features}.") else None
