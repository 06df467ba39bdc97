"""The command `driftline series`: what is unusual in a series in a CSV file, and where its course changes."""

import sys
from collections.abc import Iterator
from contextlib import nullcontext
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.markup import escape
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn
from rich.table import Table
from rich.text import Text

from detectors.series.anomaly import ALARM, AnomalyScorer
from detectors.series.changes import ChangeDetector
from pipeline.commands import console
from pipeline.configuration.outfile import keep_apart, write
from pipeline.series.file import ScoredFile, SeriesFile
from pipeline.series.plot import Picture, plotter
from schemas import codec
from schemas.errors import InputError

_SHOWN = 10
_ROWS_A_STEP = 1024


def series(
    files: Annotated[list[Path], typer.Argument(metavar="FILE...", help="CSV with the columns timestamp,value.")],
    out: Annotated[
        Path | None, typer.Option("--out", "-o", metavar="OUT.csv", help="Write the rows with anomaly_score here.")
    ] = None,
    plot: Annotated[
        Path | None, typer.Option(metavar="OUT.png", help="Draw the series, its anomalies and its changes here.")
    ] = None,
    changes: Annotated[
        Path | None,
        typer.Option(metavar="OUT.json", help="Find changes of course, and write the rows where they begin here."),
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="Print the summary as JSON.")] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="No progress bar, no summary.")] = False,
) -> None:
    """Scores each row of a series for how unusual it is after the rows before it: anomaly_score, from 0 to 1.

    One pass, no look-ahead, nothing to tune. With --changes, it also finds where the course of the series changes, in one
    FILE or several; rows count from 0."""
    if len(files) > 1:
        _takes_one(files, "--out", out)
        _takes_one(files, "--plot", plot)
    keep_apart(files, [out, plot, changes])
    draw = None if plot is None else plotter(plot)
    readings: dict[str, _Reading] = {}
    for path in files:
        if path.stem in readings:
            raise InputError(f"{path}: two files are named {path.stem}; changes are written by name")
        reading = readings[path.stem] = _Reading(path, find_changes=changes is not None, keep=plot is not None)
        reading.read(out, quiet=quiet)
        if draw is not None:
            draw(reading.picture)
    if changes is not None:
        write(
            changes, (codec.encode_text({name: reading.changes for name, reading in readings.items()}) + "\n").encode()
        )
    if json:
        sys.stdout.write(codec.encode_text({name: r.summary() for name, r in readings.items()}) + "\n")
    elif not quiet:
        for reading in readings.values():
            console.show_table(reading.table())


class _Reading:
    """One pass over a file, and what it found."""

    def __init__(self, path: Path, *, find_changes: bool, keep: bool) -> None:
        self.file = SeriesFile(path)
        self.changes: list[int] = []
        self.anomalies = 0
        self.picture = Picture(path.name, self.file.names, ALARM)
        self._scorers = [AnomalyScorer() for _ in self.file.names]
        self._detector = ChangeDetector(len(self.file.names)) if find_changes else None
        self._keep = keep
        self._top: list[tuple[float, int, str, str]] = []

    def read(self, out: Path | None, *, quiet: bool) -> None:
        with nullcontext() if out is None else ScoredFile(out, self.file.header) as scored:
            for number, row in _progress(self.file, quiet):
                score = max(map(_update, self._scorers, [row.time_ms] * len(row.values), row.values))
                if scored is not None:
                    scored.write(row.cells, score)
                if score >= ALARM:
                    self.anomalies += 1
                    self._remember(score, number, row.cells)
                if self._keep:
                    self.picture.add(row.time_ms, row.values, score)
                change = None if self._detector is None else self._detector.update(row.values)
                if change is not None:
                    self.changes.append(change)
        self.picture.changes = self.changes

    def _remember(self, score: float, number: int, cells: list[str]) -> None:
        """Keeps the rows with the highest scores."""
        value = ", ".join(cells[column] for column in self.file.columns)
        self._top = sorted([*self._top, (score, number, cells[self.file.time_column], value)], key=_rank)[:_SHOWN]

    def summary(self) -> dict[str, Any]:
        found: dict[str, Any] = {"rows": self.file.rows, "missing": self.file.missing, "anomalies": self.anomalies}
        found["highest"] = [
            {"row": number, "timestamp": time, "value": value, "anomaly_score": round(score, 6)}
            for score, number, time, value in self._top
        ]
        return found if self._detector is None else {**found, "changes": self.changes}

    def table(self) -> Table:
        title = f"{self.file.path.name}: {self.file.rows:,} rows, {self.anomalies:,} anomalies"
        if self.file.missing:
            title += f", {self.file.missing:,} values missing"
        table = Table("row", "timestamp", "value", "anomaly_score", title=Text(title, "table.title"))
        for score, number, time, value in self._top:
            table.add_row(f"{number}", Text(time), Text(value), f"{score:.3f}")
        if self._detector is not None:
            table.caption = Text(f"changes at rows: {', '.join(map(str, self.changes)) or 'none'}")
        return table


def _update(scorer: AnomalyScorer, time_ms: int, value: float) -> float:
    return scorer.update(time_ms, value)


def _rank(found: tuple[float, int, str, str]) -> tuple[float, int]:
    return -found[0], found[1]


def _takes_one(files: list[Path], name: str, given: Path | None) -> None:
    if given is not None:
        raise typer.BadParameter(f"takes one FILE, got {len(files)}", param_hint=name)


def _progress(file: SeriesFile, quiet: bool) -> Iterator[tuple[int, Any]]:
    """The rows with their numbers, behind a progress bar on the terminal's error stream."""
    columns = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console.err, disable=quiet or not console.err.is_terminal, transient=True) as bar:
        task = bar.add_task(escape(file.path.name), total=1.0)
        for number, row in enumerate(file):
            yield number, row
            if number % _ROWS_A_STEP == 0:
                bar.update(task, completed=file.done)
