"""Events from files: NDJSON, CSV and Parquet, gzipped or not, as the bytes a topic would hold.

A row of CSV or Parquet becomes an event: the columns that the configuration's paths name take their places, and
every other column is a feature.
"""

import csv
import gzip
import io
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import IO, Any, NamedTuple

from schemas import codec
from schemas.config import Config
from schemas.errors import InputError

ROWS = 2000
_PLACED = ("event_id", "ts", "model", "version", "prediction", "label", "latency_ms")


class Batch(NamedTuple):
    """Some events of a file, and how far into it they end, from 0 to 1."""

    values: list[bytes]
    done: float


def read_events(path: Path, config: Config) -> Iterator[Batch]:
    """The events of a file, in order. Raises InputError where it cannot be read or its kind is not known."""
    suffixes = [s for s in path.suffixes if s != ".gz"]
    kind = suffixes[-1].lower() if suffixes else ""
    readers: dict[str, Callable[[Path, Config], Iterator[Batch]]] = {
        ".ndjson": _ndjson, ".jsonl": _ndjson, ".json": _ndjson, ".csv": _csv, ".parquet": _parquet
    }  # fmt: skip
    if kind not in readers:
        raise InputError(f"{path}: files end in {', '.join(readers)} (and .gz), this one in {kind or 'nothing'}")
    try:
        yield from readers[kind](path, config)
    except (OSError, EOFError, UnicodeDecodeError, csv.Error) as error:
        raise InputError(f"{path}: {getattr(error, 'strerror', None) or error}") from error


def _opened(path: Path) -> tuple[IO[bytes], IO[bytes]]:
    """The file to read from, and the file whose position tells how far it is."""
    raw = path.open("rb")
    if path.suffix == ".gz":
        return io.BufferedReader(gzip.GzipFile(fileobj=raw)), raw
    return raw, raw


def _ndjson(path: Path, _: Config) -> Iterator[Batch]:
    size = max(path.stat().st_size, 1)
    lines, raw = _opened(path)
    with raw, lines:
        batch: list[bytes] = []
        for line in lines:
            if not line.isspace():
                batch.append(line)
            if len(batch) == ROWS:
                yield Batch(batch, min(raw.tell() / size, 1.0))
                batch = []
        yield Batch(batch, 1.0)


def _csv(path: Path, config: Config) -> Iterator[Batch]:
    size = max(path.stat().st_size, 1)
    lines, raw = _opened(path)
    with raw, lines, io.TextIOWrapper(lines, encoding="utf-8-sig", newline="") as text:
        rows = csv.reader(text)
        header = next(rows, None)
        if header is None:
            return
        event_of = _RowReader(path, config, header)
        batch: list[bytes] = []
        for row in rows:
            if row:
                batch.append(event_of([_typed(cell) for cell in row]))
            if len(batch) == ROWS:
                yield Batch(batch, min(raw.tell() / size, 1.0))
                batch = []
        yield Batch(batch, 1.0)


def _parquet(path: Path, config: Config) -> Iterator[Batch]:
    try:
        from pyarrow import ArrowException, parquet
    except ImportError:
        raise InputError(f"{path}: reading Parquet needs pyarrow: pip install 'driftline[parquet]'") from None
    try:
        file = parquet.ParquetFile(path)
    except ArrowException as error:
        raise InputError(f"{path}: {error}") from error
    rows, done = max(file.metadata.num_rows, 1), 0
    event_of = _RowReader(path, config, file.schema_arrow.names)
    for part in file.iter_batches(batch_size=ROWS):
        done += part.num_rows
        columns = [column.to_pylist() for column in part.columns]
        yield Batch([event_of(row) for row in zip(*columns, strict=True)], done / rows)


def _typed(cell: str) -> Any:
    if not cell or cell.isspace():
        return None
    try:
        number = float(cell)
    except ValueError:
        return {"true": True, "false": False}.get(cell.lower(), cell)
    digits = cell.strip().lstrip("+-")
    if digits.isdigit() and len(digits) < 18:
        return int(cell)
    return number


class _RowReader:
    """Makes an event of a row whose columns are named in the header."""

    def __init__(self, path: Path, config: Config, header: Sequence[str]) -> None:
        paths = config.event.paths
        self._places = [
            _steps(paths.features, name.strip(), {getattr(paths, p) for p in _PLACED}, paths.tags) for name in header
        ]
        self._model = None if paths.model in header else (_steps_of(paths.model), _only_model(config) or _stem(path))
        if paths.ts not in header:
            raise InputError(
                f"{path}: no column {paths.ts!r} for the event's time among {', '.join(header)}; set event.paths.ts"
            )
        self._features = _steps_of(paths.features)

    def __call__(self, row: Sequence[Any]) -> bytes:
        event: dict[str, Any] = {}
        _put(event, self._features, {})
        if self._model is not None:
            _put(event, *self._model)
        for steps, value in zip(self._places, row, strict=False):
            _put(event, steps, value)
        return codec.encode_event(event)


def _steps(features: str, name: str, placed: set[str], tags: str) -> list[str]:
    known = name in placed or name.startswith((f"{features}.", f"{tags}."))
    return _steps_of(name) if known else [*_steps_of(features), name]


def _steps_of(path: str) -> list[str]:
    return path.split(".")


def _put(event: dict[str, Any], steps: Sequence[str], value: Any) -> None:
    here = event
    for step in steps[:-1]:
        here = here.setdefault(step, {})
    here[steps[-1]] = value


def _only_model(config: Config) -> str | None:
    names: list[str] = [] if isinstance(config.models, str) else [m.name for m in config.models]
    return names[0] if len(names) == 1 else None


def _stem(path: Path) -> str:
    return path.name.split(".")[0]
