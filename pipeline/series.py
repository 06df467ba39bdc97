"""The command `driftline series`: what is unusual in a series in a CSV file, and where it changes."""

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.markup import escape
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn
from rich.table import Table

from detectors.series.anomaly import ALARM, AnomalyScorer
from pipeline import console
from pipeline.series_file import Row, ScoredFile, SeriesFile
from schemas import codec
from schemas.errors import InputError


def series(
    files: Annotated[list[Path], typer.Argument(metavar="FILE...", help="CSV files with columns timestamp,value.")],
    out: Annotated[
        Path | None, typer.Option("--out", "-o", metavar="OUT.csv", help="Write the rows with anomaly_score here.")
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="Print the summary as JSON.")] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="No progress bar, no summary.")] = False,
) -> None:
    """Scores every row of a series for how unusual it is, in one pass that never looks ahead."""
    if len(files) > 1 and out is not None:
        raise typer.BadParameter(f"takes one FILE, got {len(files)}", param_hint="--out")
    for path in files:
        _score(path, out, quiet)


def _score(path: Path, out: Path | None, quiet: bool) -> None:
    file = SeriesFile(path)
    scorers = [AnomalyScorer() for _ in range(file.dimensions)]
    written = None if out is None else ScoredFile(out, file.header)
    for row in _rows(file, quiet):
        score = max(scorer.update(row.time_ms, value) for scorer, value in zip(scorers, row.values, strict=True))
        if written is not None:
            written.write(row.cells, score)
    if written is not None:
        written.close()


def _rows(file: SeriesFile, quiet: bool) -> Iterator[Row]:
    """The rows, behind a progress bar on the terminal's error stream."""
    columns = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console.err, disable=quiet or not console.err.is_terminal, transient=True) as bar:
        task = bar.add_task(escape(file.path.name), total=1.0)
        for row in file:
            yield row
            if file.rows % 1024 == 0:
                bar.update(task, completed=file.done)
