"""Documents on their way to columns: converted a batch at a time, by layout, and then split by window and model."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from detectors.profiles.exact import Cells
from detectors.profiles.grid import Indices
from detectors.profiles.vocabulary import Vocabulary
from pipeline.events.event_time import Times
from pipeline.ingest import labels
from pipeline.ingest.chunk import Chunk, Place, joined
from pipeline.ingest.labels import Labels
from pipeline.ingest.layout import Layout, Layouts

ROWS_PER_TABLE, VALUES_PER_TABLE = 256, 1 << 16
VALUES_PER_SPLIT = 1 << 21


@dataclass(slots=True)
class Documents:
    """Events as they were decoded, in offset order; `starts` are those of their windows."""

    models: list[str] = field(default_factory=list)
    documents: list[Mapping[str, Any]] = field(default_factory=list)
    features: list[Mapping[str, Any]] = field(default_factory=list)
    versions: list[str] = field(default_factory=list)
    offsets: list[Times] = field(default_factory=list)
    starts: list[Times] = field(default_factory=list)
    slices: list[Cells] = field(default_factory=list)

    def __len__(self) -> int:
        return len(self.documents)

    def extend(self, other: "Documents") -> None:
        """Adds what comes after these."""
        self.models += other.models
        self.documents += other.documents
        self.features += other.features
        self.versions += other.versions
        self.offsets += other.offsets
        self.starts += other.starts
        self.slices += other.slices

    def take(self, rows: Indices) -> "Documents":
        """The rows named, in the order named."""
        places = rows.tolist()
        return Documents(
            *(
                [part[place] for place in places]
                for part in (self.models, self.documents, self.features, self.versions)
            ),
            *([np.concatenate(parts)[rows]] for parts in (self.offsets, self.starts, self.slices)),
        )


@dataclass(frozen=True, slots=True)
class _Table:
    """A chunk that is not split yet: the model and the window's start of each row."""

    models: Labels
    starts: Times
    chunk: Chunk


@dataclass(slots=True)
class _Waiting:
    """What waits of one layout, in offset order: tables, and after them documents. `first` is the first offset."""

    first: int
    tables: list[_Table] = field(default_factory=list)
    documents: Documents = field(default_factory=Documents)

    @property
    def values(self) -> int:
        return sum(table.chunk.values for table in self.tables)

    @property
    def name_bytes(self) -> int:
        return sum(table.chunk.name_bytes for table in self.tables)


