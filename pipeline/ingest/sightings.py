"""The most anomalous events of a group in a window, by where they are: for people to look at.

They depend on how a topic is partitioned, so they stand outside profiles and alerts' bodies: in the header of packets and
of the alert's message.
"""

from collections.abc import Iterable
from typing import Any, NamedTuple

import numpy as np

from detectors.profiles.ordering import Floats
from pipeline.events.event_time import Times
from schemas import codec
from schemas.errors import WireError
from schemas.packet import Anomalies, SourcePartition

MOST = 5
LOOK_AT = "look_at"
"""The header of messages of alerts and of windows that they stand in, as JSON."""


class Sighting(NamedTuple):
    """An event, and its score."""

    score: float
    source: SourcePartition
    offset: int

    @property
    def rank(self) -> tuple[float, SourcePartition, int]:
        """Sorts the most anomalous first, and those alike by where they are."""
        return (-self.score, self.source, self.offset)

    def to_json(self) -> dict[str, Any]:
        return {
            "topic": self.source.topic,
            "partition": self.source.partition,
            "offset": self.offset,
            "score": self.score,
        }

    def __str__(self) -> str:
        return f"{self.source}@{self.offset} (score {self.score:g})"


class Sightings(NamedTuple):
    """The `MOST` most anomalous of some events, the most anomalous first, by the scorer of that digest; those of score 0
    are none. The same whatever the order in which they were merged."""

    scorer: str
    worst: tuple[Sighting, ...] = ()

    @classmethod
    def of(cls, scorer: str, source: SourcePartition, offsets: Times, scores: Floats) -> "Sightings":
        """Those of consecutive events of a partition, shape (n,) each, offsets ascending; of events of one record the most
        anomalous. O(n)."""
        firsts = np.flatnonzero(np.diff(offsets, prepend=-1))
        if len(firsts) < len(offsets):
            offsets, scores = offsets[firsts], np.maximum.reduceat(scores, firsts)
        least = np.partition(scores, -MOST)[-MOST] if len(scores) > MOST else 0.0
        some = np.flatnonzero(scores >= max(least, np.nextafter(0.0, 1.0)))
        chosen = some[np.argsort(-scores[some], kind="stable")][:MOST]
        found = zip(scores[chosen].tolist(), offsets[chosen].tolist(), strict=True)
        return cls(scorer, tuple(Sighting(score, source, offset) for score, offset in found))

    @classmethod
    def read(cls, form: Anomalies, source: SourcePartition) -> "Sightings":
        """Those of a packet."""
        return cls(form.scorer, tuple(Sighting(score, source, offset) for offset, score in form.worst)[:MOST])

    def form(self) -> Anomalies:
        """As a packet's header has them."""
        return Anomalies(scorer=self.scorer, worst=tuple((one.offset, one.score) for one in self.worst))

    def merge(self, other: "Sightings") -> "Sightings":
        """Those of both. Of different scorers, whose scores do not compare, those of the lesser digest."""
        if self.scorer != other.scorer:
            return min(self, other, key=lambda sightings: sightings.scorer)
        return Sightings(self.scorer, _worst({*self.worst, *other.worst}))


def merged(a: Sightings | None, b: Sightings | None) -> Sightings | None:
    """Those of both, of which either may have none."""
    return a.merge(b) if a is not None and b is not None else a if b is None else b


def read_sightings(header: bytes | None) -> tuple[Sighting, ...]:
    """What the header of an alert's message says; nothing where it is not there, or is no such header."""
    try:
        return tuple(
            Sighting(float(one["score"]), SourcePartition(str(one["topic"]), int(one["partition"])), int(one["offset"]))
            for one in codec.decode(header or b"[]")
        )
    except (WireError, KeyError, TypeError, ValueError, OverflowError):
        return ()


def _worst(some: Iterable[Sighting]) -> tuple[Sighting, ...]:
    return tuple(sorted(some, key=lambda one: one.rank)[:MOST])
