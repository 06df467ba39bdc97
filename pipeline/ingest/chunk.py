"""Columns of some events of one place: what documents become, and profiles are made of."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from detectors.profiles.column import Column, concatenated
from detectors.profiles.exact import Cells
from detectors.profiles.grid import Indices
from pipeline.events.event_time import Times
from pipeline.ingest import labels
from pipeline.ingest.labels import Labels


class Place(NamedTuple):
    """Where an event belongs before it is split by version and segment."""

    window_start_ms: int
    model: str


@dataclass(frozen=True, slots=True)
class Chunk:
    """Rows in offset order: of each the offset, the time slice, the version, the segment along each path, and the value
    of each signal."""

    offsets: Times
    slices: Cells
    versions: Labels
    segments: list[Labels]
    columns: dict[str, Column]

    @property
    def values(self) -> int:
        """How many values of 8 bytes it holds, or nearly."""
        return len(self.offsets) * (len(self.columns) + len(self.segments) + 3)

    @property
    def name_bytes(self) -> int:
        """What the names of its versions and segments take, or nearly."""
        return self.versions.size_bytes + sum(values.size_bytes for values in self.segments)

    def take(self, rows: Indices) -> "Chunk":
        """The rows named, in the order named."""
        return Chunk(
            self.offsets[rows],
            self.slices[rows],
            self.versions.take(rows),
            [values.take(rows) for values in self.segments],
            {name: column.take(rows) for name, column in self.columns.items()},
        )

    def part(self, begin: int, end: int) -> "Chunk":
        """Consecutive rows, as a copy: a window may wait long after those that lay beside it are sent."""
        return Chunk(
            self.offsets[begin:end].copy(),
            self.slices[begin:end].copy(),
            self.versions.part(begin, end),
            [values.part(begin, end) for values in self.segments],
            {name: column.part(begin, end) for name, column in self.columns.items()},
        )


def joined(chunks: Sequence[Chunk], names: Sequence[str]) -> Chunk:
    """The rows of all, one after the other, with these signals."""
    columns = {
        name: concatenated([c.columns.get(name) or Column.missing(len(c.offsets)) for c in chunks]) for name in names
    }
    return Chunk(
        np.concatenate([c.offsets for c in chunks]),
        np.concatenate([c.slices for c in chunks]),
        labels.joined([c.versions for c in chunks]),
        [labels.joined(parts) for parts in zip(*(c.segments for c in chunks), strict=True)],
        columns,
    )
