"""Events from files: NDJSON, CSV and Parquet, gzipped or not, as the bytes a topic would hold.

A row of CSV or Parquet becomes an event: the columns that the configuration's paths name take their places, and
every other column is a feature; columns without a name are left out. Timestamps without a zone count as UTC. In CSV, cells
that are empty or hold one of `NULLS` are null, but NaN is a number that is not finite. In Parquet, `features` and the like
may be one nested column.
"""

import csv
import gzip
import io
import re
import zlib
from codecs import BOM_UTF8
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from pathlib import Path
from typing import IO, Any, NamedTuple

from pipeline.events.formats.converter import PlainEvent
from schemas import codec
from schemas.config import Config
from schemas.errors import InputError
from schemas.event_config import WHOLE_EVENT

ROWS = 2000
BYTES = 1 << 22
"""A batch ends with the first of these: wide events by the thousand are more than a cache holds, decoded."""

NULLS = frozenset({"", "na", "n/a", "nan", "null", "none"})
"""What pandas, R and SQL write where there is no value, whatever the case."""

_NAIVE_TIME = re.compile(r"\d{4}-\d\d-\d\d[ T]\d\d:\d\d(:\d\d(\.\d+)?)?")
_PLACED = ("event_id", "ts", "model", "version", "prediction", "label", "latency_ms")
_NAMES = ("event_id", "model", "version")


class Batch(NamedTuple):
    """Some events of a file, and how far into it they end, from 0 to 1."""

    values: list[bytes]
    done: float


def read_events(path: Path, config: Config) -> Iterator[Batch]:
    """The events of a file, in order. Raises InputError where it cannot be read or its kind is not known."""
    return _read(path, lambda header, nested: _RowReader(path, config, header, nested))


def read_rows(path: Path) -> Iterator[Batch]:
    """The rows of a table as they are: an object each, with a field for each column that has a name. Raises as
    `read_events` does."""
    return _read(path, lambda header, _: _RowAsItIs(header))


def in_batches(values: Iterable[bytes], done: Callable[[], float] = lambda: 0.0) -> Iterator[Batch]:
    """The values, `ROWS` or `BYTES` together, and the last, which may be empty. `done()` says how far they are read."""
    batch: list[bytes] = []
    size = 0
    for value in values:
        batch.append(value)
        size += len(value)
        if len(batch) == ROWS or size >= BYTES:
            yield Batch(batch, done())
            batch, size = [], 0
    yield Batch(batch, 1.0)


def check_files(paths: Iterable[Path]) -> None:
    """Raises InputError for a file that is not there, or whose kind is not known, before any is read."""
    for path in paths:
        _reader_for(path)
        try:
            path.stat()
        except OSError as error:
            raise InputError(f"{path}: {error.strerror}") from error


def is_table(path: Path) -> bool:
    """Whether it has rows and columns, by its name."""
    return _kind_of(path) in (".csv", ".parquet")


def _kind_of(path: Path) -> str:
    suffixes = [s for s in path.suffixes if s != ".gz"]
    return suffixes[-1].lower() if suffixes else ""


def _read(path: Path, reader_of: "_RowReaderOf") -> Iterator[Batch]:
    read = _reader_for(path)
    try:
        yield from read(path, reader_of)
    except InputError:
        raise
    except (OSError, EOFError, ValueError, OverflowError, csv.Error, zlib.error) as error:
        raise InputError(f"{path}: {getattr(error, 'strerror', None) or error}") from error


def _reader_for(path: Path) -> "Callable[[Path, _RowReaderOf], Iterator[Batch]]":
    kind = _kind_of(path)
    readers: dict[str, Callable[[Path, _RowReaderOf], Iterator[Batch]]] = {
        ".ndjson": _ndjson, ".jsonl": _ndjson, ".json": _ndjson, ".csv": _csv, ".parquet": _parquet
    }  # fmt: skip
    if kind not in readers:
        raise InputError(f"{path}: files end in {', '.join(readers)} (and .gz), this one in {kind or 'nothing'}")
    return readers[kind]


def _opened(path: Path) -> tuple[IO[bytes], IO[bytes]]:
    """The file to read from, and the file whose position tells how far it is."""
    raw = path.open("rb")
    if path.suffix == ".gz":
        return io.BufferedReader(gzip.GzipFile(fileobj=raw)), raw
    return raw, raw


def _ndjson(path: Path, _: "_RowReaderOf") -> Iterator[Batch]:
    size = max(path.stat().st_size, 1)
    lines, raw = _opened(path)
    with raw, lines:
        values = (line if number else line.removeprefix(BOM_UTF8) for number, line in enumerate(lines))
        some = (value for value in values if value and not value.isspace())
        yield from in_batches(some, lambda: min(raw.tell() / size, 1.0))


def _csv(path: Path, reader_of: "_RowReaderOf") -> Iterator[Batch]:
    size = max(path.stat().st_size, 1)
    lines, raw = _opened(path)
    with raw, lines, io.TextIOWrapper(lines, encoding="utf-8-sig", newline="") as text:
        rows = csv.reader(text)
        header = [name.strip() for name in next((row for row in rows if "".join(row).strip()), [])]
        if not header:
            return
        event_of = reader_of(header, ())
        typed = [_text if name in event_of.names else _typed for name in header]
        some = (row for row in rows if len(row) > 1 or (row and not row[0].isspace()))
        values = (event_of([of(cell) for of, cell in zip(typed, row, strict=False)]) for row in some)
        yield from in_batches(values, lambda: min(raw.tell() / size, 1.0))


