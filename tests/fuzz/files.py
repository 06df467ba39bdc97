"""Files of events: NDJSON, JSON, CSV and Parquet, gzipped or not, torn and odd. Every row that is read is JSON, or said to be too
long."""

import gzip
import io
from collections.abc import Callable
from datetime import date, time, timedelta
from decimal import Decimal
from random import Random
from typing import Any

import pyarrow as pa
from pyarrow import parquet

from pipeline.events.files.files import read_events
from schemas import codec
from schemas.config import Config
from schemas.errors import InputError
from tests.fuzz import scratch
from tests.fuzz.decoder import Decoder
from tests.fuzz.events import changed_event
from tests.fuzz.mutation import mutated, noise

_CONFIG = Config.from_mapping({"models": [{"name": "m", "segments": ["tags.country"]}]})
_CELLS = (
    "",
    " ",
    "1",
    "-0",
    "1e400",
    "nan",
    "1_0",
    "٣",
    "9" * 400,
    '"',
    '"a,b"',
    '"a\nb"',
    "ä",
    "\x00",
    "true",
    "x" * 200,
)
_COLUMNS = (
    "ts",
    "model",
    "version",
    "x",
    "tags.country",
    "features.y",
    "prediction",
    "",
    "ts",
    "tags",
    "features",
    "a.b",
)
_ARRAYS: tuple[tuple[pa.DataType, list[Any]], ...] = (
    (pa.int64(), [1_700_000_000_000, None]),
    (pa.uint64(), [2**64 - 1, 0]),
    (pa.float32(), [float("nan"), 1.5]),
    (pa.string(), ["2026-01-31T12:00:00Z", "ä"]),
    (pa.binary(), [b"\xff", None]),
    (pa.bool_(), [True, None]),
    (pa.timestamp("ns"), [10**18 + 1, -(2**62)]),
    (pa.timestamp("s"), [2**40, None]),
    (pa.timestamp("ms", "Europe/Berlin"), [0, 2**50]),
    (pa.date32(), [date(2026, 1, 31), None]),
    (pa.time64("ns"), [time(1, 2, 3), None]),
    (pa.duration("ns"), [timedelta(seconds=1), None]),
    (pa.decimal128(20, 2), [Decimal("1.25"), None]),
    (pa.list_(pa.int8()), [[1], None]),
    (pa.struct([("y", pa.int64()), ("country", pa.string())]), [{"y": 1, "country": "DE"}, None]),
    (pa.map_(pa.string(), pa.int64()), [[("a", 1)], None]),
    (pa.map_(pa.binary(), pa.int64()), [[(b"a", 1)], None]),
    (pa.map_(pa.int64(), pa.timestamp("ns")), [[(1, 10**18 + 1)], None]),
    (pa.dictionary(pa.int8(), pa.string()), ["a", None]),
    (pa.null(), [None, None]),
)


def _csv(random: Random) -> bytes:
    columns = ["ts", *random.sample(_COLUMNS[1:], random.randrange(1, 6))]
    rows = [",".join(columns)]
    rows += [",".join(random.choice(_CELLS) for _ in range(random.randrange(1, 7))) for _ in range(random.randrange(6))]
    text = "\n".join(rows).encode()
    return text if random.random() < 0.6 else mutated(random, text, [b"\xef\xbb\xbf", b"\xff\xfet\x00s\x00", text])


def _ndjson(random: Random) -> bytes:
    return b"\n".join(changed_event(random) or b"" for _ in range(random.randrange(5)))


def _parquet(random: Random) -> bytes:
    columns = ["ts", *random.sample(_COLUMNS[1:7], random.randrange(1, 5))]
    arrays = [_array(random) for _ in columns]
    if random.random() < 0.6:
        arrays[0] = pa.array(*reversed(_ARRAYS[0]))
    out = io.BytesIO()
    parquet.write_table(pa.table(arrays, names=columns), out, compression=random.choice(("none", "snappy", "zstd")))
    data = out.getvalue()
    return data if random.random() < 0.5 else mutated(random, data, [data])


def _array(random: Random) -> pa.Array:
    kind, values = random.choice(_ARRAYS)
    return pa.array(values, kind)


def _packed(make: Callable[[Random], bytes]) -> Callable[[Random], bytes]:
    """One in ten gzipped, and torn."""

    def packed(random: Random) -> bytes:
        data = make(random)
        if random.random() < 0.9:
            return data
        zipped = gzip.compress(data, 1)
        return random.choice((zipped, mutated(random, zipped, [zipped]), zipped[:-9], b"\x1f\x8b" + noise(random)))

    return packed


def _reads(suffix: str) -> Callable[[bytes], int]:
    def read(data: bytes) -> int:
        path = scratch.folder() / (
            f"events{suffix}.gz" if data[:2] == b"\x1f\x8b" and suffix != ".parquet" else f"events{suffix}"
        )
        path.write_bytes(data)
        try:
            values = [value for batch in read_events(path, _CONFIG) for value in batch.values]
        except InputError:
            return 0
        if suffix == ".parquet":
            assert all(_is_object(value) for value in values)
        if suffix == ".csv":
            assert all(_is_object(value) or value.startswith(b"a row of ") for value in values)
        return len(values)

    return read


def _is_object(value: bytes) -> bool:
    try:
        return isinstance(codec.loads_lenient(value), dict)
    except ValueError:
        return False


def _json(random: Random) -> bytes:
    """Arrays, objects over several lines, and lines."""
    some = [changed_event(random) or b"" for _ in range(random.randrange(5))]
    array = b"[" + b",\n".join(some) + b"]"
    return random.choice(
        (array, mutated(random, array, [array, b"{\n"]), b"[" * random.randrange(2000), b"\n".join(some))
    )


DECODERS = (
    Decoder("csv files", 80, _packed(_csv), _reads(".csv")),
    Decoder("ndjson files", 46, _packed(_ndjson), _reads(".ndjson")),
    Decoder("json files", 30, _packed(_json), _reads(".json")),
    Decoder("parquet files", 30, _parquet, _reads(".parquet")),
)
