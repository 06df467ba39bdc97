"""One signal as the page shows it: how it stands, its distribution, its course, and what it could not have seen."""

from collections.abc import Iterator
from typing import Any, NamedTuple

from detectors.lenses.scorer import SIGNAL as ANOMALY
from pipeline.ingest.sightings import Sighting
from pipeline.serving.page.chart import Chart, effect_chart, evidence_chart
from pipeline.serving.page.chronicle import Chronicle, Past
from pipeline.serving.page.episode import Episode
from pipeline.serving.page.overlay import Bar, contributions, overlay
from pipeline.serving.page.rows import SignalRow, open_episodes, signal_row
from pipeline.serving.page.strange import Strange, strangest
from pipeline.serving.page.track import Point
from pipeline.serving.page.words import BASES, Light, lasting, moment, number, share
from schemas.group import Group, segment_text
from schemas.window import SignalRecord

_NEARLY_BLIND = 0.5


class SignalView(NamedTuple):
    """`record` is that of the last window, None where it is not kept any more. `strange` are the most anomalous events of
    that window, where the signal is their scores, and of those in which its alerts fired."""

    row: SignalRow
    segment: str
    window: str
    events: int
    baseline_events: int
    lasted: str
    record: SignalRecord | None
    bounds: str
    basis: str
    unseen: str
    bars: list[Bar]
    moved: list[Bar]
    charts: list[Chart]
    points: list[Point]
    ended: list[Episode]
    strange: list[Strange]

    @property
    def verdicts(self) -> tuple[dict[str, Any], ...]:
        return () if self.record is None else self.record.verdicts


def signal_view(chronicle: Chronicle, group: Group, signal: str) -> SignalView | None:
    """The signal; None where nothing is known of it."""
    past = chronicle.past(group)
    track = past.tracks.get(signal) if past else None
    if past is None or track is None:
        return None
    mine = [e for e in chronicle.episodes(group.model) if e.group == group and e.alert.signal == signal]
    row = signal_row(past, signal, track, open_episodes(mine))
    record, points = _record(past, signal), list(track)
    bars = overlay(record.cells) if record else []
    spans = [(e.onset_ms, points[-1].end_ms if e.ended_ms is None else e.ended_ms) for e in mine]
    last = points[-1]
    return SignalView(
        row,
        segment_text(group.segment),
        f"{moment(last.start_ms)} to {moment(last.end_ms)}",
        past.last.events,
        past.baseline_events,
        next((lasting(last.end_ms - e.onset_ms) for e in mine if e.is_open), ""),
        record,
        _bounds(record),
        BASES.get(track.budget_basis, ""),
        _unseen(last.minimum_detectable_effect),
        bars,
        contributions(bars) if row.light in (Light.RED, Light.AMBER) else [],
        [chart for chart in (evidence_chart(points, spans), effect_chart(points, spans)) if chart],
        points[::-1],
        [e for e in mine if not e.is_open],
        strangest(_sighted(past, signal, mine)),
    )


def _sighted(past: Past, signal: str, episodes: list[Episode]) -> Iterator[tuple[int, tuple[Sighting, ...]]]:
    if signal == ANOMALY:
        yield past.last.start_ms, past.sightings
    yield from ((e.alert.start_ms, e.sightings) for e in episodes if e.is_open)


def _record(past: Past, signal: str) -> SignalRecord | None:
    record = past.record
    return None if record is None else next((s for s in record.signals if s.name == signal), None)


def _bounds(record: SignalRecord | None) -> str:
    if record is None or record.effect_low is None or record.effect_high is None:
        return ""
    return f"{number(record.effect_low)} to {number(record.effect_high)} with 95 % confidence"


def _unseen(least: float | None) -> str:
    """What a change had to be for the last window to show it."""
    if least is None:
        return ""
    if least >= _NEARLY_BLIND:
        return (
            f"Nearly blind: only a change that moves {share(least)} of the events or more would have been found with a "
            "power of 0.8. Ok does not mean quiet here; more events in a window, or a calmer baseline, would help."
        )
    return (
        f"A change that moves {share(least)} of the events or more would have been found with a power of 0.8. "
        "A smaller one may have gone unseen."
    )
