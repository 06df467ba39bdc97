"""A picture of a series: its values, with anomalies and changes marked, and the scores below."""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

from schemas.errors import InputError

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_LINES = ("#3b6ea8", "#6b8e4e", "#8a6bb1", "#7a7a7a")
_ANOMALY, _CHANGE, _SCORE = "#d62728", "#e08a00", "#7f7f7f"


class Picture:
    """What is to be drawn: a row after the other, then the rows where the series changes."""

    def __init__(self, title: str, names: Sequence[str], alarm: float) -> None:
        self.title, self.names, self.alarm = title, list(names), alarm
        self.times_ms: list[int] = []
        self.values: list[list[float]] = []
        self.scores: list[float] = []
        self.changes: list[int] = []

    def add(self, time_ms: int, values: list[float], score: float) -> None:
        self.times_ms.append(time_ms)
        self.values.append(values)
        self.scores.append(score)


def plotter(path: Path) -> Callable[[Picture], None]:
    """A function that draws a picture into a file, PNG, SVG or PDF by its ending. Raises InputError where matplotlib is
    missing, or the ending is none that it knows."""
    try:
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.dates import AutoDateLocator, ConciseDateFormatter
        from matplotlib.figure import Figure
    except ImportError:
        raise InputError("--plot needs matplotlib: pip install 'driftline[plot]'") from None
    kinds = FigureCanvasAgg.get_supported_filetypes()
    if path.suffix.lstrip(".").lower() not in kinds:
        raise InputError(f"{path}: a picture ends in .png, .svg or .pdf, this one in {path.suffix or 'nothing'}")

    def draw(picture: Picture) -> None:
        figure = Figure(figsize=(12, 6), layout="constrained")
        axis = _draw(figure, picture)
        if axis is not None:
            locator = AutoDateLocator(maxticks=9)
            axis.set_major_locator(locator)
            axis.set_major_formatter(ConciseDateFormatter(locator))
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            figure.savefig(path, dpi=120)
        except OSError as error:
            raise InputError(f"{path}: {error.strerror}") from error

    return draw


def _draw(figure: Any, picture: Picture) -> Any:
    """Draws, and returns the axis of times; None where the rows are numbered instead."""
    values_axis, score_axis = figure.subplots(2, 1, sharex=True, height_ratios=(3, 1))
    places = _places(picture.times_ms)
    anomalies = [row for row, score in enumerate(picture.scores) if score >= picture.alarm]
    for column, name in enumerate(picture.names):
        values = [row[column] for row in picture.values]
        values_axis.plot(places, values, color=_LINES[column % len(_LINES)], linewidth=0.9, label=name)
        label = f"anomaly ({len(anomalies)})" if column == 0 else None
        marked = [values[row] for row in anomalies]
        values_axis.plot([places[row] for row in anomalies], marked, "o", color=_ANOMALY, markersize=5, label=label)
    for number, row in enumerate(picture.changes):
        label = f"change ({len(picture.changes)})" if number == 0 else None
        values_axis.axvline(places[row], color=_CHANGE, linewidth=1.3, linestyle="--", label=label)
    values_axis.set_title(picture.title, loc="left", fontweight="bold")
    values_axis.legend(loc="upper right", bbox_to_anchor=(1, 1.12), ncols=6, frameon=False)
    score_axis.vlines(places, 0, picture.scores, color=_SCORE, linewidth=0.8)
    score_axis.vlines([places[r] for r in anomalies], 0, [picture.scores[r] for r in anomalies], color=_ANOMALY)
    score_axis.axhline(picture.alarm, color=_ANOMALY, linewidth=0.8, linestyle=":")
    score_axis.set_ylim(0, 1)
    score_axis.set_ylabel("anomaly_score")
    for axis in (values_axis, score_axis):
        axis.spines[["top", "right"]].set_visible(False)
        axis.margins(x=0.01)
        axis.grid(axis="y", alpha=0.3)
    return score_axis.xaxis if places and isinstance(places[0], datetime) else None


def _places(times_ms: list[int]) -> list[Any]:
    """Where the rows stand along the axis: their times, where they ascend and the calendar has them; else their numbers."""
    ascend = all(earlier < later for earlier, later in pairwise(times_ms))
    if not ascend or not times_ms or not _in_calendar(times_ms[0]) or not _in_calendar(times_ms[-1]):
        return list(range(len(times_ms)))
    return [_EPOCH + timedelta(milliseconds=time) for time in times_ms]


def _in_calendar(time_ms: int) -> bool:
    return -62_000_000_000_000 < time_ms < 253_000_000_000_000
