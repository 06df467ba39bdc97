"""A row of a table as an event.

The columns that the configuration's paths name take their places, and every other column is a feature; columns without a
name are left out.
"""

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Sequence
from pathlib import Path
from typing import Any

from pipeline.events.formats.converter import PlainEvent
from schemas import codec
from schemas.config import Config
from schemas.errors import InputError
from schemas.event_config import WHOLE_EVENT

_PLACED = ("event_id", "ts", "model", "version", "prediction", "label", "latency_ms")
_NAMES = ("event_id", "model", "version")


class RowReader:
    """Makes an event of a row whose columns are named in the header; those in `nested` hold objects, those in `names` text
    whatever it looks like. Raises InputError where no column has the event's time, or two have one place."""

    def __init__(self, path: Path, config: Config, header: Sequence[str], nested: Collection[str] = ()) -> None:
        paths = config.event.paths
        placed = _placed(config)
        self.names: Collection[str] = {getattr(paths, name) for name in _NAMES}
        self._as_it_is = config.event.format == "json"
        self._features = _steps_of(paths.features)
        places = {
            column: _steps_of(name) if _has_place(name, placed, config, name in nested) else [*self._features, name]
            for column, name in enumerate(header)
            if name
        }
        self._places = sorted(places.items(), key=lambda place: len(place[1]))
        there = {name for name in header if name not in nested}
        if not _is_in(paths.ts, there, nested):
            raise InputError(
                f"{path}: no column {paths.ts!r} for the event's time among {', '.join(header)}; set event.paths.ts"
            )
        both = _same_place(places.values(), {tuple(_steps_of(name)) for name in nested})
        if both is not None:
            raise InputError(f"{path}: two columns would stand at {both!r} in the event; rename or remove one")
        named = _is_in(paths.model, there, nested)
        self._model = None if named else (_steps_of(paths.model), config.only_model or _stem(path))

    def __call__(self, row: Sequence[Any]) -> bytes:
        event: dict[str, Any] = {}
        if self._features:
            _put(event, self._features, {})
        if self._model is not None:
            _put(event, *self._model)
        for column, steps in self._places:
            if column < len(row):
                _put(event, steps, row[column])
        value = codec.encode_event(event)
        return value if self._as_it_is else PlainEvent(value)


class RowAsItIs:
    """Makes an object of a row, with a field for each column that has a name."""

    names: Collection[str] = ()

    def __init__(self, header: Sequence[str]) -> None:
        self._header = header

    def __call__(self, row: Sequence[Any]) -> bytes:
        return codec.encode_event({name: value for name, value in zip(self._header, row, strict=False) if name})


RowReaderOf = Callable[[Sequence[str], Collection[str]], RowReader | RowAsItIs]
"""A row reader, made of the header and of those columns that hold objects."""


def _same_place(places: Iterable[list[str]], nested: Collection[tuple[str, ...]]) -> str | None:
    """A path that two columns claim, or that one column claims and another goes through; None where all is well."""
    claimed = [tuple(steps) for steps in places]
    inner = {steps[:n] for steps in claimed for n in range(1, len(steps))}
    taken = Counter(claimed) + Counter(inner.difference(nested))
    return next((".".join(steps) for steps in claimed if taken[steps] > 1), None)


def _placed(config: Config) -> set[str]:
    """The paths of columns that are no features."""
    models = () if isinstance(config.models, str) else config.models
    segments = {segment.path for model in models for segment in model.segments}
    signals = {s.path for model in models if not isinstance(model.signals, str) for s in model.signals}
    embeddings = {one.path for one in config.event.embeddings}
    return {getattr(config.event.paths, name) for name in _PLACED} | segments | signals | embeddings


def _has_place(name: str, placed: set[str], config: Config, nested: bool) -> bool:
    objects = (config.event.paths.features, config.event.paths.tags)
    if name in placed or name.startswith(tuple(f"{path}." for path in objects)):
        return True
    return nested and any(path == name or path.startswith(f"{name}.") for path in (*objects, *placed))


def _is_in(path: str, columns: Collection[str], nested: Collection[str]) -> bool:
    return path in columns or any(path.startswith(f"{name}.") for name in nested)


def _steps_of(path: str) -> list[str]:
    return [] if path == WHOLE_EVENT else path.split(".")


def _put(event: dict[str, Any], steps: Sequence[str], value: Any) -> None:
    here = event
    for step in steps[:-1]:
        if here.get(step) is None:
            here[step] = {}
        here = here[step]
    here[steps[-1]] = value


def _stem(path: Path) -> str:
    return path.name.split(".")[0]
