"""Events of CSV. Cells that are empty or hold one of `NULLS` are null, but NaN is a number that is not finite; timestamps
without a zone count as UTC. Where the header has no comma, semicolons, tabs or bars may stand between its names."""

import csv
import io
import re
from collections.abc import Callable, Collection, Iterator, Sequence
from itertools import chain
from pathlib import Path
from typing import Any

from pipeline.events.files.batch import Batch, in_batches
from pipeline.events.files.opened import Opened
from pipeline.events.files.rows import RowReaderOf

NULLS = frozenset({"", "na", "n/a", "nan", "null", "none"})
"""What pandas, R and SQL write where there is no value, whatever the case."""

_NAIVE_TIME = re.compile(r"\d{4}-\d\d-\d\d[ T]\d\d:\d\d(:\d\d(\.\d+)?)?")
_QUOTED = re.compile(r'"[^"]*"')
_DELIMITERS = ",;\t|"


def csv_events(path: Path, reader_of: RowReaderOf) -> Iterator[Batch]:
    """An event for each row that is not blank. A row with more cells than the header has names is given on as its text, which
    is no event: what its cells belong to is not known."""
    with Opened(path) as file, io.TextIOWrapper(file.data, encoding="utf-8-sig", newline="") as text:
        first = next((line for line in text if line.strip(f" \r\n{_DELIMITERS}")), "")
        if not first:
            return
        rows = csv.reader(chain([first], text), delimiter=_delimiter_of(first))
        header = [name.strip() for name in next(rows)]
        yield from in_batches(_events(rows, header, reader_of), file.done)


def _delimiter_of(header: str) -> str:
    between = _QUOTED.sub("", header)
    return next((one for one in _DELIMITERS if one in between), ",")


def _events(rows: Iterator[list[str]], header: Sequence[str], reader_of: RowReaderOf) -> Iterator[bytes]:
    event_of = reader_of(header, ())
    typed = _types(header, event_of.names)
    columns = len(header)
    for row in rows:
        if len(row) > columns and any(map(str.strip, row[columns:])):
            yield f"a row of {len(row)} cells, the header has {columns}: {','.join(row)}".encode()
        elif len(row) > 1 or (row and not row[0].isspace()):
            yield event_of([of(cell) for of, cell in zip(typed, row, strict=False)])


def _types(header: Sequence[str], names: Collection[str]) -> list[Callable[[str], Any]]:
    return [_text if name in names else _typed for name in header]


def _text(cell: str) -> str | None:
    """A name as it is: version 1.10 is not 1.1."""
    return cell if cell and not cell.isspace() else None


def _typed(cell: str) -> Any:
    try:
        number = float(cell)
    except ValueError:
        text = cell.strip()
        if text.lower() in NULLS:
            return None
        if _NAIVE_TIME.fullmatch(text):
            return f"{text}+00:00"
        return {"true": True, "false": False}.get(text.lower(), cell)
    if "_" in cell:  # Python's own notation, and elsewhere a code
        return cell
    digits = cell.strip().lstrip("+-")
    if digits.isdigit() and len(digits) < 18:
        return int(cell)
    return number
