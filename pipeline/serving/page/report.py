"""The report: one model in one document that needs nothing else, to send to someone."""

from collections.abc import Iterable
from pathlib import Path

from pipeline.serving.page.chronicle import Chronicle
from pipeline.serving.page.model_view import model_view
from pipeline.serving.page.renderer import Frame, Freshness, Renderer
from pipeline.serving.page.rows import GroupRow
from pipeline.serving.page.signal_view import signal_view
from pipeline.serving.page.words import Light
from schemas.config import Config
from schemas.errors import InputError
from schemas.group import Group

_MOST_SIGNALS = 60


def report(chronicle: Chronicle, model: str | None, config: Config) -> str:
    """The report of a model, HTML; without a name, of the only one. Raises InputError where it is not there."""
    name = _one_of([known for known in chronicle.models if chronicle.pasts(known)], model)
    view = model_view(chronicle, name, config)
    if view is None:
        raise InputError(f"no window of model {name!r} has closed")
    shown = _worth_a_page([*view.groups, *view.segments])
    signals = [found for group, signal in shown if (found := signal_view(chronicle, group, signal)) is not None]
    frame = Frame(Freshness(f"Report up to {view.newest}, event time"), passed_over=chronicle.passed_over)
    return Renderer().report(view, signals, frame)


def chronicle_of(windows: Path, alerts: Path | None, most_windows: int) -> Chronicle:
    """What files of window records and of alerts say, NDJSON as `replay` writes them. Raises InputError where one
    cannot be read, or has no record."""
    chronicle = Chronicle(most_windows)
    chronicle.knows_alerts = alerts is not None
    for line in _lines(alerts) if alerts else ():
        chronicle.alert(line)
    for line in _lines(windows):
        chronicle.window(line)
    if not chronicle.models:
        raise InputError(f"{windows}: no window record in it; write some with: driftline replay --windows")
    return chronicle


def _worth_a_page(groups: Iterable[GroupRow]) -> list[tuple[Group, str]]:
    """The signals of the whole, and of segments those that stand out; the worst first, as many as a document bears."""
    rows = [row for group in groups for row in group.signals if _stands_out(group, row.light)]
    rows.sort(key=lambda row: (-row.light.rank, row.group.segment is not None, row.rank))
    return [(row.group, row.name) for row in rows[:_MOST_SIGNALS]]


def _stands_out(group: GroupRow, light: Light) -> bool:
    return group.group.segment is None or light in (Light.RED, Light.AMBER)


def _one_of(models: list[str], model: str | None) -> str:
    if model is not None and model not in models:
        raise InputError(f"no window of model {model!r}; there are {', '.join(models) or 'none'}")
    if model is None and len(models) != 1:
        raise InputError(f"there are {len(models)} models ({', '.join(models)}): name one with --model")
    return model or models[0]


def _lines(path: Path) -> Iterable[bytes]:
    try:
        with path.open("rb") as file:
            yield from (line for line in file if line.strip())
    except OSError as error:
        raise InputError(f"{path}: {error.strerror}") from error
