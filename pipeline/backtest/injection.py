"""Changes put into events on purpose, to see whether they would be found.

    KIND:SIGNAL:SIZE[,SIZE...][@WHEN]

| kind | what becomes of the events from the onset on | size |
|---|---|---|
| shift | numbers are moved up | baseline standard deviations |
| scale | numbers are multiplied | a factor, as in 1000 for seconds sent as milliseconds |
| null | some values are null | their share |
| swap | some values of the most frequent category become the second | their share |
| prior | some events become others of the rarer classes, features and all | their share |

Which events are changed is drawn; the rest is as it was.
"""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import numpy as np
import numpy.typing as npt

from detectors.profiles.column import MISSING
from detectors.profiles.profile import Profile
from pipeline.events.paths import reader_of
from pipeline.ingest.embeddings import Embedding, Embeddings
from pipeline.ingest.signal_names import LATENCY, PREDICTION, feature_of_name
from schemas.config import Config
from schemas.errors import InputError
from schemas.event import parse_timestamp_ms
from schemas.event_config import WHOLE_EVENT

LABEL = "label"
_CLASSES = 20
Document = Mapping[str, Any]


class Kind(StrEnum):
    SHIFT = "shift"
    SCALE = "scale"
    NULL = "null"
    SWAP = "swap"
    PRIOR = "prior"


_SHARES = (Kind.NULL, Kind.SWAP, Kind.PRIOR)


@dataclass(frozen=True, slots=True)
class Injection:
    """A change to try at each of `sizes`; at one moment, or, without `at_ms`, at moments that are drawn; in one model, or,
    without `model`, in all that have the signal."""

    kind: Kind
    signal: str
    sizes: tuple[float, ...]
    at_ms: int | None = None
    model: str | None = None

    @classmethod
    def parse(cls, text: str) -> "Injection":
        """Raises ValueError, with what is allowed, for anything but `KIND:SIGNAL:SIZE[,SIZE...][@WHEN]`."""
        what, at_ms = _split_time(text)
        kind, _, rest = what.partition(":")
        signal, _, sizes = rest.rpartition(":")
        if kind not in tuple(Kind):
            raise ValueError(f"the kind must be one of {', '.join(Kind)}, got {kind!r} in {text!r}")
        if not signal or not sizes:
            raise ValueError(f"must be KIND:SIGNAL:SIZE, as in shift:income:0.5, got {text!r}")
        return cls(Kind(kind), signal, tuple(_size(Kind(kind), size) for size in sizes.split(",")), at_ms)


def _split_time(text: str) -> tuple[str, int | None]:
    what, at, when = text.rpartition("@")
    if not at:
        return text, None
    try:
        return what, parse_timestamp_ms(when)
    except ValueError as error:
        if when[:1].isdigit():
            raise ValueError(f"{when!r} is no time; write it with a zone, as in 2026-01-31T12:00:00Z") from error
        return text, None


def _size(kind: Kind, text: str) -> float:
    try:
        size = float(text)
    except ValueError:
        raise ValueError(f"a size must be a number, got {text!r}") from None
    if not np.isfinite(size):
        raise ValueError(f"a size must be finite, got {text!r}")
    if kind in _SHARES and not 0 <= size <= 1:
        raise ValueError(f"the size of {kind} is a share, from 0 to 1, got {text}")
    return size


@dataclass(frozen=True, slots=True)
class Facts:
    """What an injection goes by: of the baseline's numbers their standard deviation, of its strings and booleans the
    two most frequent."""

    deviation: float = 0.0
    most: object = None
    second: object = None
    numeric: bool = False

    @classmethod
    def of(cls, profile: Profile) -> "Facts":
        """O(buckets)."""
        grid = profile.numbers
        counted: list[tuple[int, Any]] = list(zip(profile.categories.counts.tolist(), profile.labels, strict=True))
        counted += [(n, value) for n, value in zip(profile.booleans, (False, True), strict=True) if n]
        ranked = [value for _, value in sorted(counted, key=lambda pair: (-pair[0], str(pair[1])))]
        most, second = [*ranked, None, None][:2]
        return cls(_deviation(profile), most, second, grid.total > sum(n for n, _ in counted))


def _deviation(profile: Profile) -> float:
    """From the exact sums, about the mean."""
    n = int(profile.trace.counts.sum())
    if not n or profile.least >= profile.greatest:
        return 0.0
    mean = profile.trace.sums.total().values()[0] / n
    return float(np.sqrt(max(0.0, profile.trace.squares.total().values()[0] / n - mean * mean)))


def check(injection: Injection, facts: Facts) -> None:
    """Raises InputError where the signal has nothing for the injection to change."""
    kind, signal = injection.kind, injection.signal
    if kind in (Kind.SHIFT, Kind.SCALE) and not facts.numeric:
        raise InputError(f"--inject {kind}:{signal}: {kind} needs numbers, and the baseline has none; try swap or null")
    if kind is Kind.SHIFT and facts.deviation == 0:
        raise InputError(f"--inject {kind}:{signal}: its numbers do not vary in the baseline; try scale or null")
    if kind is Kind.SWAP and facts.second is None:
        raise InputError(
            f"--inject {kind}:{signal}: swap needs two categories in the baseline; try "
            f"{'shift or null' if facts.numeric else 'null'}"
        )


@dataclass(frozen=True, slots=True)
class Place:
    """Where a signal's value stands in an event: the keys that lead to it."""

    path: str
    name: str | None = None

    def read(self, documents: Sequence[Document]) -> list[Any]:
        """The values, `MISSING` where there is none."""
        found = reader_of(self.path)(documents)
        if self.name is None:
            return found
        return [value.get(self.name, MISSING) if isinstance(value, Mapping) else MISSING for value in found]

    def put(self, document: Document, value: object) -> Document:
        """The event with another value there; what leads to it is copied, the rest is shared."""
        steps = [self.path] if self.path in document else self.path.split(".")
        return _put(document, steps if self.name is None else [*steps, self.name], value)


