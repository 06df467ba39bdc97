"""Events read and not yet sent: columns by window and model, profiled when a packet is made of them.

Columns take the same memory however many models, segments and windows there are, and thousands of small groups are
profiled in one pass over each column.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from detectors.column import Column, concatenated
from detectors.exact import Cells
from detectors.group import GroupProfile
from detectors.profile import Resolution, profiles_of
from detectors.vocabulary import Vocabulary
from pipeline.event_time import Times
from pipeline.segments import GroupSet, Part, SegmentRule
from pipeline.signals import ModelSignals
from schemas.group import Group, Segment

ROWS_PER_CHUNK = 512
MOST_ROWS = 1 << 18
MOST_WORDS = 1 << 17

Labels = list[str]


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
class _Rows:
    """Documents that wait to become a chunk."""

    documents: list[Mapping[str, Any]] = field(default_factory=list)
    features: list[Mapping[str, Any]] = field(default_factory=list)
    versions: Labels = field(default_factory=list)
    offsets: list[Times] = field(default_factory=list)
    slices: list[Cells] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class _Chunk:
    """Columns of some rows, in offset order."""

    offsets: Times
    slices: Cells
    versions: Labels
    segments: list[Labels]
    columns: dict[str, Column]


@dataclass(slots=True)
class _Stock:
    """What one place holds: rows, chunks of columns, and what was profiled to save memory."""

    first: int
    rows: _Rows = field(default_factory=_Rows)
    chunks: list[_Chunk] = field(default_factory=list)
    groups: GroupSet | None = None
    held: int = 0


class Pending:
    """The unsent events of one source partition."""

    def __init__(self, signals: Mapping[str, ModelSignals], resolutions: Resolutions) -> None:
        self._signals = signals
        self._resolutions = resolutions
        self._stock: dict[Place, _Stock] = {}
        self._vocabulary = Vocabulary()
        self._held = 0

    @property
    def places(self) -> list[Place]:
        return sorted(self._stock)

    @property
    def rows(self) -> int:
        """Events held as rows or columns."""
        return self._held

    def first_offset(self) -> int | None:
        """The first offset that anything unsent covers."""
        return min((stock.first for stock in self._stock.values()), default=None)

    def add(
        self,
        place: Place,
        documents: Sequence[Mapping[str, Any]],
        features: Sequence[Mapping[str, Any]],
        versions: Sequence[str],
        offsets: Times,
        slices: Cells,
    ) -> None:
        """Takes events of one place, in offset order."""
        stock = self._stock.get(place)
        if stock is None:
            stock = self._stock[place] = _Stock(int(offsets[0]))
        rows = stock.rows
        rows.documents += documents
        rows.features += features
        rows.versions += versions
        rows.offsets.append(offsets)
        rows.slices.append(slices)
        stock.held += len(documents)
        self._held += len(documents)
        if len(rows.documents) >= ROWS_PER_CHUNK:
            self._columnise(place.model, stock)
        if self._held > MOST_ROWS or len(self._vocabulary) > MOST_WORDS:
            self._condense()

    def take(self, place: Place) -> GroupSet:
        """The groups of a place, which is then empty."""
        stock = self._stock.pop(place)
        self._held -= stock.held
        return self._profiled(place, stock)

    def clear_words(self) -> None:
        """Forgets the strings met, once nothing refers to them."""
        if not self._held:
            self._vocabulary.clear()

    def _columnise(self, model: str, stock: _Stock) -> None:
        rows = stock.rows
        if not rows.documents:
            return
        signals = self._signals[model]
        columns = signals.columns(rows.documents, rows.features, self._vocabulary)
        segments = signals.segments(rows.documents)
        offsets, slices = np.concatenate(rows.offsets), np.concatenate(rows.slices)
        stock.chunks.append(_Chunk(offsets, slices, rows.versions, segments, columns))
        stock.rows = _Rows()

    def _condense(self) -> None:
        """Profiles all that is held as columns, so that memory stays bounded and the vocabulary can be emptied."""
        for place, stock in self._stock.items():
            stock.groups = self._profiled(place, stock)
            stock.chunks, stock.held = [], 0
        self._held = 0
        self._vocabulary.clear()

    def _profiled(self, place: Place, stock: _Stock) -> GroupSet:
        self._columnise(place.model, stock)
        groups = stock.groups or GroupSet(self._signals[place.model].rules)
        if stock.chunks:
            _profile_chunk(groups, place.model, _joined(stock.chunks), self._resolutions, self._vocabulary)
        return groups


def _joined(chunks: list[_Chunk]) -> _Chunk:
    if len(chunks) == 1:
        return chunks[0]
    names = sorted({name for chunk in chunks for name in chunk.columns})
    columns = {
        name: concatenated([c.columns.get(name) or Column.missing(len(c.offsets)) for c in chunks]) for name in names
    }
    return _Chunk(
        np.concatenate([c.offsets for c in chunks]),
        np.concatenate([c.slices for c in chunks]),
        [v for c in chunks for v in c.versions],
        [[v for part in parts for v in part] for parts in zip(*(c.segments for c in chunks), strict=True)],
        columns,
    )


def _profile_chunk(
    groups: GroupSet, model: str, chunk: _Chunk, resolutions: Resolutions, vocabulary: Vocabulary
) -> None:
    versions = {version: [Group(model, version)] for version in set(chunk.versions)}
    _add_split(
        groups,
        [v for [v] in versions.values()],
        [versions[v][0] for v in chunk.versions],
        chunk,
        resolutions.whole,
        vocabulary,
    )
    for rule, values in zip(groups.rules.values(), chunk.segments, strict=True):
        split = _segment_groups(groups, rule, model, chunk.versions, values)
        _add_split(groups, list(dict.fromkeys(split)), split, chunk, resolutions.segment, vocabulary)


def _segment_groups(groups: GroupSet, rule: SegmentRule, model: str, versions: Labels, values: Labels) -> list[Group]:
    """Each row's group along one path, with its values folded to the level that all of them need."""
    pairs = list(zip(versions, values, strict=True))
    by_version: dict[str, set[str]] = {}
    for version, value in set(pairs):
        by_version.setdefault(version, set()).add(value)
    levels = {v: rule.level(some, groups.levels.get((v, rule.path), 0)) for v, some in by_version.items()}
    for version, level in levels.items():
        groups.raise_to((version, rule.path), level)
    made = {
        (version, value): Group(model, version, Segment(rule.path, rule.folded(value, levels[version])))
        for version, value in set(pairs)
    }
    return [made[pair] for pair in pairs]


