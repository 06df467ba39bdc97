"""The overview: every model as red, amber or green; the worst first, and of those that drift the latest."""

from typing import NamedTuple

from pipeline.serving.page.chronicle import Chronicle
from pipeline.serving.page.model_view import ModelView, main_past, model_view
from pipeline.serving.page.rows import Strip, strip_of
from pipeline.serving.page.words import Light, counted, moment
from schemas.config import Config


class Card(NamedTuple):
    """A model in a few lines: its versions that have events, and how many these had in the last window."""

    view: ModelView
    strip: Strip
    version: str
    events: int


class Overview(NamedTuple):
    title: str
    rest: str
    newest: str
    cards: list[Card]


def overview(chronicle: Chronicle, config: Config) -> Overview:
    views = [view for model in chronicle.models if (view := model_view(chronicle, model, config)) is not None]
    views.sort(key=lambda view: (-view.light.rank, -view.onset_ms, view.name))
    lights = [view.light for view in views]
    newest_ms = chronicle.newest_ms
    return Overview(
        _title(lights),
        _rest(lights),
        "" if newest_ms is None else moment(newest_ms),
        [_card(chronicle, view) for view in views],
    )


def _card(chronicle: Chronicle, view: ModelView) -> Card:
    past = main_past(chronicle.pasts(view.name))
    if past is None:
        return Card(view, Strip([], "no windows"), "", 0)
    versions = sorted(row.group.version for row in view.groups if row.group.version)
    events = sum(row.events for row in view.groups) or past.last.events
    return Card(view, strip_of(past.windows), _versions(versions), events)


def _versions(names: list[str]) -> str:
    if len(names) < 2:
        return "".join(f"Version {name}" for name in names)
    return f"Versions {', '.join(names[:-1])} and {names[-1]}"


def _title(lights: list[Light]) -> str:
    red, models = lights.count(Light.RED), counted(len(lights), "model")
    if not lights:
        return "No window has closed yet"
    if red:
        return f"{red} of {models} {'drifts' if red == 1 else 'drift'}"
    return f"{models}, no drift"


def _rest(lights: list[Light]) -> str:
    words = ((Light.AMBER, "in warning"), (Light.GREEN, "ok"), (Light.GREY, "without a verdict yet"))
    said = [f"{n} {word}" for light, word in words if (n := lights.count(light))]
    return ", ".join(said)