def _put(document: Document, steps: Sequence[str], value: object) -> Document:
    if not steps:
        raise ValueError("a place has at least one key")
    inner = document.get(steps[0])
    below = value if len(steps) == 1 else _put(inner if isinstance(inner, Mapping) else {}, steps[1:], value)
    return {**document, steps[0]: below}


def embedding_of(config: Config, model: str, signal: str) -> Embedding | None:
    """The embedding that the model's signal is a projection of: the signal itself stands nowhere in an event."""
    return Embeddings(config).embedding_of(config.model(model), signal)


def place_of(config: Config, model: str, signal: str) -> Place:
    """Where the model's signal stands, of a projection the embedding; the label, too, which is no signal unless it is
    listed."""
    found = config.model(model)
    embedding = embedding_of(config, model, signal)
    if embedding is not None:
        return Place(embedding.projection.path)
    listed = found.signals if found is not None and not isinstance(found.signals, str) else ()
    paths = config.event.paths
    for one in listed:
        if one.name == signal:
            return Place(one.path)
    ours = {PREDICTION: paths.prediction, LATENCY: paths.latency_ms, LABEL: paths.label}
    if signal in ours:
        return Place(ours[signal])
    name = feature_of_name(signal)
    return Place(name) if paths.features == WHOLE_EVENT else Place(paths.features, name)


Rows = Sequence[int]
_Change = Callable[[list[Document], Rows, Place, float, Facts, np.random.Generator], dict[int, Document]]


def changed(
    injection: Injection,
    size: float,
    documents: list[Document],
    rows: Rows,
    place: Place,
    facts: Facts,
    config: Config,
    rng: np.random.Generator,
) -> dict[int, Document]:
    """Those of the events at `rows` that the injection changes, as it leaves them. O(events)."""
    if injection.kind is Kind.PRIOR:
        return _prior(documents, rows, place, size, config, rng)
    return _CHANGES[injection.kind](documents, rows, place, size, facts, rng)


def _numbers(documents: list[Document], rows: Rows, place: Place, of: Callable[[float], float]) -> dict[int, Document]:
    values = place.read([documents[row] for row in rows])
    return {
        row: place.put(documents[row], of(value))
        for row, value in zip(rows, values, strict=True)
        if type(value) in (int, float)
    }


def _shift(
    documents: list[Document], rows: Rows, place: Place, size: float, facts: Facts, _: np.random.Generator
) -> dict[int, Document]:
    by = size * facts.deviation
    return _numbers(documents, rows, place, lambda value: value + by)


def _scale(
    documents: list[Document], rows: Rows, place: Place, size: float, _: Facts, __: np.random.Generator
) -> dict[int, Document]:
    return _numbers(documents, rows, place, lambda value: value * size)


def _null(
    documents: list[Document], rows: Rows, place: Place, size: float, _: Facts, rng: np.random.Generator
) -> dict[int, Document]:
    return {row: place.put(documents[row], None) for row in _drawn(rows, size, rng)}


def _swap(
    documents: list[Document], rows: Rows, place: Place, size: float, facts: Facts, rng: np.random.Generator
) -> dict[int, Document]:
    values = place.read([documents[row] for row in rows])
    most = [row for row, value in zip(rows, values, strict=True) if _is(value, facts.most)]
    return {row: place.put(documents[row], facts.second) for row in _drawn(most, size, rng)}


def _is(value: object, category: object) -> bool:
    """Whether a value is of the category; numbers may be codes."""
    if isinstance(value, bool) or isinstance(category, bool):
        return value is category
    return value == category or (isinstance(value, int | float) and str(value) == category)


def _prior(
    documents: list[Document], rows: Rows, place: Place, size: float, config: Config, rng: np.random.Generator
) -> dict[int, Document]:
    """Events become others, drawn from those of the rarer classes, and keep their time and id."""
    donors = _rarer(place.read(documents))
    if not len(donors):
        return {}
    stays = [Place(config.event.paths.ts), Place(config.event.paths.event_id)]
    kept = [one.read(documents) for one in stays]
    found: dict[int, Document] = {}
    for row in _drawn(rows, size, rng):
        other = documents[int(rng.choice(donors))]
        for one, values in zip(stays, kept, strict=True):
            other = other if values[row] is MISSING else one.put(other, values[row])
        found[row] = other
    return found


def _rarer(values: Sequence[Any]) -> npt.NDArray[np.intp]:
    """Rows of the rarer classes: all but the most frequent one; of a score, those above its median."""
    scalars = [value for value in values if isinstance(value, str | int | float)]
    counts = Counter(scalars)
    if len(counts) > _CLASSES and all(isinstance(value, int | float) for value in counts):
        middle = float(np.median(np.array(scalars, float)))
        return np.flatnonzero([isinstance(value, int | float) and value > middle for value in values])
    most = max(counts, key=lambda value: (counts[value], str(value)), default=None)
    return np.flatnonzero([isinstance(value, str | int | float) and value != most for value in values])


def _drawn(rows: Rows, share: float, rng: np.random.Generator) -> list[int]:
    taken = rng.random(len(rows)) < share
    return [row for row, yes in zip(rows, taken.tolist(), strict=True) if yes]


_CHANGES: Mapping[Kind, _Change] = {Kind.SHIFT: _shift, Kind.SCALE: _scale, Kind.NULL: _null, Kind.SWAP: _swap}
