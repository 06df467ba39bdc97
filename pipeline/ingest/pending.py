"""Events read and not yet sent: columns by window and model, profiled when a packet is made of them.

Columns take the same memory however many models, segments and windows there are, and thousands of small groups are
profiled in one pass over each column.
"""

from collections.abc import Iterable, Mapping, MutableSet
from dataclasses import dataclass, field

import numpy as np

from detectors.column import Column
from detectors.cross import CrossProducts
from detectors.grid import Indices
from detectors.group import GroupProfile, least_hashed
from detectors.lens import Lens
from detectors.profile import Resolution, columns_profiles
from detectors.vocabulary import Vocabulary
from pipeline.ingest import labels
from pipeline.ingest.chunk import Chunk, Place, joined
from pipeline.ingest.intake import Documents, Intake
from pipeline.ingest.layout import Layouts
from pipeline.ingest.privacy import Privacy
from pipeline.ingest.segments import GroupSet, Part, SegmentRule, rules_of
from schemas.config import Config
from schemas.group import Group, Segment

MOST_DOCUMENTS = 1 << 14
MOST_VALUES = 1 << 25
MOST_WORDS = 1 << 17


@dataclass(frozen=True, slots=True)
class Resolutions:
    """How finely a whole model and a segment are profiled."""

    whole: Resolution
    segment: Resolution


@dataclass(slots=True)
class _Stock:
    """What one place holds: chunks of columns, and what was profiled to save memory, of the signals `names`."""

    first: int
    chunks: list[Chunk] = field(default_factory=list)
    groups: GroupSet | None = None
    names: list[str] = field(default_factory=list)


class Pending:
    """The unsent events of one source partition. `siblings`, all those of a worker, share its memory between them."""

    def __init__(
        self,
        config: Config,
        resolutions: Resolutions,
        siblings: MutableSet["Pending"],
        lenses: Mapping[str, Lens] | None = None,
        privacy: Privacy | None = None,
    ) -> None:
        self._siblings = siblings
        siblings.add(self)
        self._config = config
        self._resolutions = resolutions
        self._lenses = lenses or {}
        self._vocabulary = Vocabulary()
        self._intake = Intake(Layouts(config, privacy or Privacy()), self._vocabulary)
        self._stock: dict[Place, _Stock] = {}
        self._rows = 0
        self._values = 0

    def places(self) -> list[Place]:
        """Where there are events, in order."""
        self._take_in()
        return sorted(self._stock)

    @property
    def empty(self) -> bool:
        return not self._stock and not self._intake.rows

    @property
    def rows(self) -> int:
        """Events held as documents or columns."""
        return self._rows + self._intake.rows

    def first_offset(self) -> int | None:
        """The first offset that anything unsent covers."""
        firsts = [stock.first for stock in self._stock.values()]
        waiting = self._intake.first_offset()
        return min(firsts if waiting is None else [*firsts, waiting], default=None)

    def add(self, events: Documents) -> None:
        """Takes events, in offset order."""
        self._hold(self._intake.add(events))
        if self._intake.documents > MOST_DOCUMENTS // len(self._siblings):
            self._take_in()
        if (
            self._values + self._intake.values > MOST_VALUES // len(self._siblings)
            or len(self._vocabulary) > MOST_WORDS
        ):
            self._condense()

    def take(self, place: Place) -> GroupSet:
        """The groups of one of `places()`, which then holds nothing."""
        return self._profiled(place, self._stock.pop(place))

    def clear_words(self) -> None:
        """Forgets the strings met, once nothing refers to them."""
        if not self.rows:
            self._vocabulary.clear()

    def _take_in(self) -> None:
        self._hold(self._intake.take())

    def _hold(self, chunks: Iterable[tuple[Place, Chunk]]) -> None:
        for place, chunk in chunks:
            stock = self._stock.get(place)
            if stock is None:
                stock = self._stock[place] = _Stock(int(chunk.offsets[0]))
            stock.chunks.append(chunk)
            self._rows += len(chunk.offsets)
            self._values += chunk.values

    def _condense(self) -> None:
        """Profiles all that is held as columns, so that memory stays bounded and the vocabulary can be emptied."""
        self._take_in()
        for place, stock in self._stock.items():
            stock.names = self._names(stock)
            stock.groups = self._profiled(place, stock)
            stock.groups.pack()
        self._vocabulary.clear()

    def _profiled(self, place: Place, stock: _Stock) -> GroupSet:
        """The stock's groups; its chunks are given up."""
        groups = stock.groups or GroupSet(rules_of(self._config, place.model))
        if stock.chunks:
            names = {*stock.names, *(name for chunk in stock.chunks for name in chunk.columns)}
            if len(names) > self._resolutions.whole.signals:
                names = set(self._names(stock))
                groups.keep(names)
            chunk = joined(stock.chunks, sorted(names))
            self._rows -= len(chunk.offsets)
            self._values -= sum(chunk.values for chunk in stock.chunks)
            stock.chunks = []
            lens = self._lenses.get(place.model)
            _profile_chunk(groups, place.model, chunk, self._resolutions, self._vocabulary, lens)
        return groups

    def _names(self, stock: _Stock) -> list[str]:
        """The signals of a place: of those that some event has, the ones with the least hashes. That does not depend
        on how the events came to be in chunks, because each chunk has the least of its own."""
        met = {name for chunk in stock.chunks for name, column in chunk.columns.items() if column.present}
        return least_hashed(met | set(stock.names), self._resolutions.whole.signals)


def _profile_chunk(
    groups: GroupSet,
    model: str,
    chunk: Chunk,
    resolutions: Resolutions,
    vocabulary: Vocabulary,
    lens: Lens | None,
) -> None:
    wholes = [Group(model, version) for version in chunk.versions.names]
    _add_split(groups, wholes, chunk.versions.codes, chunk, resolutions.whole, vocabulary, lens)
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
    chunk: Chunk,
    resolution: Resolution,
    vocabulary: Vocabulary,
    lens: Lens | None = None,
) -> None:
    """Adds the profiles of a chunk split into groups: row i belongs to `split[rows[i]]`, and groups may repeat."""
    place = {group: i for i, group in enumerate(sorted(set(split), key=lambda g: g.order))}
    owner = np.array([place[group] for group in split], np.intp)[rows]
    met = np.flatnonzero(np.bincount(owner, minlength=len(place)))
    parts = _parts(np.searchsorted(met, owner), len(met), chunk, resolution, vocabulary, lens)
    owners = list(place)
    for i, part in zip(met.tolist(), parts, strict=True):
        groups.add(owners[i], part, groups.level(owners[i]))


def _parts(
    owner: Indices,
    owners: int,
    chunk: Chunk,
    resolution: Resolution,
    vocabulary: Vocabulary,
    lens: Lens | None,
) -> list[Part]:
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
    seen = dict(zip(chunk.columns, columns, strict=True))
    return [
        Part(
            GroupProfile.of(
                hi - lo, dict(zip(chunk.columns, mine, strict=True)), resolution, _crossed(lens, seen, lo, hi)
            ),
            int(offsets[lo]),
            int(offsets[hi - 1]) + 1,
        )
        for lo, hi, mine in zip(starts.tolist(), ends.tolist(), profiles, strict=True)
    ]


def _crossed(lens: Lens | None, columns: Mapping[str, Column], lo: int, hi: int) -> CrossProducts | None:
    return None if lens is None else CrossProducts.of(lens, columns, slice(lo, hi))
