"""A history that is read more than once: the events of files, or of a range of topics.

A backtest reads it once, and again for each configuration that it tries and for the windows that it changes.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple, Protocol

from detectors.lenses.frozen import FrozenParts
from pipeline.events.event_time import BEGINNING, Times
from pipeline.events.files.files import read_events
from pipeline.events.formats.converter import Headers
from pipeline.history.local import LocalIngest
from schemas.config import Config
from schemas.packet import Marker, Packet, SourcePartition

_ALL_TIME_MS = 1 << 61


class Stretch(NamedTuple):
    """Consecutive records of one source partition, and how far into the history they end, from 0 to 1. Records of
    files have neither offsets nor times of their own, nor headers; those of topics have, shape (n,)."""

    values: Sequence[bytes]
    done: float = 1.0
    source: SourcePartition | None = None
    offsets: Times | None = None
    record_ms: Times | None = None
    headers: Headers | None = None


class History(Protocol):
    """What can be read again. Windows that lie in `[begin_ms, end_ms)` are whole; others may lack events."""

    begin_ms: int
    end_ms: int

    def stretches(self) -> Iterator[Stretch]:
        """The records, those of a source partition in order; each call reads them anew."""

    def messages(self, config: Config, stretches: Iterable[Stretch], counts: Counter[str]) -> Iterator[Packet | Marker]:
        """What ingest makes of these stretches, whose end seals every window. `counts` is told what became of the
        events."""


class FileHistory:
    """The events of files, in order, as one source partition; `frozen` are the frozen parts of the models' baselines."""

    begin_ms = BEGINNING
    end_ms = _ALL_TIME_MS

    def __init__(self, paths: Sequence[Path], config: Config, frozen: FrozenParts | None = None) -> None:
        self._paths = paths
        self._config = config
        self._frozen = frozen

    def stretches(self) -> Iterator[Stretch]:
        for number, path in enumerate(self._paths):
            for batch in read_events(path, self._config):
                yield Stretch(batch.values, (number + batch.done) / len(self._paths))

    def messages(self, config: Config, stretches: Iterable[Stretch], counts: Counter[str]) -> Iterator[Packet | Marker]:
        ingest = LocalIngest(config, self._frozen)
        yield from ingest.messages(stretch.values for stretch in stretches)
        counts.update(ingest.counts)