def _add_split(
    groups: GroupSet,
    owners: list[Group],
    split: list[Group],
    chunk: _Chunk,
    resolution: Resolution,
    vocabulary: Vocabulary,
) -> None:
    owners = sorted(set(owners), key=lambda g: g.order)
    for group, part in zip(owners, _parts(owners, split, chunk, resolution, vocabulary), strict=True):
        groups.add(group, part, groups.level(group))


def _parts(
    owners: list[Group], split: list[Group], chunk: _Chunk, resolution: Resolution, vocabulary: Vocabulary
) -> list[Part]:
    """One part for each owner, in order."""
    rows = len(chunk.offsets)
    order: npt.NDArray[np.intp] | None = None
    starts = np.zeros(1, np.intp)
    offsets, slices = chunk.offsets, chunk.slices
    if len(owners) > 1:
        index = {group: i for i, group in enumerate(owners)}
        owner = np.fromiter(map(index.__getitem__, split), np.int32, rows)
        order = np.argsort(owner, kind="stable")
        starts = np.searchsorted(owner[order], np.arange(len(owners)))
        offsets, slices = offsets[order], slices[order]
    ends = np.append(starts[1:], rows)
    by_name = {
        name: profiles_of(column if order is None else column.take(order), starts, slices, resolution, vocabulary)
        for name, column in chunk.columns.items()
    }
    return [
        Part(
            GroupProfile.of(int(hi - lo), {name: profiles[i] for name, profiles in by_name.items()}, resolution),
            int(offsets[lo]),
            int(offsets[hi - 1]) + 1,
        )
        for i, (lo, hi) in enumerate(zip(starts, ends, strict=True))
    ]
