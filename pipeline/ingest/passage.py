"""What goes into ingest of a partition, and what comes out."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np

from pipeline.events.event_time import BEGINNING, Times
from pipeline.events.formats.converter import Headers
from pipeline.events.joint import Joint
from pipeline.events.waiting import Waiting
from schemas.event import Refusal
from schemas.packet import Packet

NO_TIME_MS = 1 << 61
"""The time of a record that has none: nothing is ahead of it."""


class Records(NamedTuple):
    """Consecutive records of one partition: offsets ascending, shape (n,), their Kafka timestamps, shape (n,), and, where
    the form of events wants them, their headers; where halves are joined, their keys."""

    offsets: Times
    record_ms: Times
    values: Sequence[bytes | None]
    headers: Headers | None = None
    keys: Sequence[bytes | None] | None = None


def kafka_times(timestamps: Times) -> Times:
    """Kafka timestamps as they are held against events' times: `NO_TIME_MS` where a record has none, which Kafka says with
    a negative one."""
    return np.where(timestamps < 0, np.int64(NO_TIME_MS), timestamps)


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a partition is accounted for; what is committed with its resume offset.

    Every event below `position` was profiled and sent, or lies in a window still open, or was counted. `sealed_ms` is
    the end of the last window sent; a `watermark_ms` beyond it is a claim to be carried out. Counts are of events
    since the last emission. `pairs` is there in what is committed, where halves are joined. `anchor_ms` is the Kafka timestamp of the record that set the watermark, so that time can
    pass on an idle partition.
    """

    position: int
    watermark_ms: int = BEGINNING
    anchor_ms: int = 0
    sealed_ms: int = BEGINNING
    previous: tuple[int, int] | None = None
    late: int = 0
    refused: int = 0
    excluded: int = 0
    pairs: Joint | None = None


class DeadLetter(NamedTuple):
    """A record refused: its offset and the reason; the record itself where it may be of an earlier batch."""

    offset: int
    reason: Refusal
    record: Waiting | None = None


@dataclass(frozen=True, slots=True)
class Emission:
    """Packets to send together, and what the marker after them says."""

    position: int
    watermark_ms: int
    packets: tuple[Packet, ...]
    previous: tuple[int, int] | None
    late: int
    refused: int
    excluded: int


@dataclass(slots=True)
class Fed:
    """What a batch came to; `strangers` are the names of models that are not watched. It was `heard` where a record gave
    an event that tells the time, be it late, excluded, or of one model or version too many."""

    emissions: list[Emission] = field(default_factory=list)
    dead_letters: list[DeadLetter] = field(default_factory=list)
    profiled: int = 0
    late: int = 0
    excluded: int = 0
    strangers: set[str] = field(default_factory=set)
    heard: bool = False
