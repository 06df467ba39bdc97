"""Signals and segments that a configuration names, and that no event of a history had."""

from collections.abc import Iterable

from pipeline.ingest.embeddings import Embeddings
from schemas.config import Config
from schemas.group import MISSING, Segment
from schemas.model_config import ModelConfig


class Unmet:
    """What is still to be met of the models that had events."""

    def __init__(self, config: Config) -> None:
        self._config = config
        self._embeddings = Embeddings(config)
        self._models: set[str] = set()
        self._signals: set[tuple[str, str]] = set()
        self._segments: set[tuple[str, str]] = set()

    def meet(self, model: str, segment: Segment | None, signals: Iterable[str]) -> None:
        """Takes in a group of a model, and which signals its events had."""
        self._models.add(model)
        if segment is None:
            self._signals.update((model, name) for name in signals)
        elif segment.value != MISSING:
            self._segments.add((model, segment.path))

    def lines(self) -> list[str]:
        """A line for each of those that no event had."""
        models = () if self._config.models == "auto" else self._config.models
        return [line for model in models if model.name in self._models for line in self._of(model)]

    def _of(self, model: ModelConfig) -> Iterable[str]:
        embedded = {one.name: one.signals for one in self._embeddings.of_model(model)}
        listed = model.signals if isinstance(model.signals, tuple) else ()
        met = {name for of, name in self._signals if of == model.name}
        if len(met) >= self._config.limits.signals_per_model:
            listed = ()  # others may be left out
        for signal in listed:
            if met.isdisjoint(embedded.get(signal.name, [signal.name])):
                yield f"{model.name}: signal {signal.name!r}: no event has {signal.path}"
        for segment in model.segments:
            if (model.name, segment.path) not in self._segments:
                yield f"{model.name}: segment: no event has {segment.path}"
