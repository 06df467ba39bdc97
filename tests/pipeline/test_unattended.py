"""Files without a configuration: what sniff proposes, with windows and a baseline that the files have enough for."""

from collections import Counter
from pathlib import Path

import pytest
import yaml

from pipeline.cli import main
from pipeline.commands.demo import shuttle_events
from pipeline.sniff.unattended import Extent, extent_of
from schemas.alert import Alert
from schemas.config import Config
from tests.pipeline.events import START_MS, encode, event

MINUTE_MS = 60_000


@pytest.mark.parametrize(
    ("minutes", "events", "proposed", "length", "learned"),
    [
        (10_000, 10_000_000, 5, 5, 288),  # two thousand windows: as proposed, and no more learned than ever
        (1_000, 100_000, 5, 5, 66),  # a third of them
        (400, 40_000, 5, 5, 40),
        (400, 40_000, 10, 5, 40),  # forty windows would be too few
        (60, 6_000, 5, 1, 30),
        (60, 900, 5, 5, 6),  # so few events are none the better for shorter windows
        (3, 900, 5, 5, 2),
    ],
)
def test_windows_and_baseline_go_by_what_the_files_hold(
    minutes: int, events: int, proposed: int, length: int, learned: int
) -> None:
    extent = Extent(minutes * MINUTE_MS, Counter({"rare": 1, "m": events, "n": events}), Counter())
    found = extent.length_ms(proposed * MINUTE_MS)
    assert (found // MINUTE_MS, extent.learned(found)) == (length, learned)


def test_a_wrong_clock_makes_no_history_longer() -> None:
    times = [START_MS + 1000 * i for i in range(5_000)]
    times[17] += 1_000 * 86_400_000
    extent = extent_of(Config(), [[encode(event(i, time)) for i, time in enumerate(times)]])
    assert extent.span_ms == pytest.approx(5_000_000, rel=0.01)
    assert extent.models.total() == 5_000


def test_no_event_makes_no_extent() -> None:
    assert extent_of(Config(), [[b"{}"]]) == (0, Counter(), Counter({"no_timestamp": 1}))


def replay(capsys: pytest.CaptureFixture[str], *arguments: str | Path, code: int = 0) -> str:
    """What it says on the error stream, and how it ends."""
    with pytest.raises(SystemExit) as end:
        main(["replay", *map(str, arguments)])
    assert (end.value.code or 0) == code
    return capsys.readouterr().err


def test_a_file_alone_gives_the_alerts_of_the_configuration_it_comes_to(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file, alone, told = (tmp_path / name for name in ("shuttle.ndjson", "alone.ndjson", "told.ndjson"))
    file.write_bytes(b"\n".join(shuttle_events()))
    said = replay(capsys, "-q", file, "--alerts", alone)
    assert "windows of 10m, the first 40 to learn from; to look it over" in said
    alerts = [Alert.model_validate_json(line) for line in alone.read_bytes().splitlines()]
    assert {(alert.signal, str(alert.state)) for alert in alerts} == {
        (signal, state) for signal in ("f1", "f5") for state in ("firing", "resolved")
    }
    config = tmp_path / "c.yaml"
    model = {"name": "shuttle", "baseline": {"learn": {"windows": 40}}}
    config.write_text(yaml.safe_dump({"window": {"length": "10m"}, "models": [model]}))
    replay(capsys, "-q", "-c", config, file, "--alerts", told)
    assert told.read_bytes() == alone.read_bytes()


def test_too_few_events_are_said_to_be(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    few = tmp_path / "few.csv"
    few.write_text("ts,x\n" + "".join(f"{START_MS + 1000 * i},{i % 7}\n" for i in range(30)))
    said = replay(capsys, few)
    assert "too few for verdicts" in said
    assert "no window was judged: 1 learning" in said


def test_what_was_gone_by_is_kept_and_gives_the_same(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file, kept, alone, told = (tmp_path / name for name in ("s.ndjson", "new/kept.yaml", "alone", "told"))
    file.write_bytes(b"\n".join(shuttle_events()))
    assert f"{kept}: written" in replay(capsys, "-q", file, "--alerts", alone, "--keep", kept)
    replay(capsys, "-q", "-c", kept, file, "--alerts", told)
    assert told.read_bytes() == alone.read_bytes()
    assert "is there already" in replay(capsys, "-q", file, "--keep", kept, code=1)
    assert "there is a configuration already" in replay(capsys, file, "-c", kept, "--keep", tmp_path / "k", code=2)


def test_times_that_cannot_be_read_are_said_to_be_why(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    dated = tmp_path / "dated.csv"
    dated.write_text("ts,model,x\n" + "".join(f"31/01/2026,m,{i % 7}\n" for i in range(30)))
    said = replay(capsys, dated, code=1)
    assert f"no event can be read, records are refused: 30 as bad_timestamp; driftline sniff {dated}" in said
