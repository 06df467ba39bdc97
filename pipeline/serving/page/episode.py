"""The episode: an alert from its firing to its end."""

from typing import NamedTuple

from pipeline.ingest.sightings import Sighting
from schemas.alert import Alert
from schemas.group import Group


class Episode(NamedTuple):
    """An alert as it fired, without its evidence. `ended_ms` is the end of the window that resolved it, None while it is
    open; `sightings` are the most anomalous events of the window in which it fired."""

    alert: Alert
    ended_ms: int | None = None
    sightings: tuple[Sighting, ...] = ()

    @property
    def is_open(self) -> bool:
        return self.ended_ms is None

    @property
    def group(self) -> Group:
        return self.alert.group

    @property
    def onset_ms(self) -> int:
        return self.alert.onset_ms

    @property
    def rank(self) -> tuple[bool, float, str, str]:
        """Sorts episodes of an incident: what is open first, of these the greatest effect, the whole before a segment that is
        equal."""
        return (not self.is_open, -(self.alert.effect or 0.0), str(self.alert.segment or ""), self.alert.signal)
