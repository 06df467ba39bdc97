"""What a fetch from Kafka brings, as columns."""

from collections.abc import Sequence
from operator import attrgetter

import numpy as np

from pipeline.connections.kafka_consumer import Record
from pipeline.ingest.passage import Records, kafka_times

_OFFSET, _TIMESTAMP = attrgetter("offset"), attrgetter("timestamp")
_VALUE, _HEADERS, _KEY = attrgetter("value"), attrgetter("headers"), attrgetter("key")


def records_of(records: Sequence[Record], *, headers: bool, keys: bool = False) -> Records:
    """The records of one partition, in order; with their headers where the form of events wants them, and their keys where halves are joined."""
    n = len(records)
    times = np.fromiter(map(_TIMESTAMP, records), np.int64, n)
    return Records(
        np.fromiter(map(_OFFSET, records), np.int64, n),
        kafka_times(times),
        list(map(_VALUE, records)),
        list(map(_HEADERS, records)) if headers else None,
        list(map(_KEY, records)) if keys else None,
    )
