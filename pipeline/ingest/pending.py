"""Events read and not yet sent: columns by window and model, profiled when a packet is made of them.

Columns take the same memory however many models, segments and windows there are, and thousands of small groups are
profiled in one pass over each column.
"""

from collections.abc import Iterable, Mapping, MutableSet, Sequence
from dataclasses import dataclass, field

import numpy as np

from detectors.groups.group import GroupProfile, least_hashed
from detectors.lenses.cross import CrossProducts, Seeing
from detectors.lenses.frozen import NOTHING, Frozen, FrozenParts
from detectors.lenses.scorer import SIGNAL as ANOMALY
from detectors.profiles.column import Column
from detectors.profiles.grid import Indices
from detectors.profiles.profile import Resolution, columns_profiles
from detectors.profiles.vocabulary import Vocabulary
from pipeline.events.event_time import Times
from pipeline.ingest import labels
from pipeline.ingest.chunk import Chunk, Place, joined
from pipeline.ingest.intake import Documents, Intake
from pipeline.ingest.layout import Layouts
from pipeline.ingest.privacy import Privacy
from pipeline.ingest.segments import GroupSet, Part, SegmentRule, rules_of
from pipeline.ingest.sightings import Sightings
from schemas.config import Config
from schemas.group import Group, Segment
from schemas.packet import SourcePartition

MOST_DOCUMENTS = 1 << 14
MOST_VALUES = 1 << 25
MOST_WORD_BYTES = 1 << 26
MOST_DOCUMENT_BYTES = 1 << 25


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
        source: SourcePartition,
        resolutions: Resolutions,
        siblings: MutableSet["Pending"],
        frozen: FrozenParts | None = None,
        privacy: Privacy | None = None,
    ) -> None:
        self._siblings = siblings
        siblings.add(self)
        self._config = config
        self._source = source
        self._resolutions = resolutions
        self._frozen = frozen or {}
        self._vocabulary = Vocabulary()
        kept = {model: parts.names for model, parts in self._frozen.items()}
        self._intake = Intake(Layouts(config, privacy, kept), self._vocabulary)
        self._stock: dict[Place, _Stock] = {}
        self._rows = 0
        self._values = 0
        self._name_bytes = 0
        self._document_bytes = 0

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

    def weigh(self, size_bytes: int) -> None:
        """Notes how large the records are that the next events are of."""
        self._document_bytes += size_bytes

    def add(self, events: Documents) -> None:
        """Takes events, in offset order."""
        share = len(self._siblings)
        self._hold(self._intake.add(events))
        if not self._intake.documents:
            self._document_bytes = 0
        if self._intake.documents > MOST_DOCUMENTS // share or self._document_bytes > MOST_DOCUMENT_BYTES // share:
            self._take_in()
        if self._values + self._intake.values > MOST_VALUES // share or self._word_bytes > MOST_WORD_BYTES // share:
            self._condense()

    @property
    def _word_bytes(self) -> int:
        """What strings take: those that are values, and the names of versions and segments."""
        return self._vocabulary.size_bytes + self._name_bytes + self._intake.name_bytes

    def take(self, place: Place) -> GroupSet:
        """The groups of one of `places()`, which then holds nothing."""
        return self._profiled(place, self._stock.pop(place))

    def forget(self) -> None:
        """After places were taken: forgets the strings met, once nothing refers to them, and models that are gone."""
        self._intake.forget_unmet()
        if not self.rows:
            self._vocabulary.clear()

    def _take_in(self) -> None:
        self._document_bytes = 0
        self._hold(self._intake.take())

    def _hold(self, chunks: Iterable[tuple[Place, Chunk]]) -> None:
        for place, chunk in chunks:
            stock = self._stock.get(place)
            if stock is None:
                stock = self._stock[place] = _Stock(int(chunk.offsets[0]))
            stock.chunks.append(chunk)
            self._rows += len(chunk.offsets)
            self._values += chunk.values
            self._name_bytes += chunk.name_bytes

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
                groups.keep({*names, ANOMALY})
            chunk = joined(stock.chunks, sorted(names))
            seen = _Seen.of(self._frozen.get(place.model, NOTHING), self._source, stock.chunks, chunk)
            self._rows -= len(chunk.offsets)
            self._values -= sum(chunk.values for chunk in stock.chunks)
            self._name_bytes -= sum(chunk.name_bytes for chunk in stock.chunks)
            stock.chunks = []
            _profile_chunk(groups, place.model, chunk, self._resolutions, self._vocabulary, seen)
        return groups

    def _names(self, stock: _Stock) -> list[str]:
        """The signals of a place: of those that some event has, the ones with the least hashes. That does not depend
        on how the events came to be in chunks, because each chunk has the least of its own."""
        met = {name for chunk in stock.chunks for name, column in chunk.columns.items() if column.present}
        return least_hashed(met | set(stock.names), self._resolutions.whole.signals)


