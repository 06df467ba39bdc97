"""Events read and not yet sent: columns by window and model, profiled when a packet is made of them.

Columns take the same memory however many models, segments and windows there are, and thousands of small groups are
profiled in one pass over each column.
"""

from collections.abc import Mapping, MutableSet, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np

from detectors.column import Column, concatenated
from detectors.exact import Cells
from detectors.grid import Indices
from detectors.group import GroupProfile, least_hashed
from detectors.profile import Resolution, columns_profiles
from detectors.vocabulary import Vocabulary
from pipeline import labels
from pipeline.event_time import Times
from pipeline.labels import Labels
from pipeline.segments import GroupSet, Part, SegmentRule
from pipeline.signals import ModelSignals
from schemas.group import Group, Segment

ROWS_PER_CHUNK = 256
MOST_DOCUMENTS = 1 << 14
MOST_VALUES = 1 << 25
MOST_WORDS = 1 << 17


class Place(NamedTuple):
    """Where an event belongs before it is split by version and segment."""

    window_start_ms: int
    model: str


@dataclass(frozen=True, slots=True)
class Resolutions:
    """How finely a whole model and a segment are profiled."""

    whole: Resolution
    segment: Resolution


@dataclass(slots=True)
class _Documents:
    """A model's documents that wait to become a chunk of each of their windows."""

    first: int
    documents: list[Mapping[str, Any]] = field(default_factory=list)
    features: list[Mapping[str, Any]] = field(default_factory=list)
    versions: list[str] = field(default_factory=list)
    offsets: list[Times] = field(default_factory=list)
    starts: list[Times] = field(default_factory=list)
    slices: list[Cells] = field(default_factory=list)

    def take(self, rows: Indices) -> "_Documents":
        offsets, starts, slices = (np.concatenate(parts)[rows] for parts in (self.offsets, self.starts, self.slices))
        places = rows.tolist()
        return _Documents(
            int(offsets[0]),
            [self.documents[place] for place in places],
            [self.features[place] for place in places],
            [self.versions[place] for place in places],
            [offsets],
            [starts],
            [slices],
        )


@dataclass(frozen=True, slots=True)
class _Chunk:
    """Columns of some rows of one place, in offset order."""

    offsets: Times
    slices: Cells
    versions: Labels
    segments: list[Labels]
    columns: dict[str, Column]

    def take(self, rows: Indices) -> "_Chunk":
        return _Chunk(
            self.offsets[rows],
            self.slices[rows],
            self.versions.take(rows),
            [values.take(rows) for values in self.segments],
            {name: column.take(rows) for name, column in self.columns.items()},
        )


@dataclass(slots=True)
class _Stock:
    """What one place holds: chunks of columns, and what was profiled to save memory, of the signals `names`."""

    first: int
    chunks: list[_Chunk] = field(default_factory=list)
    groups: GroupSet | None = None
    names: list[str] = field(default_factory=list)


