"""The command `driftline series`: files of many forms in, scores, changes, a picture and clear errors out."""

import csv
import importlib.util
import json
import sys
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest

from detectors.series.anomaly import AnomalyScorer
from pipeline.cli import main
from pipeline.series.file import number_of, time_of

START = datetime(2026, 1, 5, tzinfo=UTC)
SPIKE, STEP, ROWS = 300, 450, 600


class Said(NamedTuple):
    code: int
    out: str
    err: str


Run = Callable[..., Said]


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Run:
    def run(*arguments: object) -> Said:
        try:
            main(["series", *map(str, arguments)])
            code: Any = 0
        except SystemExit as stop:
            code = stop.code
        said = capsys.readouterr()
        return Said(int(code or 0), said.out, said.err)

    return run


def values() -> list[float]:
    found = np.random.default_rng(0).normal(size=ROWS).round(4)
    found[SPIKE] += 15
    found[STEP:] += 30
    return list(map(float, found))


def times() -> list[datetime]:
    return [START + timedelta(minutes=5 * row) for row in range(ROWS)]


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return write(tmp_path / "cpu.csv", [["timestamp", "value"], *zip(times(), values(), strict=True)])


def write(path: Path, rows: list[Any]) -> Path:
    with path.open("w", newline="") as text:
        csv.writer(text).writerows(rows)
    return path


def read(path: Path) -> list[list[str]]:
    with path.open(newline="") as text:
        return list(csv.reader(text))


def test_the_rows_come_out_as_they_went_in_with_a_score(file: Path, run: Run, tmp_path: Path) -> None:
    out = tmp_path / "deep" / "scored.csv"
    assert run(file, "-o", out, "-q") == (0, "", "")
    rows, given = read(out), read(file)
    assert rows[0] == ["timestamp", "value", "anomaly_score"]
    assert [row[:2] for row in rows] == given
    expected = AnomalyScorer().update_many([int(t.timestamp() * 1000) for t in times()], values())
    assert [float(row[2]) for row in rows[1:]] == pytest.approx(expected.tolist(), rel=1e-5)
    assert max(rows[1:], key=lambda row: float(row[2])) in (rows[1 + SPIKE], rows[1 + STEP])


@pytest.mark.parametrize(
    "spelt",
    [
        lambda t: t.isoformat(),
        lambda t: t.strftime("%Y-%m-%d %H:%M:%S"),
        lambda t: t.strftime("%Y-%m-%dT%H:%M:%SZ"),
        lambda t: str(int(t.timestamp())),
        lambda t: str(int(t.timestamp() * 1000)),
        lambda t: t.astimezone(UTC).isoformat(),
    ],
    ids=["iso", "space", "zulu", "seconds", "milliseconds", "zone"],
)
def test_times_are_understood_however_they_are_spelt(
    spelt: Callable[[datetime], str], file: Path, run: Run, tmp_path: Path
) -> None:
    other = write(
        tmp_path / "o.csv", [["value", "time"], *((v, spelt(t)) for t, v in zip(times(), values(), strict=True))]
    )
    run(file, "-o", tmp_path / "a.csv", "-q")
    assert run(other, "-o", tmp_path / "b.csv", "-q").code == 0
    assert [r[2] for r in read(tmp_path / "a.csv")] == [r[2] for r in read(tmp_path / "b.csv")]


@pytest.mark.parametrize(
    ("cell", "time_ms"),
    [
        ("1970", 0),
        ("1970-02", 31 * 86_400_000),
        ("1970-01-02", 86_400_000),
        ("1970-01-01T01:00:00+01:00", 0),
        ("-5", -5000),
        ("1.5", 1500),
        ("1700000000", 1_700_000_000_000),
        ("1700000000000", 1_700_000_000_000),
        ("1899-12-31 00:00:00.001", -2_209_075_199_999),
        ("yesterday", None),
        ("", None),
        ("nan", None),
        ("inf", None),
    ],
)
def test_time_of_a_cell(cell: str, time_ms: int | None) -> None:
    assert time_of(cell) == time_ms


def test_number_of_a_cell() -> None:
    assert number_of(" 1e3 ") == 1000
    assert np.isnan([number_of(cell) for cell in ("", " ", "NaN", "NA", "null", "None")]).all()
    assert [number_of(cell) for cell in ("x", "1,5", "--")] == [None, None, None]


def test_a_file_without_a_header_gets_one(run: Run, tmp_path: Path) -> None:
    path = write(tmp_path / "bare.csv", list(zip(times(), values(), strict=True)))
    assert run(path, "-o", tmp_path / "o.csv", "-q").code == 0
    rows = read(tmp_path / "o.csv")
    assert rows[0] == ["timestamp", "value", "anomaly_score"]
    assert len(rows) == ROWS + 1


def test_missing_values_are_counted_and_score_0(run: Run, tmp_path: Path) -> None:
    rows: list[Any] = [[t, v] for t, v in zip(times(), values(), strict=True)]
    rows[10][1], rows[20][1] = "", "NaN"
    said = run(write(tmp_path / "gaps.csv", [["timestamp", "value"], *rows]), "-o", tmp_path / "o.csv", "--json")
    assert json.loads(said.out)["gaps"]["missing"] == 2
    scored = read(tmp_path / "o.csv")
    assert (scored[11], scored[21][1:]) == ([str(times()[10]), "", "0"], ["NaN", "0"])


