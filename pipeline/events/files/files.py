"""Events of files, as the bytes a topic would hold: NDJSON, JSON arrays, CSV and Parquet, gzipped or not."""

import csv
import zlib
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from pipeline.events.files.batch import Batch
from pipeline.events.files.csv_file import csv_events
from pipeline.events.files.json_file import lines, lines_or_array
from pipeline.events.files.parquet_file import parquet_events
from pipeline.events.files.rows import RowAsItIs, RowReader, RowReaderOf
from schemas.config import Config
from schemas.errors import InputError

_PLAIN: dict[str, Callable[[Path], Iterator[Batch]]] = {
    ".ndjson": lines, ".jsonl": lines, ".json": lines_or_array
}  # fmt: skip
_TABLES: dict[str, Callable[[Path, RowReaderOf], Iterator[Batch]]] = {".csv": csv_events, ".parquet": parquet_events}


def read_events(path: Path, config: Config) -> Iterator[Batch]:
    """The events of a file, in order. Raises InputError where it cannot be read or its kind is not known."""
    return _read(path, lambda header, nested: RowReader(path, config, header, nested))


def read_rows(path: Path) -> Iterator[Batch]:
    """The rows of a table as they are: an object each, with a field for each column that has a name. Raises as
    `read_events` does."""
    return _read(path, lambda header, _: RowAsItIs(header))


def check_files(paths: Iterable[Path]) -> None:
    """Raises InputError for a file that is not there, or whose kind is not known, before any is read."""
    for path in paths:
        _check_kind(path)
        try:
            path.stat()
        except OSError as error:
            raise InputError(f"{path}: {error.strerror}") from error


def is_table(path: Path) -> bool:
    """Whether it has rows and columns, by its name."""
    return _kind_of(path) in _TABLES


def _kind_of(path: Path) -> str:
    suffixes = [s for s in map(str.lower, path.suffixes) if s != ".gz"]
    return suffixes[-1] if suffixes else ""


def _check_kind(path: Path) -> None:
    kind = _kind_of(path)
    if kind not in _PLAIN and kind not in _TABLES:
        known = ", ".join((*_PLAIN, *_TABLES))
        raise InputError(f"{path}: files end in {known} (and .gz), this one in {kind or 'nothing'}")


def _read(path: Path, reader_of: RowReaderOf) -> Iterator[Batch]:
    _check_kind(path)
    kind = _kind_of(path)
    try:
        yield from _PLAIN[kind](path) if kind in _PLAIN else _TABLES[kind](path, reader_of)
    except InputError:
        raise
    except (OSError, EOFError, ValueError, OverflowError, csv.Error, zlib.error) as error:
        raise InputError(f"{path}: {getattr(error, 'strerror', None) or error}") from error
