"""A model as the page shows it: what fires, its signals, its segments, its budget."""

from collections.abc import Iterable
from typing import NamedTuple

from pipeline.serving.page.chronicle import Chronicle, Past
from pipeline.serving.page.course_view import CourseView, course_view
from pipeline.serving.page.episode import Episode
from pipeline.serving.page.rows import GroupRow, SignalRow, group_row, is_silent, open_episodes
from pipeline.serving.page.strange import Strange, strangest
from pipeline.serving.page.words import Light, counted, lasting, moment, number, signal_title, told, worst
from schemas.config import Config
from schemas.group import Group, segment_text
from schemas.model_config import FalseAlarms

_MOST_ENDED = 10


class Contribution(NamedTuple):
    """What one signal of one group adds to an incident. `low` to `high` are per cent of the scale from 0 to 1."""

    group: Group
    signal: str
    title: str
    where: str
    summary: str
    effect: float | None
    effect_text: str
    bounds: str
    bar: float
    low: float
    high: float
    ended: str


class Incident(NamedTuple):
    """Alerts of a model that began in one window; `strange` are the most anomalous events of the windows in which they
    fired."""

    name: str
    since: str
    lasted: str
    ended: str
    title: str
    contributions: list[Contribution]
    strange: list[Strange]


class Budget(NamedTuple):
    """Incidents within the period, against how many are expected to be false. `width` is per cent of the bar."""

    incidents: int
    at_most: str
    per: str
    spent: str
    width: float
    over: bool


class ModelView(NamedTuple):
    name: str
    light: Light
    verdict: str
    headline: str
    since: str
    lasted: str
    newest: str
    onset_ms: int
    open: list[Incident]
    ended: list[Incident]
    groups: list[GroupRow]
    segments: list[GroupRow]
    silent: list[GroupRow]
    budget: Budget | None
    courses: dict[Group, CourseView]

    @property
    def signals(self) -> list[SignalRow]:
        """The signals of the groups that are shown in full."""
        return [row for group in self.groups for row in group.signals]

    @property
    def unusual(self) -> list[str]:
        """What is unusual in the traffic of the last window, in words."""
        return [
            f"{row.title.lower()} {row.value}, median {row.usual}"
            for course in self.courses.values()
            for row in course.unusual
        ]


def model_view(chronicle: Chronicle, model: str, config: Config) -> ModelView | None:
    """The model; None where nothing is known of it."""
    pasts, episodes = chronicle.pasts(model), chronicle.episodes(model)
    if not pasts:
        return None
    newest_ms = max(past.last.end_ms for past in pasts)
    rows = [(past, group_row(past, open_episodes(episodes), newest_ms)) for past in pasts]
    lively = [row for past, row in rows if not is_silent(past, newest_ms)]
    groups = {row.group for row in lively}
    firing = open_episodes(episode for episode in episodes if episode.group in groups)
    light = worst([row.light for row in lively])
    incidents = _incidents([e for e in episodes if e.group in groups or not e.is_open])
    began = min((e.onset_ms for e in firing.values()), default=None)
    return ModelView(
        model,
        light,
        _verdict(light, lively),
        _headline(firing.values(), lively),
        "" if began is None else moment(began),
        "" if began is None else lasting(newest_ms - began),
        moment(newest_ms),
        began or 0,
        sorted((incident for incident in incidents if not incident.ended), key=_weight),
        [incident for incident in incidents if incident.ended][:_MOST_ENDED],
        [row for row in lively if row.group.segment is None],
        sorted((r for r in lively if r.group.segment is not None), key=lambda r: (-r.light.rank, r.group.order)),
        [row for past, row in rows if is_silent(past, newest_ms)],
        _budget(episodes, newest_ms, config.model(model)) if chronicle.knows_alerts else None,
        {past.group: course_view(past.course) for past in pasts if past.course is not None and past.group in groups},
    )


def main_past(pasts: Iterable[Past]) -> Past | None:
    """The group that stands for a model: the whole of the version seen last."""
    whole = [past for past in pasts if past.group.segment is None]
    return max(whole, key=lambda past: (past.last.end_ms, past.last.events), default=None)


