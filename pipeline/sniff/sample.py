"""Some events to look at: the last of a topic, read only and without a group, or the first of files."""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from pipeline.connections.admin import Admin, source_topics
from pipeline.connections.log_reader import RangeReader
from pipeline.events.files.files import is_table, read_events, read_rows
from pipeline.history.history import Stretch
from pipeline.ingest.passage import kafka_times
from schemas.config import Config
from schemas.errors import InputError
from schemas.packet import SourcePartition


class Sample(NamedTuple):
    """Consecutive records of each partition, and what they are called; `paths` are the files they are from, and rows of a
    `table` are an object each, with a field for each column."""

    name: str
    stretches: Sequence[Stretch]
    paths: Sequence[Path] = ()
    table: bool = False

    @property
    def size(self) -> int:
        return sum(len(stretch.values) for stretch in self.stretches)


def of_topic(config: Config, topic: str, most: int) -> Sample:
    """The last `most` records of a topic or a few more, as many of each partition. Commits nothing. Raises BrokerError
    where it cannot be read, InputError where it holds nothing."""
    one = config.model_copy(update={"kafka": config.kafka.model_copy(update={"topics": (topic,)})})
    with Admin(one) as admin:
        [found] = source_topics(admin, one).values()
    sources = [SourcePartition(topic, partition) for partition in range(found.partitions)]
    with RangeReader(one, sources) as reader:
        bounds = {source: held for source, held in reader.bounds().items() if held[0] < held[1]}
        each = -(-most // max(1, len(bounds)))
        some = [_last(reader, source, first, end, each) for source, (first, end) in bounds.items()]
    stretches = [stretch for stretch in some if stretch.values]
    if not stretches:
        raise InputError(f"topic {topic} holds nothing; sniff it once it has events")
    return Sample(topic, stretches)


def of_files(paths: Sequence[Path], most: int) -> Sample:
    """The first `most` events of the files. Raises InputError where a file cannot be read, or there are none."""
    if len({is_table(path) for path in paths}) > 1:
        raise InputError("tables and NDJSON have different configurations; sniff them apart")
    table = is_table(paths[0])
    values: list[bytes] = []
    for path in paths:
        for batch in read_rows(path) if table else read_events(path, Config()):
            values += batch.values[: most - len(values)]
            if len(values) >= most:
                break
    if not values:
        raise InputError(f"{', '.join(map(str, paths))}: no events")
    return Sample(paths[0].name.split(".")[0], [Stretch(values)], paths, table)


def _last(reader: RangeReader, source: SourcePartition, first: int, end: int, most: int) -> Stretch:
    records, at = [], max(first, end - most)
    while at < end:
        some, at = reader.read(source, at, end)
        records += some
    return Stretch(
        [record.value for record in records],
        1.0,
        source,
        np.array([record.offset for record in records], np.int64),
        kafka_times(np.array([record.timestamp for record in records], np.int64)),
        [record.headers for record in records],
    )
