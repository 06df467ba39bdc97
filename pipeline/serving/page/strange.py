"""Single events to look at: the most anomalous of some windows, by where they are in the source topics."""

from collections.abc import Iterable
from typing import NamedTuple

from pipeline.ingest.sightings import MOST, Sighting
from pipeline.serving.page.words import moment, number


class Strange(NamedTuple):
    """An event, by its place and the beginning of its window; `width` is per cent of the bar of the strangest."""

    topic: str
    partition: int
    offset: int
    window: str
    score: str
    width: float


def strangest(windows: Iterable[tuple[int, Iterable[Sighting]]]) -> list[Strange]:
    """Of the windows that begin then, `MOST` of the events, the most anomalous first, each once."""
    began = {sighting: start_ms for start_ms, sightings in windows for sighting in sightings}
    chosen = sorted(began, key=lambda sighting: sighting.rank)[:MOST]
    return [_strange(sighting, began[sighting], chosen[0].score) for sighting in chosen]


def _strange(sighting: Sighting, start_ms: int, most: float) -> Strange:
    width = round(100 * sighting.score / most, 2) if most > 0.0 else 0.0
    source = sighting.source
    return Strange(source.topic, source.partition, sighting.offset, moment(start_ms), number(sighting.score), width)
