"""Files of events: whatever the format, the events are those that a topic would hold."""

import gzip
import json
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from pyarrow import parquet

from pipeline.events.files.batch import BYTES, ROWS, Batch
from pipeline.events.files.files import read_events
from schemas import codec
from schemas.config import Config
from schemas.errors import InputError
from schemas.event import parse_timestamp_ms
from tests.pipeline.events import START_MS, encode, event

BOM = b"\xef\xbb\xbf"
AUTO = Config()


def values(path: Path, config: Config = AUTO) -> list[bytes]:
    return [value for batch in read_events(path, config) for value in batch.values]


def documents(path: Path, config: Config = AUTO) -> list[Any]:
    return [codec.loads_lenient(value) for value in values(path, config)]


def written(folder: Path, name: str, data: bytes | str) -> Path:
    path = folder / name
    content = data.encode() if isinstance(data, str) else data
    path.write_bytes(gzip.compress(content) if name.endswith(".gz") else content)
    return path


def table(folder: Path, columns: dict[str, Any], name: str = "m.parquet") -> Path:
    parquet.write_table(pa.table(columns), folder / name)
    return folder / name


def features(folder: Path, header: str, row: str) -> dict[str, Any]:
    """The features that a row of CSV comes to."""
    [document] = documents(written(folder, "m.csv", f"ts,{header}\n1,{row}\n"))
    return dict(document["features"])


@pytest.mark.parametrize("name", ["e.ndjson", "e.jsonl", "e.json", "e.NDJSON", "e.ndjson.gz"])
def test_lines_come_as_they_are(name: str, tmp_path: Path) -> None:
    lines = [encode(event(i, START_MS)) for i in range(3)] + [b"{nonsense"]
    assert [v.rstrip() for v in values(written(tmp_path, name, b"\n".join(lines)))] == lines


@pytest.mark.parametrize("name", ["e.ndjson", "e.ndjson.gz"])
def test_blank_lines_and_a_byte_order_mark_are_no_events(name: str, tmp_path: Path) -> None:
    path = written(tmp_path, name, BOM + b'{"a":1}\n\n  \r\n{"a":2}\r\n\n')
    assert documents(path) == [{"a": 1}, {"a": 2}]


@pytest.mark.parametrize("name", ["e.ndjson", "e.csv", "e.csv.gz", "e.ndjson.gz"])
@pytest.mark.parametrize("data", [b"", BOM])
def test_an_empty_file_holds_no_events(name: str, data: bytes, tmp_path: Path) -> None:
    assert values(written(tmp_path, name, data)) == []


def test_a_table_without_rows_holds_no_events(tmp_path: Path) -> None:
    assert values(table(tmp_path, {"ts": pa.array([], pa.int64())})) == []
    assert values(written(tmp_path, "e.csv", "ts,x\n")) == []


@pytest.mark.parametrize("name", ["e.ndjson", "e.ndjson.gz", "e.csv", "e.csv.gz", "e.parquet"])
def test_batches_are_bounded_and_tell_how_far_they_are(name: str, tmp_path: Path) -> None:
    n = 2 * ROWS + 5
    if name.endswith(".parquet"):
        path = table(tmp_path, {"ts": list(range(n))}, name)
    else:
        path = written(tmp_path, name, "ts\n" * name.startswith("e.csv") + "".join(f"{i}\n" for i in range(n)))
    batches: list[Batch] = list(read_events(path, AUTO))
    assert [len(batch.values) for batch in batches] == [ROWS, ROWS, 5]
    done = [batch.done for batch in batches]
    assert done == sorted(done)
    assert done[-1] == 1.0
    assert done[0] > 0.0


