"""Events of Parquet: `features` and the like may be one nested column. Timestamps without a zone count as UTC."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pipeline.events.files.batch import ROWS, Batch, in_batches
from pipeline.events.files.rows import RowAsItIs, RowReader, RowReaderOf
from schemas.errors import InputError


def parquet_events(path: Path, reader_of: RowReaderOf) -> Iterator[Batch]:
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


def _parquet_rows(file: Any, event_of: RowReader | RowAsItIs) -> Iterator[Batch]:
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
