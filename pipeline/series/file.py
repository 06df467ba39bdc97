"""A series in a CSV file: a column of times and one or more of values, and the same rows with a score beside each."""

import csv
import math
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple, TextIO

from pipeline.configuration.outfile import make_folder_of
from pipeline.events.files.csv_file import NULLS
from schemas.errors import InputError

SCORE = "anomaly_score"
_TIME_NAMES = ("timestamp", "time", "ts", "datetime", "date")
_VALUE_NAME = "value"
_SECONDS_BELOW = 1e11  # epoch seconds until the year 5138; milliseconds from March 1973 on


class Row(NamedTuple):
    """A row: its cells as they stand, its time in epoch milliseconds, its values, NaN where one is missing."""

    cells: list[str]
    time_ms: int
    values: list[float]


class SeriesFile:
    """Reads a series. The column of times is the one named `timestamp`, `time`, `ts`, `datetime` or `date`, else the
    first; the column of values is `value`, else every other one. A first row that holds a time and numbers is no header.

    Times are ISO 8601, also as `2014-02-14 14:27:00`, a date, `2014-02` or a year; or epoch seconds or milliseconds.
    Without a zone they count as UTC. Raises InputError with the row and what stands there. The rows that have been read
    are counted in `rows`, those with a value missing in `missing`, and `done` is how far into the file they end. `columns`
    and `time_column` say where values and times stand.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.rows = self.missing = 0
        self.done = 0.0
        self.header, self._headed = self._read_header()
        names = [name.strip().lower() for name in self.header]
        self.time_column = next((names.index(name) for name in _TIME_NAMES if name in names), 0)
        others = [i for i in range(len(names)) if i != self.time_column]
        self.columns = [i for i in others if names[i] == _VALUE_NAME][:1] or others
        if not self.columns:
            raise InputError(f"{path}: needs a column of times and one of values, has {', '.join(self.header)}")

    @property
    def names(self) -> list[str]:
        """The names of the columns of values."""
        return [self.header[column] for column in self.columns]

    def __iter__(self) -> Iterator[Row]:
        """The rows, in order; blank lines are passed over."""
        with _opened(self.path) as text:
            size = max(self.path.stat().st_size, 1)
            try:
                rows = csv.reader(text)
                for cells in rows:
                    if cells and (self.rows or not self._headed or cells != self.header):
                        yield self._row(cells, rows.line_num)
                        if self.rows % 1024 == 0:
                            self.done = min(text.buffer.tell() / size, 1.0)
            except (csv.Error, UnicodeDecodeError) as error:
                raise InputError(f"{self.path}: row {self.rows + 1}: {error}") from error
        self.done = 1.0

    def _row(self, cells: list[str], line: int) -> Row:
        if len(cells) <= max(self.time_column, *self.columns):
            raise InputError(f"{self.path}: line {line}: {len(cells)} cells, expected {len(self.header)}: {cells}")
        time_ms = time_of(cells[self.time_column])
        if time_ms is None:
            raise InputError(f"{self.path}: line {line}: no time: {cells[self.time_column]!r}")
        values = [number_of(cells[column]) for column in self.columns]
        if None in values:
            column = self.columns[values.index(None)]
            raise InputError(f"{self.path}: line {line}: no number in {self.header[column]}: {cells[column]!r}")
        self.rows += 1
        found = [value for value in values if value is not None]
        self.missing += any(map(math.isnan, found))
        return Row(cells, time_ms, found)

    def _read_header(self) -> tuple[list[str], bool]:
        with _opened(self.path) as text:
            try:
                first = next((row for row in csv.reader(text) if row), None)
            except (csv.Error, UnicodeDecodeError) as error:
                raise InputError(f"{self.path}: row 1: {error}") from error
        if first is None:
            raise InputError(f"{self.path}: is empty; a header `timestamp,value` and rows are expected")
        if len(first) > 1 and time_of(first[0]) is not None and number_of(first[1]) is not None:
            others = [_VALUE_NAME] if len(first) == 2 else [f"{_VALUE_NAME}_{i}" for i in range(1, len(first))]
            return [_TIME_NAMES[0], *others], False
        return first, True


class ScoredFile:
    """Writes the rows of a series with their scores."""

    def __init__(self, path: Path, header: Sequence[str]) -> None:
        try:
            make_folder_of(path)
            self._file = path.open("w", encoding="utf-8", newline="")
        except OSError as error:
            raise InputError(f"{path}: {error.strerror}") from error
        self._rows = csv.writer(self._file, lineterminator="\n")
        self._rows.writerow([*header, SCORE])

    def write(self, cells: Sequence[str], score: float) -> None:
        self._rows.writerow([*cells, f"{score:.6g}"])

    def __enter__(self) -> "ScoredFile":
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()


def time_of(cell: str) -> int | None:
    """Epoch milliseconds; None where the cell holds no time."""
    try:
        return _milliseconds(datetime.fromisoformat(cell))
    except ValueError:
        return _time_of_number(cell)


def _time_of_number(cell: str) -> int | None:
    text = cell.strip()
    if len(text) == 4 and text.isdigit():
        text += "-01"
    if len(text) == 7 and text[4:5] == "-":
        text += "-01"
    try:
        return _milliseconds(datetime.fromisoformat(text))
    except ValueError:
        pass
    try:
        number = float(text)
    except ValueError:
        return None
    if not math.isfinite(number):
        return None
    return math.floor(number * 1000 if abs(number) < _SECONDS_BELOW else number)


def _milliseconds(time: datetime) -> int:
    return round((time if time.tzinfo else time.replace(tzinfo=UTC)).timestamp() * 1000)


def number_of(cell: str) -> float | None:
    """The number; NaN where the cell says that it is missing, None where it holds anything else."""
    try:
        return float(cell)
    except ValueError:
        return math.nan if cell.strip().lower() in NULLS else None


def _opened(path: Path) -> TextIO:
    try:
        return path.open(encoding="utf-8-sig", newline="")
    except OSError as error:
        raise InputError(f"{path}: {error.strerror}") from error