def test_changes_of_several_files_are_written_by_name(file: Path, run: Run, tmp_path: Path) -> None:
    steady = write(tmp_path / "steady.csv", [["timestamp", "value"], *((i, 1.0) for i in range(50))])
    assert run(file, steady, "--changes", tmp_path / "c.json", "-q").code == 0
    assert json.loads((tmp_path / "c.json").read_bytes()) == {"cpu": [STEP], "steady": []}


def test_the_summary_names_the_highest_rows(file: Path, run: Run, tmp_path: Path) -> None:
    found = json.loads(run(file, "--changes", tmp_path / "c.json", "--json").out)["cpu"]
    assert (found["rows"], found["missing"], found["changes"]) == (ROWS, 0, [STEP])
    assert {SPIKE, STEP} <= {row["row"] for row in found["highest"]}
    table = run(file).out
    assert "600 rows" in table
    assert str(times()[SPIKE]) in table


def test_columns_are_read_together_where_none_is_called_value(run: Run, tmp_path: Path) -> None:
    rows = [[t, 1.0, v] for t, v in zip(times(), values(), strict=True)]
    path = write(tmp_path / "two.csv", [["date", "flat", "load"], *rows])
    said = run(path, "-o", tmp_path / "o.csv", "--changes", tmp_path / "c.json", "-q")
    assert said.code == 0
    assert json.loads((tmp_path / "c.json").read_bytes()) == {"two": [STEP]}
    assert float(read(tmp_path / "o.csv")[1 + SPIKE][3]) >= 0.5


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "is empty"),
        ("value\n1\n", "needs a column of times and one of values, has value"),
        ("timestamp,value\n2026-01-05,1\nsoon,2\n", "line 3: no time: 'soon'"),
        ("timestamp,value\n2026-01-05,1\n2026-01-06,high\n", "line 3: no number in value: 'high'"),
        ("timestamp,value\n2026-01-05\n", "line 2: 1 cells, expected 2: ['2026-01-05']"),
    ],
)
def test_what_is_wrong_is_said_in_a_line(text: str, message: str, run: Run, tmp_path: Path) -> None:
    path = tmp_path / "bad.csv"
    path.write_text(text)
    said = run(path)
    assert said.code == 1
    assert said.err.startswith("error ")
    assert message in said.err
    assert said.err.count("\n") == 1


def test_bytes_that_are_no_text_are_an_error(run: Run, tmp_path: Path) -> None:
    path = tmp_path / "bad.csv"
    path.write_bytes(b"timestamp,value\n2026-01-05,1\n\xff\xfe,2\n")
    said = run(path)
    assert (said.code, said.err.count("\n")) == (1, 1)


def test_files_that_cannot_be_read_or_written_are_named(file: Path, run: Run, tmp_path: Path) -> None:
    assert "nowhere.csv: No such file" in run(tmp_path / "nowhere.csv").err
    for option in ("-o", "--changes"):
        said = run(file, option, file / "o")
        assert said.code == 1
        assert f"{file} is a file, no folder" in said.err


def test_one_output_takes_one_file(file: Path, run: Run, tmp_path: Path) -> None:
    other = write(tmp_path / "other.csv", [["timestamp", "value"], [1, 2]])
    said = run(file, other, "-o", tmp_path / "o.csv")
    assert said.code == 2
    assert "takes one FILE, got 2" in said.err


def test_two_files_of_one_name_are_refused(file: Path, run: Run, tmp_path: Path) -> None:
    (tmp_path / "b").mkdir()
    other = write(tmp_path / "b" / "cpu.csv", [["timestamp", "value"], [1, 2]])
    said = run(file, other, "--changes", tmp_path / "c.json")
    assert said.code == 1
    assert "two files are named cpu" in said.err


def test_without_matplotlib_a_picture_says_how_to_get_it(
    file: Path, run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in [name for name in sys.modules if name.partition(".")[0] == "matplotlib"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "matplotlib", None)  # an import of it fails, installed or not
    said = run(file, "--plot", tmp_path / "p.png")
    assert said.code == 1
    assert "pip install 'driftline[plot]'" in said.err


@pytest.mark.skipif(importlib.util.find_spec("matplotlib") is None, reason="needs matplotlib")
@pytest.mark.parametrize(("ending", "magic"), [("png", b"\x89PNG"), ("svg", b"<?xml"), ("pdf", b"%PDF")])
def test_a_picture_is_drawn(ending: str, magic: bytes, file: Path, run: Run, tmp_path: Path) -> None:
    path = tmp_path / "deep" / f"p.{ending}"
    assert run(file, "--plot", path, "--changes", tmp_path / "c.json", "-q").code == 0
    assert path.read_bytes().startswith(magic)
    assert path.stat().st_size > 5000


@pytest.mark.skipif(importlib.util.find_spec("matplotlib") is None, reason="needs matplotlib")
def test_a_picture_of_an_unknown_kind_is_refused(file: Path, run: Run, tmp_path: Path) -> None:
    said = run(file, "--plot", tmp_path / "p.txt")
    assert said.code == 1
    assert "a picture ends in .png, .svg or .pdf, this one in .txt" in said.err