def test_long_events_make_shorter_batches(tmp_path: Path) -> None:
    line = '"' + "x" * (BYTES // 3) + '"\n'
    batches = list(read_events(written(tmp_path, "e.ndjson", line * 7), AUTO))
    assert [len(batch.values) for batch in batches] == [3, 3, 1]
    assert 0.0 < batches[0].done <= batches[1].done <= batches[2].done == 1.0


@pytest.mark.parametrize(
    ("cell", "value"),
    [
        ("", None),
        (" ", None),
        ("1", 1),
        ("-7", -7),
        ("+7", 7),
        (" 8 ", 8),
        ("1.50", 1.5),
        ("1e3", 1000.0),
        (".5", 0.5),
        ("12345678901234567890", 1.2345678901234567e19),
        ("true", True),
        ("False", False),
        (" TRUE ", True),
        ("DE", "DE"),
        ("1_000", "1_000"),
        ("0x10", "0x10"),
        ("2026-01-31", "2026-01-31"),
        ("été", "été"),
        ("NA", None),
        (" null ", None),
        ("2026-01-31 12:00", "2026-01-31 12:00+00:00"),
        ("2026-01-31T12:00:05.250", "2026-01-31T12:00:05.250+00:00"),
        ("2026-01-31 12:00:05+02:00", "2026-01-31 12:00:05+02:00"),
        ('"a, ""b"""', 'a, "b"'),
        ('"two\nlines"', "two\nlines"),
    ],
)
def test_cells_are_typed_by_what_they_hold(cell: str, value: object, tmp_path: Path) -> None:
    found = features(tmp_path, "x", cell)
    assert found == {"x": value}
    assert type(found["x"]) is type(value)


@pytest.mark.parametrize("cell", ["nan", "NaN", "inf", "-Infinity"])
def test_cells_that_are_not_finite_stay_so(cell: str, tmp_path: Path) -> None:
    found = features(tmp_path, "x", cell)["x"]
    assert isinstance(found, float)
    assert not abs(found) < float("inf")


def test_names_in_cells_stay_text(tmp_path: Path) -> None:
    path = written(tmp_path, "e.csv", "ts,event_id,model,version,prediction\n1,007,12,1.10,1.10\n2,,,,\n")
    first, second = documents(path)
    assert (first["event_id"], first["model"], first["version"], first["prediction"]) == ("007", "12", "1.10", 1.1)
    assert (second["event_id"], second["model"], second["version"], second["prediction"]) == (None, None, None, None)


def test_a_row_becomes_an_event(tmp_path: Path) -> None:
    header = "event_id,ts,model,version,prediction,label,latency_ms,tags.country,features.x,y,a.b"
    path = written(tmp_path, "e.csv", f"{BOM.decode()}{header}\ne1,5,m,1,0.5,1,12.5,DE,1.5,c,2\n")
    assert documents(path) == [
        {
            "event_id": "e1",
            "ts": 5,
            "model": "m",
            "version": "1",
            "prediction": 0.5,
            "label": 1,
            "latency_ms": 12.5,
            "tags": {"country": "DE"},
            "features": {"x": 1.5, "y": "c", "a.b": 2},
        }
    ]


def test_spaces_around_names_and_blank_lines_do_not_matter(tmp_path: Path) -> None:
    path = written(tmp_path, "m.csv", "ts , x\n1,2\n\n  \n3,4\n")
    assert [(d["ts"], d["features"]) for d in documents(path)] == [(1, {"x": 2}), (3, {"x": 4})]


def test_short_rows_lack_what_is_not_there(tmp_path: Path) -> None:
    assert [d["features"] for d in documents(written(tmp_path, "m.csv", "ts,x,y\n1,2\n"))] == [{"x": 2}]


def test_columns_without_a_name_are_left_out(tmp_path: Path) -> None:
    """Such as the index that pandas writes, which only grows."""
    assert [d["features"] for d in documents(written(tmp_path, "m.csv", ",ts,x,\n0,1,2,\n"))] == [{"x": 2}]


def test_configured_paths_place_columns(tmp_path: Path) -> None:
    config = Config.from_mapping(
        {
            "event": {"paths": {"ts": "meta.time", "model": "meta.model", "features": "in", "tags": "labels"}},
            "models": [
                {"name": "m", "segments": ["region"], "signals": [{"name": "cost", "path": "usage.cost"}]},
                {"name": "n"},
            ],
        }
    )
    path = written(tmp_path, "e.csv", "meta.time,meta.model,region,usage.cost,labels.a.b,in.x,y\n1,m,EU,2,q,3,4\n")
    assert documents(path, config) == [
        {
            "meta": {"time": 1, "model": "m"},
            "region": "EU",
            "usage": {"cost": 2},
            "labels": {"a": {"b": "q"}},
            "in": {"x": 3, "y": 4},
        }
    ]


@pytest.mark.parametrize(("models", "name"), [("auto", "car_loan"), ([{"name": "loan"}], "loan")])
def test_without_a_column_for_it_the_model_is_the_only_one_or_the_file(models: Any, name: str, tmp_path: Path) -> None:
    path = written(tmp_path, "car_loan.csv.gz", "ts,x\n1,2\n")
    assert [d["model"] for d in documents(path, Config.from_mapping({"models": models}))] == [name]


def test_nested_columns_of_parquet_stand_where_the_paths_say(tmp_path: Path) -> None:
    config = Config.from_mapping({"event": {"paths": {"ts": "meta.time", "model": "meta.model"}}})
    rows = [
        {"meta": {"time": i, "model": "m"}, "features": {"x": 1.5, "a.b": None}, "tags": {"c": "DE"}, "box": {"w": 2}}
        for i in range(3)
    ]
    parquet.write_table(pa.Table.from_pylist(rows), tmp_path / "e.parquet")
    expected = [{k: v for k, v in row.items() if k != "box"} for row in rows]
    for document in expected:
        document["features"]["box"] = {"w": 2}
    assert documents(tmp_path / "e.parquet", config) == expected


def test_a_null_among_nested_columns_is_an_empty_object_where_something_stands_in_it(tmp_path: Path) -> None:
    none = pa.array([None], pa.struct([("a", pa.int64())]))
    [document] = documents(table(tmp_path, {"x": [1], "ts": [2], "features": none, "tags": none}))
    assert (document["features"], document["tags"]) == ({"x": 1}, None)


def test_features_of_parquet_may_be_a_map(tmp_path: Path) -> None:
    maps = pa.array([{"x": 1.0}, {"x": 2.0, "y": 3.0}], pa.map_(pa.string(), pa.float64()))
    assert [d["features"] for d in documents(table(tmp_path, {"ts": [1, 2], "features": maps}))] == [
        {"x": 1.0},
        {"x": 2.0, "y": 3.0},
    ]


@pytest.mark.parametrize("unit", ["s", "ms", "us", "ns"])
@pytest.mark.parametrize("zone", [None, "UTC", "Europe/Berlin"])
def test_timestamps_of_parquet_are_utc_unless_they_say_otherwise(unit: str, zone: str | None, tmp_path: Path) -> None:
    moment = datetime(2023, 11, 14, 22, 13, 20, tzinfo=UTC)
    times = pa.array([moment], pa.timestamp("us", "UTC")).cast(pa.timestamp(unit, zone))
    nested = pa.array([{"at": moment}], pa.struct([("at", pa.timestamp(unit, zone))]))
    [document] = documents(table(tmp_path, {"ts": times, "features": nested}))
    assert parse_timestamp_ms(document["ts"]) == 1_700_000_000_000
    assert parse_timestamp_ms(document["features"]["at"]) == 1_700_000_000_000


def test_nanoseconds_of_parquet_are_cut(tmp_path: Path) -> None:
    times = pa.array([1_700_000_000_123_456_789], pa.timestamp("ns"))
    [document] = documents(table(tmp_path, {"ts": times}))
    assert parse_timestamp_ms(document["ts"]) == 1_700_000_000_123


def test_cells_of_parquet_keep_their_types(tmp_path: Path) -> None:
    columns = {
        "ts": pa.array([1]),
        "version": pa.array(["1.10"]),
        "int": pa.array([2**53 + 1]),
        "float": pa.array([float("nan")]),
        "bool": pa.array([True]),
        "none": pa.array([None], pa.float64()),
        "code": pa.array(["7"]).dictionary_encode(),
        "money": pa.array([Decimal("1.25")]),
        "list": pa.array([[1, 2]]),
    }
    [document] = documents(table(tmp_path, columns))
    found = document["features"]
    assert document["version"] == "1.10"
    assert found.pop("float") != found["int"]
    assert found == {"int": 2**53 + 1, "bool": True, "none": None, "code": "7", "money": 1.25, "list": [1, 2]}


def broken_gzip(at: int | None) -> bytes:
    """A gzip file cut short, or with one byte of its content wrong."""
    data = bytearray(gzip.compress(b"".join(encode(event(i, START_MS)) + b"\n" for i in range(500)), mtime=0))
    if at is None:
        return bytes(data[: len(data) // 2])
    data[at] ^= 255
    return bytes(data)


@pytest.mark.parametrize(
    ("name", "data", "said"),
    [
        ("e.ndjson.gz", broken_gzip(None), "ended before"),
        ("e.ndjson.gz", broken_gzip(20), "decompress"),
        ("e.ndjson.gz", broken_gzip(-6), "CRC check failed"),
        ("e.csv", b"ts,x\n1,\xff\n", "utf-8"),
        ("e.csv", b"a,b\n1,2\n", "no column 'ts' .* a, b; set event.paths.ts"),
        ("e.csv", b"ts,x,x\n1,2,3\n", "two columns would stand at 'features.x'"),
        ("e.csv", b"ts,x,features.x\n1,2,3\n", "two columns would stand at 'features.x'"),
        ("e.csv", b"ts,tags.a,tags.a.b\n1,2,3\n", "two columns would stand at 'tags.a'"),
        ("e.parquet", b"no table", "Parquet"),
        ("e.xlsx", b"", r"files end in \.ndjson, .*, this one in \.xlsx"),
        ("events", b"", "this one in nothing"),
        ("e.gz", b"", "this one in nothing"),
    ],
)
def test_what_cannot_be_read_is_named(name: str, data: bytes, said: str, tmp_path: Path) -> None:
    (tmp_path / name).write_bytes(data)
    with pytest.raises(InputError, match=rf"{name}: .*{said}") as error:
        values(tmp_path / name)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("name", ["e.ndjson", "e.csv", "e.csv.gz", "e.parquet"])
def test_a_missing_file_is_named(name: str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=rf"{name}: .*[Nn]o such file"):
        values(tmp_path / name)


def test_times_that_python_does_not_have_are_named(tmp_path: Path) -> None:
    far = pa.array([10**12], pa.timestamp("s"))
    with pytest.raises(InputError, match=r"m\.parquet: .*out of range"):
        values(table(tmp_path, {"ts": far}))


def test_every_format_gives_the_same_events(tmp_path: Path) -> None:
    rows = [event(i, START_MS + i, latency_ms=None if i % 5 else 3.5, tags={"country": "DE"}) for i in range(50)]
    lines = b"\n".join(map(encode, rows))
    flat = [
        {k: v for k, v in row.items() if k not in ("features", "tags")} | row["features"] | {"tags.country": "DE"}
        for row in rows
    ]
    cells = [[json.dumps(value) if isinstance(value, float) else value for value in row.values()] for row in flat]
    text = "\n".join(",".join("" if cell is None else str(cell) for cell in row) for row in [list(flat[0]), *cells])
    parquet.write_table(pa.Table.from_pylist(rows), tmp_path / "nested.parquet")
    parquet.write_table(pa.Table.from_pylist(flat), tmp_path / "flat.parquet")
    paths = [
        written(tmp_path, "e.ndjson", lines),
        written(tmp_path, "e.ndjson.gz", lines),
        written(tmp_path, "e.csv", text),
        written(tmp_path, "e.csv.gz", text),
        tmp_path / "nested.parquet",
        tmp_path / "flat.parquet",
    ]
    assert [documents(path) == rows for path in paths] == [True] * len(paths)


@pytest.mark.parametrize("name", ["e.json", "e.json.gz"])
@pytest.mark.parametrize("indent", [None, 1])
def test_an_array_of_events_is_read_element_by_element(name: str, indent: int | None, tmp_path: Path) -> None:
    some = [json.loads(encode(event(i, START_MS))) for i in range(2 * ROWS + 5)]
    path = written(tmp_path, name, BOM + b"\n" + json.dumps(some, indent=indent).encode())
    assert documents(path) == some
    assert [len(batch.values) for batch in read_events(path, AUTO)] == [ROWS, ROWS, 5]


def test_an_element_that_is_nested_too_deep_is_a_record_and_no_event(tmp_path: Path) -> None:
    found = values(written(tmp_path, "e.json", '[{"a":1},' + "[" * 995 + "]" * 995 + ',{"a":2}]'))
    assert [found[0], found[-1]] == [b'{"a":1}', b'{"a":2}']
    assert len(found) == 3


def test_lines_that_begin_with_an_array_stay_lines(tmp_path: Path) -> None:
    lines = [b"[1]\n", b'{"a":1}\n', b"[2]\n"]
    assert values(written(tmp_path, "e.json", b"".join(lines))) == lines
    assert values(written(tmp_path, "e.ndjson", b"[1]\n")) == [b"[1]\n"]


def test_an_object_of_several_lines_is_told(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"e\.json: an object is to stand in one line, or all of them in an array"):
        values(written(tmp_path, "e.json", json.dumps({"a": 1}, indent=1)))


@pytest.mark.parametrize("delimiter", [";", "\t", "|"])
def test_where_a_header_has_no_comma_another_delimiter_stands(delimiter: str, tmp_path: Path) -> None:
    text = f'\n{delimiter}\nts{delimiter}"a,b"{delimiter}c\n1{delimiter}2{delimiter}"x{delimiter}y"\n'
    [document] = documents(written(tmp_path, "m.csv", text))
    assert document["ts"] == 1
    assert document["features"] == {"a,b": 2, "c": f"x{delimiter}y"}


def test_a_row_with_more_cells_than_names_is_no_event(tmp_path: Path) -> None:
    path = written(tmp_path, "m.csv", "ts,a,b\n1,2,3\n1,Berlin, Mitte,3\n1,2,3,,\n1,2\n")
    good, bad, padded, short = values(path)
    assert bad == b"a row of 4 cells, the header has 3: 1,Berlin, Mitte,3"
    assert codec.loads_lenient(good) == codec.loads_lenient(padded)
    assert codec.loads_lenient(short)["features"] == {"a": 2}


def test_a_file_is_unpacked_by_what_it_holds_and_not_by_its_name(tmp_path: Path) -> None:
    packed, plain = tmp_path / "a.ndjson", tmp_path / "b.ndjson.gz"
    packed.write_bytes(gzip.compress(b'{"ts": 1}\n'))
    plain.write_bytes(b'{"ts": 1}\n')
    assert [batch.values for path in (packed, plain) for batch in read_events(path, Config())] == [[b'{"ts": 1}\n']] * 2


def test_utf_16_is_said_to_be_that(tmp_path: Path) -> None:
    path = tmp_path / "a.ndjson"
    path.write_text('{"ts": 1}\n', encoding="utf-16")
    with pytest.raises(InputError, match=r"a\.ndjson: it is UTF-16; make it UTF-8"):
        list(read_events(path, Config()))
