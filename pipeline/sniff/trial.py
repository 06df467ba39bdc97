"""What a proposed configuration makes of the sample that it was proposed from."""

from collections import Counter
from collections.abc import Sequence

from pipeline.events.files.files import read_events
from pipeline.history.local import LocalIngest
from pipeline.ingest.partition import PartitionIngest
from pipeline.ingest.passage import Records
from pipeline.ingest.shared import Ingest
from pipeline.sniff.sample import Sample
from schemas.config import Config


def tried(sample: Sample, config: Config) -> Counter[str]:
    """How many events are profiled, excluded and late, and how many records are refused for which reason, as a worker
    counts them. Raises InputError or BrokerError where they cannot be read."""
    if sample.stretches[0].source is not None:
        return _of_topic(sample, config)
    return _of_files(_rows(sample, config) if sample.table else sample.stretches[0].values, config)


def _rows(sample: Sample, config: Config) -> list[bytes]:
    """The rows again, as the events that the configuration makes of them."""
    values: list[bytes] = []
    for path in sample.paths:
        for batch in read_events(path, config):
            values += batch.values[: sample.size - len(values)]
            if len(values) == sample.size:
                return values
    return values


def _of_files(values: Sequence[bytes], config: Config) -> Counter[str]:
    ingest = LocalIngest(config)
    for _ in ingest.messages([values]):
        pass
    ingest.counts.pop("refused")
    return +ingest.counts


def _of_topic(sample: Sample, config: Config) -> Counter[str]:
    counts: Counter[str] = Counter()
    shared = Ingest(config)
    for stretch in sample.stretches:
        assert stretch.source is not None
        assert stretch.offsets is not None
        assert stretch.record_ms is not None
        ingest = PartitionIngest(shared, stretch.source, "sample", int(stretch.offsets[0]))
        fed = ingest.feed(Records(stretch.offsets, stretch.record_ms, stretch.values, stretch.headers))
        counts.update(profiled=fed.profiled, late=fed.late, excluded=fed.excluded)
        counts.update(f"refused: {letter.reason}" for letter in fed.dead_letters)
    return +counts