class Pending:
    """The unsent events of one source partition. `siblings`, all those of a worker, share its memory between them."""

    def __init__(
        self, signals: Mapping[str, ModelSignals], resolutions: Resolutions, siblings: MutableSet["Pending"]
    ) -> None:
        self._siblings = siblings
        siblings.add(self)
        self._signals = signals
        self._resolutions = resolutions
        self._waiting: dict[str, _Documents] = {}
        self._documents = 0
        self._stock: dict[Place, _Stock] = {}
        self._vocabulary = Vocabulary()
        self._rows = 0
        self._values = 0

    def places(self) -> list[Place]:
        """Where there are events, in order."""
        self._columnise_all()
        return sorted(self._stock)

    @property
    def empty(self) -> bool:
        return not self._stock and not self._waiting

    @property
    def rows(self) -> int:
        """Events held as documents or columns."""
        return self._rows

    def first_offset(self) -> int | None:
        """The first offset that anything unsent covers."""
        firsts = [stock.first for stock in self._stock.values()]
        return min(firsts + [waiting.first for waiting in self._waiting.values()], default=None)

    def add(
        self,
        model: str,
        documents: Sequence[Mapping[str, Any]],
        features: Sequence[Mapping[str, Any]],
        versions: Sequence[str],
        offsets: Times,
        starts: Times,
        slices: Cells,
    ) -> None:
        """Takes events of one model, in offset order; `starts` are those of their windows."""
        waiting = self._waiting.get(model)
        if waiting is None:
            waiting = self._waiting[model] = _Documents(int(offsets[0]))
        waiting.documents += documents
        waiting.features += features
        waiting.versions += versions
        waiting.offsets.append(offsets)
        waiting.starts.append(starts)
        waiting.slices.append(slices)
        self._rows += len(documents)
        self._documents += len(documents)
        if len(waiting.documents) >= ROWS_PER_CHUNK:
            self._columnise(model)
        if self._documents > MOST_DOCUMENTS // len(self._siblings):
            self._columnise_all()
        if self._values > MOST_VALUES // len(self._siblings) or len(self._vocabulary) > MOST_WORDS:
            self._condense()

    def take(self, place: Place) -> GroupSet:
        """The groups of one of `places()`, which then holds nothing."""
        return self._profiled(place, self._stock.pop(place))

    def clear_words(self) -> None:
        """Forgets the strings met, once nothing refers to them."""
        if not self._rows:
            self._vocabulary.clear()

    def _columnise_all(self) -> None:
        for model in list(self._waiting):
            self._columnise(model)

    def _columnise(self, model: str) -> None:
        waiting = self._waiting.pop(model)
        self._documents -= len(waiting.documents)
        starts = np.concatenate(waiting.starts)
        chunk = self._chunk(model, waiting)
        if (starts == starts[0]).all():
            self._hold(Place(int(starts[0]), model), chunk)
            return
        # Where signals are left out, those of one window must not depend on the events of another.
        apart = self._signals[model].too_many
        for start in np.unique(starts).tolist():
            rows = np.flatnonzero(starts == start)
            self._hold(Place(start, model), self._chunk(model, waiting.take(rows)) if apart else chunk.take(rows))

    def _chunk(self, model: str, waiting: _Documents) -> _Chunk:
        signals = self._signals[model]
        return _Chunk(
            np.concatenate(waiting.offsets),
            np.concatenate(waiting.slices),
            Labels.of(waiting.versions),
            [Labels.of(values) for values in signals.segments(waiting.documents)],
            signals.columns(waiting.documents, waiting.features, self._vocabulary),
        )

    def _hold(self, place: Place, chunk: _Chunk) -> None:
        stock = self._stock.get(place)
        if stock is None:
            stock = self._stock[place] = _Stock(int(chunk.offsets[0]))
        stock.chunks.append(chunk)
        self._values += _values_of(chunk)

    def _condense(self) -> None:
        """Profiles all that is held as columns, so that memory stays bounded and the vocabulary can be emptied."""
        self._columnise_all()
        for place, stock in self._stock.items():
            stock.names = self._names(stock)
            stock.groups = self._profiled(place, stock)
            stock.groups.pack()
        self._vocabulary.clear()

    def _profiled(self, place: Place, stock: _Stock) -> GroupSet:
        """The stock's groups; its chunks are given up."""
        groups = stock.groups or GroupSet(self._signals[place.model].rules)
        if stock.chunks:
            names = {*stock.names, *(name for chunk in stock.chunks for name in chunk.columns)}
            if len(names) > self._resolutions.whole.signals:
                names = set(self._names(stock))
                groups.keep(names)
            chunk = _joined(stock.chunks, sorted(names))
            self._rows -= len(chunk.offsets)
            self._values -= sum(map(_values_of, stock.chunks))
            stock.chunks = []
            _profile_chunk(groups, place.model, chunk, self._resolutions, self._vocabulary)
        return groups

    def _names(self, stock: _Stock) -> list[str]:
        """The signals of a place: of those that some event has, the ones with the least hashes. That does not depend
        on how the events came to be in chunks, because each chunk has the least of its own."""
        met = {name for chunk in stock.chunks for name, column in chunk.columns.items() if column.present}
        return least_hashed(met | set(stock.names), self._resolutions.whole.signals)