def _verdict(light: Light, rows: list[GroupRow]) -> str:
    if light is Light.RED:
        return "drift"
    if light is Light.AMBER:
        warned = any(row.light is Light.AMBER for group in rows for row in group.signals)
        return "warning" if warned else "incomplete"
    return "ok" if light is Light.GREEN else "no verdict yet"


def _headline(firing: Iterable[Episode], rows: list[GroupRow]) -> str:
    """The greatest change, in the words of its alert or record, and how many more there are. The whole of a model goes
    before its segments."""
    alerts = sorted((e.alert for e in firing), key=lambda a: (a.segment is not None, -(a.effect or 0.0), a.signal))
    said = [(alert.signal, alert.summary, segment_text(alert.group.segment)) for alert in alerts]
    if not said:
        raised = [row for group in rows for row in group.signals if row.light in (Light.RED, Light.AMBER)]
        raised.sort(key=lambda row: (-row.light.rank, row.group.segment is not None, row.rank))
        said = [(row.name, row.summary, segment_text(row.group.segment)) for row in raised]
    if not said:
        return next((row.note for row in rows if row.note), "")
    more = len({signal for signal, _, _ in said}) - 1
    _, summary, segment = said[0]
    moved, semicolon, chance = told(summary).partition("; ")
    where = f" in {segment}" if segment else ""
    others = f", and {counted(more, 'more signal')}" if more else ""
    return f"{moved}{where}{others}{semicolon}{chance}"


def _incidents(episodes: list[Episode]) -> list[Incident]:
    found: dict[str, list[Episode]] = {}
    for episode in episodes:
        found.setdefault(episode.alert.incident, []).append(episode)
    return [_incident(name, some) for name, some in found.items()]


def _weight(incident: Incident) -> tuple[bool, int]:
    """Sorts open incidents: those of the whole before those of segments alone, the wide before the narrow."""
    return (all(one.group.segment for one in incident.contributions), -len(incident.contributions))


def _incident(name: str, episodes: list[Episode]) -> Incident:
    ended_ms = None if any(e.is_open for e in episodes) else max(e.ended_ms or 0 for e in episodes)
    onset_ms = min(e.alert.began_ms for e in episodes)
    signals, versions = (len({getattr(e.alert, what) for e in episodes}) for what in ("signal", "version"))
    return Incident(
        name,
        moment(onset_ms),
        "" if ended_ms is None else lasting(ended_ms - onset_ms),
        "" if ended_ms is None else moment(ended_ms),
        counted(signals, "signal") + (f" in {versions} versions" if versions > 1 else ""),
        [_contribution(episode, several=versions > 1) for episode in sorted(episodes, key=lambda e: e.rank)],
        strangest((e.alert.start_ms, e.sightings) for e in episodes),
    )


def _contribution(episode: Episode, *, several: bool) -> Contribution:
    """`several`: the incident has alerts of more than one version, so that each says of which it is."""
    alert = episode.alert
    low, high = alert.effect_low, alert.effect_high
    bounds = "" if low is None or high is None else f"{number(low)} to {number(high)}"
    return Contribution(
        alert.group,
        alert.signal,
        signal_title(alert.signal),
        ", ".join(filter(None, [f"version {alert.version}" if several else "", segment_text(alert.group.segment)])),
        told(alert.summary, alert.signal),
        alert.effect,
        number(alert.effect),
        bounds,
        _percent(alert.effect),
        _percent(low),
        _percent(high),
        "" if episode.ended_ms is None else moment(episode.ended_ms),
    )


def _percent(ratio: float | None) -> float:
    return round(100 * min(1.0, max(0.0, ratio or 0.0)), 2)


def _budget(episodes: list[Episode], newest_ms: int, watched: object) -> Budget:
    budget = getattr(watched, "false_alarms", FalseAlarms())
    opened = len({e.alert.incident for e in episodes if e.onset_ms > newest_ms - budget.per_ms})
    spent = opened / budget.at_most
    return Budget(
        opened,
        number(budget.at_most),
        lasting(budget.per_ms),
        f"{spent:.0%}".replace("%", " %"),
        _percent(spent),
        spent > 1,
    )
