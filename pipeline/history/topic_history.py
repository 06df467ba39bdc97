"""A range of the source topics as a history: read only, and ingested partition by partition as a worker does."""

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import replace

import numpy as np

from detectors.lenses.frozen import FrozenParts
from pipeline.connections.admin import Admin, Topic, source_topics
from pipeline.connections.log_reader import Range, RangeReader
from pipeline.connections.rights import read_rights
from pipeline.events.event_time import BEGINNING
from pipeline.events.reader import EventReader
from pipeline.history.history import Stretch
from pipeline.ingest.dispatch import Dispatcher
from pipeline.ingest.partition import PartitionIngest
from pipeline.ingest.passage import Emission, Records, kafka_times
from pipeline.ingest.shared import Ingest
from schemas.config import Config
from schemas.errors import InputError
from schemas.packet import Marker, Packet, SourcePartition

_ALL_TIME_MS = 1 << 61


class TopicHistory:
    """The records written in `[since_ms, until_ms)`, as the broker's timestamps have it, of every source topic, seen through the
    `frozen` parts of the models' baselines.

    Where the range cuts a partition, windows that began before its first event are left out, and so are those that
    had not ended, lateness included, at its end. Raises BrokerError where the topics cannot be read, InputError where
    the range is empty.
    """

    def __init__(self, config: Config, since_ms: int, until_ms: int, frozen: FrozenParts | None = None) -> None:
        self._config = config
        self._frozen = frozen
        with Admin(config) as admin:
            self._topics: dict[str, Topic] = source_topics(admin, config)
            admin.demand(read_rights(config.kafka.topics))
        sources = [SourcePartition(t.name, p) for t in self._topics.values() for p in range(t.partitions)]
        with RangeReader(config, sources) as reader:
            self._ranges = reader.ranges(since_ms, until_ms)
            if all(start == stop for start, stop in self._ranges.values()):
                raise InputError(
                    f"nothing was written to {', '.join(sorted(self._topics))} in that time; --since and --until go by when records were written, not by the events' own time"
                )
            bounds = reader.bounds()
            begun = [self._time(reader, s, r[0], r[1]) for s, r in self._ranges.items() if bounds[s][0] < r[0] < r[1]]
            ended = [self._time(reader, s, r[1], bounds[s][1]) for s, r in self._ranges.items() if r[1] < bounds[s][1]]
        lateness = config.window.allowed_lateness_ms
        self.begin_ms = max([BEGINNING, *(time for time in begun if time is not None)])
        self.end_ms = min([until_ms, *(time for time in ended if time is not None)]) - lateness

    def _time(self, reader: RangeReader, source: SourcePartition, start: int, stop: int) -> int | None:
        """The time of the first event there."""
        records, _ = reader.read(source, start, min(stop, start + 1))
        values, headers = [record.value for record in records], [record.headers for record in records]
        times_ms = kafka_times(np.array([record.timestamp for record in records], np.int64))
        times = EventReader(self._config).read(values, headers, times_ms).times_ms
        return int(times[0]) if len(times) else None

    def stretches(self) -> Iterator[Stretch]:
        """The partitions side by side: always the one whose last record was written first, so that few windows are
        open at a time."""
        at: dict[SourcePartition, Range] = dict(self._ranges)
        times = dict.fromkeys(at, BEGINNING)
        whole = sum(stop - start for start, stop in at.values())
        with RangeReader(self._config, at) as reader:
            while left := [source for source, (start, stop) in at.items() if start < stop]:
                source = min(left, key=lambda one: (times[one], one))
                records, start = reader.read(source, *at[source])
                at[source] = start, at[source][1]
                if records:
                    times[source] = records[-1].timestamp
                    unread = sum(stop - start for start, stop in at.values())
                    yield Stretch(
                        [record.value for record in records],
                        1.0 - unread / whole,
                        source,
                        np.array([record.offset for record in records], np.int64),
                        kafka_times(np.array([record.timestamp for record in records], np.int64)),
                        [record.headers for record in records],
                    )

    def messages(self, config: Config, stretches: Iterable[Stretch], counts: Counter[str]) -> Iterator[Packet | Marker]:
        shared = Ingest(config, self._frozen)
        sources = {topic.name: topic.partitions for topic in self._topics.values()}
        parts = {source: self._part(shared, source, start) for source, (start, _) in self._ranges.items()}
        for stretch in stretches:
            assert stretch.source is not None
            assert stretch.offsets is not None
            assert stretch.record_ms is not None
            ingest, dispatcher = parts[stretch.source]
            fed = ingest.feed(Records(stretch.offsets, stretch.record_ms, stretch.values, stretch.headers))
            counts.update(profiled=fed.profiled, late=fed.late, excluded=fed.excluded, refused=len(fed.dead_letters))
            counts.update(f"refused: {letter.reason}" for letter in fed.dead_letters)
            yield from _messages(dispatcher, fed.emissions, sources)
        for ingest, dispatcher in parts.values():
            yield from _messages(
                dispatcher, ingest.advance(replace(ingest.progress, watermark_ms=_ALL_TIME_MS)).emissions, sources
            )

    def _part(self, shared: Ingest, source: SourcePartition, start: int) -> tuple[PartitionIngest, Dispatcher]:
        topic_id = self._topics[source.topic].topic_id
        return PartitionIngest(shared, source, topic_id, start), Dispatcher(shared.config, source, topic_id, 1)


def _messages(
    dispatcher: Dispatcher, emissions: Iterable[Emission], sources: dict[str, int]
) -> Iterator[Packet | Marker]:
    for emission in emissions:
        yield from (packet for _, packet in dispatcher.packets(emission))
        yield from (marker for _, marker in dispatcher.markers(emission, sources, 0))
