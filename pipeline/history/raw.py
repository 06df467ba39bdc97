"""Sequence detectors on single values: what `driftline replay --raw` runs.

On the trace of a window a detector reads the means of slices, where river's go blind, so there they warn at most. Here each
reads the values themselves, one after the other, as its paper has it. Nothing is windowed, and no budget is kept: a
detector alarms by its own parameters.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import chain
from typing import NamedTuple

import numpy as np

from detectors.profiles.column import Column, Kind
from detectors.profiles.grid import Indices
from detectors.profiles.ordering import Floats
from detectors.profiles.vocabulary import Vocabulary
from detectors.sequence import registry
from detectors.sequence.detector import SequenceDetector
from pipeline.events.event_time import Times
from pipeline.events.reader import Events
from pipeline.ingest.chunk import Chunk
from pipeline.ingest.intake import Documents, Intake
from pipeline.ingest.layout import Layouts
from pipeline.ingest.partition import PartitionIngest
from pipeline.ingest.privacy import Privacy
from pipeline.ingest.shared import Ingest
from schemas.config import Config
from schemas.errors import InputError
from schemas.packet import SourcePartition
from schemas.verdict import State


class Series(NamedTuple):
    """What is read in order by one detector."""

    model: str
    version: str
    signal: str


class Detection(NamedTuple):
    """`number` is the place of the value among those of its series, from 1 on; `note` what the detector says of it."""

    series: Series
    detector: str
    time_ms: int
    number: int
    note: str


@dataclass(slots=True)
class _Reader:
    """A detector on its way through a series; None once it was given what it does not read."""

    detector: SequenceDetector | None
    drifting: bool = False


@dataclass(slots=True)
class Raw:
    """The detectors of these names over every number and boolean of the events. `values` counts what each series had;
    `unread` are the detectors that do not read a series, with the reason. Raises InputError for an unknown name."""

    config: Config
    names: Sequence[str]
    values: dict[Series, int] = field(default_factory=dict)
    unread: dict[tuple[Series, str], str] = field(default_factory=dict)
    _readers: dict[tuple[Series, str], _Reader] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for name in self.names:
            self._fresh(name)

    def detections(self, batches: Iterable[Sequence[bytes]]) -> Iterator[Detection]:
        """What is found, as it is found. A detector that says drift of many values in a row found it once."""
        ingest = PartitionIngest(Ingest(self.config), SourcePartition("events", 0), "raw", 0)
        vocabulary = Vocabulary()
        intake = Intake(Layouts(self.config, Privacy.of(self.config)), vocabulary)
        read = 0
        for values in filter(None, batches):
            events = ingest.read(np.arange(read, read + len(values)), values)
            read += len(values)
            yield from self._feed(events, intake)
            vocabulary.clear()

    def _feed(self, events: Events, intake: Intake) -> Iterator[Detection]:
        """All as of one window, so that values come in the order of the events; an offset is a place in the batch."""
        watched = [at for at, model in enumerate(events.models) if self.config.model(model) is not None]
        if not watched:
            return
        documents = Documents(
            [events.models[at] for at in watched],
            [events.documents[at] for at in watched],
            [events.features[at] for at in watched],
            [events.versions[at] for at in watched],
            [np.array(watched, np.int64)],
            [np.zeros(len(watched), np.int64)],
            [np.zeros(len(watched), np.intp)],
        )
        for place, chunk in chain(intake.add(documents), intake.take()):
            yield from self._read(place.model, chunk, events.times_ms)

    def _read(self, model: str, chunk: Chunk, times_ms: Times) -> Iterator[Detection]:
        when = times_ms[chunk.offsets]
        for code, version in enumerate(chunk.versions.names):
            of_version = chunk.versions.codes == code
            for name, column in chunk.columns.items():
                rows, values = _values(column)
                mine = of_version[rows]
                yield from self._follow(Series(model, version, name), values[mine].tolist(), when[rows[mine]].tolist())

    def _follow(self, series: Series, values: list[float], times_ms: list[int]) -> Iterator[Detection]:
        before = self.values.get(series, 0)
        if not values:
            return
        self.values[series] = before + len(values)
        for name in self.names:
            reader = self._readers.setdefault((series, name), _Reader(self._fresh(name)))
            for at, (value, time_ms) in enumerate(zip(values, times_ms, strict=True)):
                if reader.detector is None:
                    break
                try:
                    verdict = reader.detector.update(value)
                except ValueError as error:
                    reader.detector, self.unread[series, name] = None, str(error)
                    break
                drifting = verdict.state is State.DRIFT
                if drifting and not reader.drifting:
                    yield Detection(series, name, time_ms, before + at + 1, verdict.note)
                reader.drifting = drifting

    def _fresh(self, name: str) -> SequenceDetector:
        try:
            return registry.build(name)
        except (ValueError, TypeError) as error:
            raise InputError(f"--raw: {error}") from None


def _values(column: Column) -> tuple[Indices, Floats]:
    """The rows that are numbers or booleans, and these as floats."""
    if column.kinds is None:
        assert column.numbers is not None
        return np.arange(column.rows), column.numbers
    kinds = column.kinds
    rows = np.flatnonzero((kinds == Kind.NUMBER) | (kinds == Kind.FALSE) | (kinds == Kind.TRUE))
    values = (kinds[rows] == Kind.TRUE).astype(np.float64)
    if column.numbers is not None:
        values = np.where(kinds[rows] == Kind.NUMBER, column.numbers[rows], values)
    return rows, values