def _values_of(chunk: _Chunk) -> int:
    """How many values of 8 bytes a chunk holds, or nearly."""
    return len(chunk.offsets) * (len(chunk.columns) + len(chunk.segments) + 3)


def _joined(chunks: list[_Chunk], names: list[str]) -> _Chunk:
    columns = {
        name: concatenated([c.columns.get(name) or Column.missing(len(c.offsets)) for c in chunks]) for name in names
    }
    return _Chunk(
        np.concatenate([c.offsets for c in chunks]),
        np.concatenate([c.slices for c in chunks]),
        labels.joined([c.versions for c in chunks]),
        [labels.joined(parts) for parts in zip(*(c.segments for c in chunks), strict=True)],
        columns,
    )


def _profile_chunk(
    groups: GroupSet, model: str, chunk: _Chunk, resolutions: Resolutions, vocabulary: Vocabulary
) -> None:
    wholes = [Group(model, version) for version in chunk.versions.names]
    _add_split(groups, wholes, chunk.versions.codes, chunk, resolutions.whole, vocabulary)
    for rule, values in zip(groups.rules.values(), chunk.segments, strict=True):
        met, rows = labels.pairs(chunk.versions, values)
        split = _segment_groups(groups, rule, model, met)
        _add_split(groups, split, rows, chunk, resolutions.segment, vocabulary)


def _segment_groups(groups: GroupSet, rule: SegmentRule, model: str, met: list[tuple[str, str]]) -> list[Group]:
    """The group of each (version, segment), with segments folded to the level that all of them need."""
    by_version: dict[str, set[str]] = {}
    for version, value in met:
        by_version.setdefault(version, set()).add(value)
    levels = {v: rule.level(some, groups.levels.get((v, rule.path), 0)) for v, some in by_version.items()}
    for version, level in levels.items():
        groups.raise_to((version, rule.path), level)
    return [Group(model, v, Segment(rule.path, rule.folded(value, levels[v]))) for v, value in met]


def _add_split(
    groups: GroupSet,
    split: list[Group],
    rows: Indices,
    chunk: _Chunk,
    resolution: Resolution,
    vocabulary: Vocabulary,
) -> None:
    """Adds the profiles of a chunk split into groups: row i belongs to `split[rows[i]]`, and groups may repeat."""
    place = {group: i for i, group in enumerate(sorted(set(split), key=lambda g: g.order))}
    owner = np.array([place[group] for group in split], np.intp)[rows]
    met = np.flatnonzero(np.bincount(owner, minlength=len(place)))
    parts = _parts(np.searchsorted(met, owner), len(met), chunk, resolution, vocabulary)
    owners = list(place)
    for i, part in zip(met.tolist(), parts, strict=True):
        groups.add(owners[i], part, groups.level(owners[i]))


def _parts(owner: Indices, owners: int, chunk: _Chunk, resolution: Resolution, vocabulary: Vocabulary) -> list[Part]:
    """One part for each owner, in order; `owner`, shape (n,), says whose each row is."""
    rows = len(owner)
    starts = np.zeros(1, np.intp)
    offsets, slices, columns = chunk.offsets, chunk.slices, list(chunk.columns.values())
    if owners > 1:
        order = np.argsort(owner.astype(np.uint16) if owners < 1 << 16 else owner, kind="stable")
        starts = np.concatenate([starts, np.cumsum(np.bincount(owner))[:-1]])
        offsets, slices, columns = offsets[order], slices[order], [column.take(order) for column in columns]
    profiles = columns_profiles(columns, starts, slices, resolution, vocabulary)
    ends = np.append(starts[1:], rows)
    return [
        Part(
            GroupProfile.of(hi - lo, dict(zip(chunk.columns, mine, strict=True)), resolution),
            int(offsets[lo]),
            int(offsets[hi - 1]) + 1,
        )
        for lo, hi, mine in zip(starts.tolist(), ends.tolist(), profiles, strict=True)
    ]