@dataclass(frozen=True, slots=True)
class _Seen:
    """What the frozen parts of a baseline make of a chunk: its correlations are seen through `lens`, and `scores`, shape
    (n,), are those of its events by the scorer of that digest. `beside` are the columns that they look at and that are
    not profiled, since the model has too many signals."""

    source: SourcePartition
    lens: Seeing | None
    scorer: str
    scores: Column | None
    beside: dict[str, Column]

    @classmethod
    def of(cls, frozen: Frozen, source: SourcePartition, chunks: Sequence[Chunk], chunk: Chunk) -> "_Seen":
        """`chunk` is those `chunks` as one, perhaps with fewer signals. O(values)."""
        left = {name for some in chunks for name in some.columns}.intersection(frozen.names) - set(chunk.columns)
        beside = joined(chunks, sorted(left)).columns if left else {}
        scorer, rows = frozen.scorer, len(chunk.offsets)
        if scorer is None:
            return cls(source, frozen.lens, "", None, beside)
        scores = scorer.scores({**chunk.columns, **beside}, rows)
        return cls(source, frozen.lens, scorer.digest, Column(rows, None, scores, None), beside)

    def crossed(self, columns: Mapping[str, Column], lo: int, hi: int) -> CrossProducts | None:
        """The cross-products of some rows."""
        return None if self.lens is None else CrossProducts.of(self.lens, columns, slice(lo, hi))

    def sightings(self, columns: Mapping[str, Column], offsets: Times, lo: int, hi: int) -> Sightings | None:
        """The most anomalous of some rows; `columns` have the scores among them."""
        if self.scores is None:
            return None
        scores = columns[ANOMALY].numbers
        assert scores is not None
        return Sightings.of(self.scorer, self.source, offsets[lo:hi], scores[lo:hi])


def _profile_chunk(
    groups: GroupSet,
    model: str,
    chunk: Chunk,
    resolutions: Resolutions,
    vocabulary: Vocabulary,
    seen: _Seen,
) -> None:
    wholes = [Group(model, version) for version in chunk.versions.names]
    _add_split(groups, wholes, chunk.versions.codes, chunk, resolutions.whole, vocabulary, seen)
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
    folded = [(v, rule.folded(value, levels[v])) for v, value in met]
    made = {pair: Group(model, pair[0], Segment(rule.path, pair[1])) for pair in set(folded)}
    return [made[pair] for pair in folded]


def _add_split(
    groups: GroupSet,
    split: list[Group],
    rows: Indices,
    chunk: Chunk,
    resolution: Resolution,
    vocabulary: Vocabulary,
    seen: _Seen | None = None,
) -> None:
    """Adds the profiles of a chunk split into groups: row i belongs to `split[rows[i]]`, and groups may repeat."""
    place = {group: i for i, group in enumerate(sorted(set(split), key=lambda g: g.order))}
    owner = np.array([place[group] for group in split], np.intp)[rows]
    met = np.flatnonzero(np.bincount(owner, minlength=len(place)))
    parts = _parts(np.searchsorted(met, owner), len(met), chunk, resolution, vocabulary, seen)
    owners = list(place)
    for i, part in zip(met.tolist(), parts, strict=True):
        groups.add(owners[i], part, groups.level(owners[i]))


def _parts(
    owner: Indices,
    owners: int,
    chunk: Chunk,
    resolution: Resolution,
    vocabulary: Vocabulary,
    seen: _Seen | None,
) -> list[Part]:
    """One part for each owner, in order; `owner`, shape (n,), says whose each row is."""
    rows = len(owner)
    starts = np.zeros(1, np.intp)
    named = chunk.columns if seen is None or seen.scores is None else {**chunk.columns, ANOMALY: seen.scores}
    beside = seen.beside if seen else {}
    offsets, slices, columns = chunk.offsets, chunk.slices, [*named.values(), *beside.values()]
    if owners > 1:
        order = np.argsort(owner.astype(np.uint16) if owners < 1 << 16 else owner, kind="stable")
        starts = np.concatenate([starts, np.cumsum(np.bincount(owner))[:-1]])
        offsets, slices, columns = offsets[order], slices[order], [column.take(order) for column in columns]
    profiles = columns_profiles(columns[: len(named)], starts, slices, resolution, vocabulary)
    ends = np.append(starts[1:], rows)
    by_name = dict(zip([*named, *beside], columns, strict=True))
    return [
        Part(
            GroupProfile.of(
                hi - lo,
                dict(zip(named, mine, strict=True)),
                resolution,
                seen.crossed(by_name, lo, hi) if seen else None,
            ),
            int(offsets[lo]),
            int(offsets[hi - 1]) + 1,
            seen.sightings(by_name, offsets, lo, hi) if seen else None,
        )
        for lo, hi, mine in zip(starts.tolist(), ends.tolist(), profiles, strict=True)
    ]