class Intake:
    """The documents of one source partition. Strings are entered in `vocabulary`; `rows` are the events that wait,
    `documents` those of them that are no columns yet."""

    def __init__(self, layouts: Layouts, vocabulary: Vocabulary) -> None:
        self._layouts = layouts
        self._vocabulary = vocabulary
        self._waiting: dict[Layout, _Waiting] = {}
        self.rows = 0
        self.documents = 0

    @property
    def values(self) -> int:
        """How many values of 8 bytes the columns hold, or nearly."""
        return sum(waiting.values for waiting in self._waiting.values())

    @property
    def name_bytes(self) -> int:
        """What the names of versions and segments take, or nearly."""
        return sum(waiting.name_bytes for waiting in self._waiting.values())

    def first_offset(self) -> int | None:
        """The first offset that anything here covers."""
        return min((waiting.first for waiting in self._waiting.values()), default=None)

    def add(self, events: Documents) -> Iterator[tuple[Place, Chunk]]:
        """Takes events, in offset order. Where enough wait, they come out as chunks, those of a place in offset order.
        O(values)."""
        self.rows += len(events)
        self.documents += len(events)
        for layout, some in self._by_layout(events):
            waiting = self._waiting.setdefault(layout, _Waiting(int(some.offsets[0][0])))
            waiting.documents.extend(some)
            rows, width = len(waiting.documents), len(some.features[-1])
            if rows >= ROWS_PER_TABLE or rows * width >= VALUES_PER_TABLE:
                yield from self._convert(layout, VALUES_PER_SPLIT)

    def forget_unmet(self) -> None:
        """Forgets models that have had no events of late."""
        self._layouts.forget_unmet()

    def take(self) -> Iterator[tuple[Place, Chunk]]:
        """All that waits."""
        for layout in list(self._waiting):
            yield from self._convert(layout, 0)

    def _by_layout(self, events: Documents) -> list[tuple[Layout, Documents]]:
        models: dict[Layout, list[str]] = {}
        for model in dict.fromkeys(events.models):
            models.setdefault(self._layouts[model], []).append(model)
        if len(models) == 1:
            return [(layout, events) for layout in models]
        which = {model: at for at, some in enumerate(models.values()) for model in some}
        of_row = np.fromiter(map(which.__getitem__, events.models), np.intp, len(events))
        return [(layout, events.take(np.flatnonzero(of_row == at))) for at, layout in enumerate(models)]

    def _convert(self, layout: Layout, most: int) -> Iterator[tuple[Place, Chunk]]:
        """Makes a table of the documents, and splits the tables once they have `most` values. Where documents do not keep
        to the layout, each model is given one of its own."""
        waiting = self._waiting[layout]
        documents, waiting.documents = waiting.documents, Documents()
        self.documents -= len(documents)
        strange = not self._tabulated(layout, waiting, documents)
        if strange or waiting.values >= most:
            del self._waiting[layout]
            yield from self._split(waiting.tables)
        if strange:
            models = Labels.of(documents.models)
            for at, model in enumerate(models.names):
                yield from self._relearnt(model, documents.take(np.flatnonzero(models.codes == at)))

    def _tabulated(self, layout: Layout, waiting: _Waiting, documents: Documents) -> bool:
        """Whether the documents became a table of this layout."""
        if not documents:
            return True
        if layout.too_many:
            return False
        try:
            waiting.tables.append(self._table(layout, documents))
        except KeyError:
            return False
        return True

    def _relearnt(self, model: str, documents: Documents) -> Iterator[tuple[Place, Chunk]]:
        layout = self._layouts.learn(model, documents.features)
        if not layout.too_many:
            yield from self._split([self._table(layout, documents)])
            return
        # Where signals are left out, those of one window must not depend on the events of another.
        starts = np.concatenate(documents.starts)
        for start in np.unique(starts).tolist():
            some = documents.take(np.flatnonzero(starts == start))
            yield from self._split([self._table(self._layouts.learn(model, some.features), some)])

    def _table(self, layout: Layout, documents: Documents) -> _Table:
        chunk = Chunk(
            np.concatenate(documents.offsets),
            np.concatenate(documents.slices),
            Labels.of(documents.versions),
            [Labels.of(values) for values in layout.segments(documents.documents)],
            layout.columns(documents.documents, documents.features, self._vocabulary),
        )
        return _Table(Labels.of(documents.models), np.concatenate(documents.starts), chunk)

    def _split(self, tables: Sequence[_Table]) -> Iterator[tuple[Place, Chunk]]:
        """The rows of the tables by place."""
        if not tables:
            return
        models, starts = labels.joined([t.models for t in tables]), np.concatenate([t.starts for t in tables])
        chunk = joined([t.chunk for t in tables], sorted({name for t in tables for name in t.chunk.columns}))
        self.rows -= len(starts)
        windows = np.unique(starts)
        place = models.codes * len(windows) + np.searchsorted(windows, starts)
        places = [Place(start, model) for model in models.names for start in windows.tolist()]
        if len(places) == 1:
            yield places[0], chunk
            return
        order = np.argsort(place, kind="stable")
        chunk = chunk.take(order)
        ends = np.cumsum(np.bincount(place, minlength=len(places))).tolist()
        for at, begin, end in zip(places, [0, *ends], ends, strict=False):
            if begin < end:
                yield at, chunk.part(begin, end)
