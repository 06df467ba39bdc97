"""Logs of a profiles partition, as two source partitions fill it: made by real ingest, for tests of the monitor."""

from collections.abc import Iterator, Sequence
from itertools import zip_longest

import numpy as np

from pipeline.ingest.dispatch import Dispatcher
from pipeline.ingest.partition import PartitionIngest
from pipeline.ingest.passage import Emission, Progress, Records
from pipeline.ingest.shared import Ingest
from schemas.config import Config
from schemas.packet import Marker, Packet, SourcePartition
from tests.pipeline.events import START_MS

Log = list[Packet | Marker]

SOURCES = (SourcePartition("events", 0), SourcePartition("events", 1))
FAR_MS = START_MS + 365 * 86_400_000


class Source:
    """Ingest of one source partition, and everything that it sends to the one profiles partition."""

    def __init__(
        self,
        config: Config,
        source: SourcePartition = SOURCES[0],
        partitions: int = 1,
        at: int = 0,
        progress: Progress | None = None,
        generation: int = 3,
    ) -> None:
        self._ingest = PartitionIngest(Ingest(config), source, "id", at, progress)
        self._dispatcher = Dispatcher(config, source, "id", 1)
        self._partitions = {source.topic: partitions}
        self._generation = generation
        self._offset = at

    @property
    def progress(self) -> Progress:
        return self._ingest.progress

    def feed(self, values: Sequence[bytes], times_ms: Sequence[int]) -> Log:
        """Reads records with those Kafka timestamps."""
        offsets = np.arange(self._offset, self._offset + len(values))
        self._offset += len(values)
        return self._sent(self._ingest.feed(Records(offsets, np.array(times_ms, np.int64), values)).emissions)

    def end(self) -> Log:
        """Seals every window, as on a partition that has been idle for long."""
        claimed = self._ingest.claim(FAR_MS)
        return [] if claimed is None else self._sent(self._ingest.advance(claimed).emissions)

    def _sent(self, emissions: Sequence[Emission]) -> Log:
        log: Log = []
        for emission in emissions:
            log += [packet for _, packet in self._dispatcher.packets(emission)]
            log += [marker for _, marker in self._dispatcher.markers(emission, self._partitions, self._generation)]
        return log


def log_of(config: Config, values: Sequence[bytes], times_ms: Sequence[int], batch: int = 50) -> Log:
    """The log of one source partition, read to its end."""
    source = Source(config)
    return [m for part in _parts(values, times_ms, batch) for m in source.feed(*part)] + source.end()


def log_of_two(config: Config, values: Sequence[bytes], times_ms: Sequence[int], batch: int = 50) -> Log:
    """The log of two source partitions that hold the records in turn, read side by side to their ends."""
    sources = [Source(config, name, len(SOURCES)) for name in SOURCES]
    log = _side_by_side(sources, values, times_ms, batch)
    return log + [message for source in sources for message in source.end()]


def log_of_an_idle_one(
    config: Config, values: Sequence[bytes], times_ms: Sequence[int], last: int, found_idle: int, batch: int = 50
) -> Log:
    """The same, but from the record `last` on all are on the first partition. The second is found to be idle when the
    first has been read up to `found_idle`: many windows close at once."""
    sources = [Source(config, name, len(SOURCES)) for name in SOURCES]
    log = _side_by_side(sources, values[:last], times_ms[:last], batch)
    for start, stop in ((last, found_idle), (found_idle, len(values))):
        for part in _parts(values[start:stop], times_ms[start:stop], batch):
            log += sources[0].feed(*part)
        log += sources[1].end()
    return log + sources[0].end()


def _side_by_side(sources: Sequence[Source], values: Sequence[bytes], times_ms: Sequence[int], batch: int) -> Log:
    n = len(sources)
    log: Log = []
    for parts in zip_longest(*(_parts(values[i::n], times_ms[i::n], batch) for i in range(n))):
        for source, part in zip(sources, parts, strict=True):
            log += source.feed(*part) if part else []
    return log


def _parts(
    values: Sequence[bytes], times_ms: Sequence[int], batch: int
) -> Iterator[tuple[Sequence[bytes], Sequence[int]]]:
    for at in range(0, len(values), batch):
        yield values[at : at + batch], times_ms[at : at + batch]