def _parquet(path: Path, reader_of: "_RowReaderOf") -> Iterator[Batch]:
    try:
        from pyarrow import ArrowException, parquet, types
    except ImportError:
        raise InputError(f"{path}: reading Parquet needs pyarrow: pip install 'driftline[parquet]'") from None
    try:
        file = parquet.ParquetFile(path)
        nested = {c.name for c in file.schema_arrow if types.is_struct(c.type) or types.is_map(c.type)}
        yield from _parquet_rows(file, reader_of(file.schema_arrow.names, nested))
    except (ArrowException, TypeError) as error:  # the latter of maps whose keys JSON does not have
        raise InputError(f"{path}: {error}") from error


def _parquet_rows(file: Any, event_of: "_RowReader | _RowAsItIs") -> Iterator[Batch]:
    rows, read = max(file.metadata.num_rows, 1), 0

    def values() -> Iterator[bytes]:
        nonlocal read
        for part in file.iter_batches(batch_size=ROWS):
            columns = [_in_utc(column).to_pylist(maps_as_pydicts="lossy") for column in part.columns]
            for row in zip(*columns, strict=True):
                read += 1
                yield event_of(row)

    yield from in_batches(values(), lambda: read / rows)


def _in_utc(column: Any) -> Any:
    """The column with its timestamps in microseconds of UTC, also nested ones: Python's have no nanoseconds."""
    wanted = _utc_type(column.type)
    return column if wanted == column.type else column.cast(wanted, safe=False)


def _utc_type(kind: Any) -> Any:
    import pyarrow as pa

    if pa.types.is_timestamp(kind):
        return pa.timestamp("us", "+00:00")
    return pa.struct([f.with_type(_utc_type(f.type)) for f in kind]) if pa.types.is_struct(kind) else kind


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


class _RowReader:
    """Makes an event of a row whose columns are named in the header; those in `nested` hold objects, those in `names` text
    whatever it looks like. Raises InputError where no column has the event's time, or two have one place."""

    def __init__(self, path: Path, config: Config, header: Sequence[str], nested: Collection[str] = ()) -> None:
        paths = config.event.paths
        placed = _placed(config)
        self.names: Collection[str] = {getattr(paths, name) for name in _NAMES}
        self._as_it_is = config.event.format == "json"
        self._features = _steps_of(paths.features)
        places = {
            column: _steps_of(name) if _has_place(name, placed, config, name in nested) else [*self._features, name]
            for column, name in enumerate(header)
            if name
        }
        self._places = sorted(places.items(), key=lambda place: len(place[1]))
        there = {name for name in header if name not in nested}
        if not _is_in(paths.ts, there, nested):
            raise InputError(
                f"{path}: no column {paths.ts!r} for the event's time among {', '.join(header)}; set event.paths.ts"
            )
        both = _same_place(places.values(), {tuple(_steps_of(name)) for name in nested})
        if both is not None:
            raise InputError(f"{path}: two columns would stand at {both!r} in the event; rename or remove one")
        named = _is_in(paths.model, there, nested)
        self._model = None if named else (_steps_of(paths.model), config.only_model or _stem(path))

    def __call__(self, row: Sequence[Any]) -> bytes:
        event: dict[str, Any] = {}
        if self._features:
            _put(event, self._features, {})
        if self._model is not None:
            _put(event, *self._model)
        for column, steps in self._places:
            if column < len(row):
                _put(event, steps, row[column])
        value = codec.encode_event(event)
        return value if self._as_it_is else PlainEvent(value)


class _RowAsItIs:
    """Makes an object of a row, with a field for each column that has a name."""

    names: Collection[str] = ()

    def __init__(self, header: Sequence[str]) -> None:
        self._header = header

    def __call__(self, row: Sequence[Any]) -> bytes:
        return codec.encode_event({name: value for name, value in zip(self._header, row, strict=False) if name})


# A row reader, made of the header and of those columns that hold objects.
_RowReaderOf = Callable[[Sequence[str], Collection[str]], _RowReader | _RowAsItIs]


def _same_place(places: Iterable[list[str]], nested: Collection[tuple[str, ...]]) -> str | None:
    """A path that two columns claim, or that one column claims and another goes through; None where all is well."""
    claimed = [tuple(steps) for steps in places]
    inner = {steps[:n] for steps in claimed for n in range(1, len(steps))}
    taken = Counter(claimed) + Counter(inner.difference(nested))
    return next((".".join(steps) for steps in claimed if taken[steps] > 1), None)


def _placed(config: Config) -> set[str]:
    """The paths of columns that are no features."""
    models = () if isinstance(config.models, str) else config.models
    segments = {segment.path for model in models for segment in model.segments}
    signals = {s.path for model in models if not isinstance(model.signals, str) for s in model.signals}
    embeddings = {one.path for one in config.event.embeddings}
    return {getattr(config.event.paths, name) for name in _PLACED} | segments | signals | embeddings


def _has_place(name: str, placed: set[str], config: Config, nested: bool) -> bool:
    objects = (config.event.paths.features, config.event.paths.tags)
    if name in placed or name.startswith(tuple(f"{path}." for path in objects)):
        return True
    return nested and any(path == name or path.startswith(f"{name}.") for path in (*objects, *placed))


def _is_in(path: str, columns: Collection[str], nested: Collection[str]) -> bool:
    return path in columns or any(path.startswith(f"{name}.") for name in nested)


def _steps_of(path: str) -> list[str]:
    return [] if path == WHOLE_EVENT else path.split(".")


def _put(event: dict[str, Any], steps: Sequence[str], value: Any) -> None:
    here = event
    for step in steps[:-1]:
        if here.get(step) is None:
            here[step] = {}
        here = here[step]
    here[steps[-1]] = value


def _stem(path: Path) -> str:
    return path.name.split(".")[0]
