"""The command as people use it: help, replay, baselines, Kafka's tools, and one clear line for what is wrong."""

import asyncio
import csv
import gzip
import json
import os
import random
import re
import select
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
import pytest
import typer
from jsonschema import Draft202012Validator  # type: ignore[import-untyped]  # it ships no types
from kafka import KafkaAdminClient
from kafka.admin import NewTopic
from pyarrow import parquet

from pipeline.cli import app, main
from pipeline.commands import console
from pipeline.commands.stage_lines import StageLines
from schemas import codec
from schemas.verdict import State
from schemas.window import SignalRecord, WindowRecord
from tests.kafka.choice import Kafka
from tests.pipeline.events import START_MS, encode, event, loans
from tests.pipeline.workers import DRIFTLINE, create_topic, free_port, read_topic, send, write_config
from tests.schemas.test_messages import ALERT

SCHEMAS = Path(__file__).parents[2] / "schemas" / "json"
BASELINE, DRIFT_AT, END = 4000, 4600, 5200
EVENTS, PER_WINDOW = END - BASELINE, 200
NOWHERE = "localhost:1"
GIVE_UP = f"""
import time
from pipeline.connections.admin import Admin
from schemas.config import Config
from schemas.errors import BrokerError
started = time.monotonic()
try:
    Admin(Config.from_mapping({{"kafka": {{"bootstrap_servers": "{NOWHERE}"}}}}))
except BrokerError:
    print(time.monotonic() - started)
"""


class Said(NamedTuple):
    """How a command ended, and what it wrote."""

    code: int
    out: str
    err: str


Run = Callable[..., Said]


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Run:
    """Runs the command in this process."""

    def one(*arguments: str | Path) -> Said:
        capsys.readouterr()
        with pytest.raises(SystemExit) as end:
            main([*map(str, arguments)])
        said = capsys.readouterr()
        return Said(int(end.value.code or 0), said.out, said.err)

    return one


def spawned(*arguments: str | Path) -> Said:
    """Runs the command in a process of its own."""
    done = subprocess.run([*DRIFTLINE, *map(str, arguments)], capture_output=True, text=True, timeout=120, check=False)
    return Said(done.returncode, done.stdout, done.stderr)


def fails(said: Said, pattern: str) -> None:
    """Asserts that it failed with one clear line, and no traceback."""
    assert said.code == 1, said
    assert re.fullmatch(rf"error .*{pattern}.*\n", said.err), said.err
    assert "Traceback" not in said.out + said.err


def unreachable(folder: Path) -> dict[str, list[str | Path]]:
    """The commands that need a broker, with a configuration that names one where there is none."""
    kafka, told = {"bootstrap_servers": NOWHERE, "topics": ["events"]}, {"urls": ["http://localhost:1"]}
    own = {"port": free_port(), "notify_port": free_port()}
    config = write_config(folder, "nowhere.yaml", kafka=kafka, alertmanager=told, metrics=own)
    (folder / "one.ndjson").write_bytes(encode(event(1, START_MS)))
    return {
        "run": ["run", "-c", config],
        "produce": ["produce", "-c", config, folder / "one.ndjson"],
        "topics": ["topics", "-c", config],
        "check": ["check", "-c", config],
        "backtest": ["backtest", "-c", config, "--from-kafka"],
        "report": ["report", "-c", config, "-o", folder / "report.html"],
        "alerts tail": ["alerts", "tail", "-c", config],
        "alerts list": ["alerts", "list", "-c", config],
        "notify": ["notify", "-c", config],
        "sniff": ["sniff", "-c", config],
    }


@pytest.fixture(scope="module", autouse=True)
def spawned_at_once(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Future[Said]]]:
    """Commands that mostly wait, beside the other tests."""
    folder = tmp_path_factory.mktemp("nowhere")
    commands: dict[str, list[str | Path]] = {
        "demo": ["demo", "--once", "--port", "0", "--speed", "0"],
        "unknown": ["replay", "-c", write_config(folder, "typo.yaml", windw={}), "events.ndjson"],
        **unreachable(folder),
    }
    with ThreadPoolExecutor(4) as pool:
        yield {name: pool.submit(spawned, *arguments) for name, arguments in commands.items()}


# Help.


def commands_of(command: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    for name, inner in getattr(command, "commands", {}).items():
        yield from commands_of(inner, (*path, name))
    if not hasattr(command, "commands"):
        yield path


COMMANDS = list(commands_of(typer.main.get_command(app)))


def test_these_are_the_commands() -> None:
    assert {" ".join(path) for path in COMMANDS} == {
        "demo", "run", "replay", "backtest", "baseline build", "baseline show", "produce", "alerts tail", "notify", "topics", "check",
        "report", "series", "version", "sniff", "alerts accept", "alerts list", "alerts mute", "alerts test",
    }  # fmt: skip


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_every_command_explains_itself_with_an_example(command: tuple[str, ...], run: Run) -> None:
    said = run(*command, "--help")
    assert said.code == 0
    assert f"Example: driftline {' '.join(command)}" in " ".join(said.out.split())


@pytest.mark.parametrize("group", [[], ["baseline"], ["alerts"]])
def test_without_a_command_it_says_which_there_are(group: list[str], run: Run) -> None:
    said = run(*group)
    for path in COMMANDS:
        if list(path[: len(group)]) == group:
            assert path[len(group)] in said.out + said.err


# What is wrong.

CONFIGS = {
    "typo.yaml": "windw: {length: 5m}",
    "type.yaml": "window: {length: 5}",
    "yaml.yaml": "window: {length: 5m",
    "date.yaml": "window: 2026-13-45",
    "twice.yaml": "kafka: {topics: [a]}\nwindow: {length: 5m}\nkafka: {topics: [b]}",
    "binary.yaml": "\x00",
    "missing.yaml": "models: [{name: loan, baseline: nowhere.json}]",
    "other.yaml": "models: [{name: card, baseline: loan.json}]",
    "broken.yaml": "models: [{name: loan, baseline: fine.yaml}]",
    "markup.yaml": "'[/b] [red]': 1",
    "fine.yaml": "window: {length: 200s, allowed_lateness: 1s}",
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A baseline, events that drift from it, and a configuration for them."""
    folder = tmp_path_factory.mktemp("cli")
    events = [encode(loan) for loan in loans(END, DRIFT_AT)]
    (folder / "events.ndjson").write_bytes(b"\n".join(events[BASELINE:]))
    (folder / "reference.ndjson").write_bytes(b"\n".join(events[:BASELINE]))
    (folder / "empty.ndjson").write_bytes(b"")
    (folder / "table.csv").write_text("when,x\n1,2\n")
    (folder / "table.xlsx").write_text("")
    for name, text in CONFIGS.items():
        (folder / name).write_text(text)
    models = [{"name": "loan", "baseline": "loan.json", "segments": ["tags.country"]}]
    config = write_config(folder, "loan.yaml", window={"length": "200s", "allowed_lateness": "1s"}, models=models)
    with pytest.raises(SystemExit, match="0"):
        main(["baseline", "build", "-q", "-c", str(config), str(folder / "reference.ndjson"), "-o", str(folder / "loan.json")])  # fmt: skip
    return folder


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ("replay -c typo.yaml events.ndjson", r"typo\.yaml: windw: unknown key; did you mean 'window'\?"),
        ("replay -c type.yaml events.ndjson", r"type\.yaml: window\.length: 5 has no unit"),
        ("replay -c yaml.yaml events.ndjson", r"yaml\.yaml: not YAML: line 1: "),
        ("replay -c twice.yaml events.ndjson", r"twice\.yaml: not YAML: line 3: kafka stands there already"),
        ("replay -c date.yaml events.ndjson", r"date\.yaml: not YAML that can be read: month must be in 1\.\.12"),
        ("replay -c binary.yaml events.ndjson", r"binary\.yaml: not YAML: "),
        ("replay -c markup.yaml events.ndjson", r"markup\.yaml: \[/b\] \[red\]: unknown key"),
        ("replay -c absent.yaml events.ndjson", r"absent\.yaml: No such file"),
        ("replay -c fine.yaml absent.ndjson", r"absent\.ndjson: No such file"),
        ("replay -c fine.yaml table.xlsx", r"table\.xlsx: files end in \.ndjson, .*, this one in \.xlsx"),
        ("replay -c fine.yaml table.csv", r"table\.csv: no column 'ts' .* among when, x; set event\.paths\.ts"),
        ("replay -c fine.yaml events.ndjson --alerts fine.yaml/a.ndjson", r"fine\.yaml is a file, no folder"),
        ("replay -c fine.yaml events.ndjson --alerts b.json --windows b.json", r"b\.json: is written to twice"),
        ("replay -c fine.yaml events.ndjson --windows .", r"\.: Is a directory"),
        ("replay -c missing.yaml events.ndjson", r"nowhere\.json: no such baseline; build it with: driftline baseline build .* -o .*nowhere\.json"),
        ("check -c missing.yaml", r"nowhere\.json: no such baseline; build it with"),
        ("run -c missing.yaml", r"nowhere\.json: no such baseline; build it with"),
        ("replay -c other.yaml events.ndjson", r"loan\.json: is the baseline of 'loan', .* names it for 'card'"),
        ("replay -c broken.yaml events.ndjson", r"fine\.yaml: .*"),
        ("baseline show absent.json", r"absent\.json: no such baseline; build it with"),
        ("baseline show fine.yaml", r"fine\.yaml: "),
        ("baseline build -c fine.yaml empty.ndjson -o b.json", r"no event to build a baseline of \(there are none\)"),
        ("baseline build -c fine.yaml reference.ndjson -o b.json --model card", r"no event of model 'card'; there are loan"),
        ("baseline build -c fine.yaml reference.ndjson -o fine.yaml/b.json", r"fine\.yaml is a file, no folder"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_said_in_one_line(arguments: str, said: str, folder: Path, run: Run) -> None:
    named = {path.name for path in folder.iterdir()} | {"absent.yaml", "absent.ndjson", "absent.json", "b.json", "."}
    placed = [folder / word if word in named or "/" in word else word for word in arguments.split()]
    fails(run(*placed), said.replace(r"\.: Is", rf"{folder}: Is"))


def test_mistakes_of_a_configuration_have_a_line_each(folder: Path, run: Run) -> None:
    config = write_config(folder, "mistakes.yaml", kafka={"topics": []}, window={"length": "8d"}, detection={"bins": 1})
    said = run("replay", "-c", config, folder / "events.ndjson")
    assert said.code == 1
    assert len(said.err.splitlines()) == 3
    assert [place in line for place, line in zip(["kafka.topics", "window.length", "detection.bins"], said.err.splitlines(), strict=True)] == [True] * 3  # fmt: skip


@pytest.mark.parametrize(
    "arguments",
    [
        "backtest events.ndjson",
        "replay -c fine.yaml",
        "demo --port 99999",
        "run -c fine.yaml --only half",
        "run -c fine.yaml --log-level loud",
        "produce -c fine.yaml events.ndjson --rate 0",
        "nonsense",
    ],
)
def test_a_wrong_command_line_ends_with_2(arguments: str, folder: Path, run: Run) -> None:
    said = run(*[folder / word if word.endswith((".yaml", ".ndjson")) else word for word in arguments.split()])
    assert said.code == 2
    assert "Usage:" in said.err


# Baselines and replay.


def test_a_baseline_is_built_and_shown(folder: Path, tmp_path: Path, run: Run) -> None:
    out = tmp_path / "new" / "loan.json"
    built = run("baseline", "build", "-c", folder / "loan.yaml", folder / "reference.ndjson", "-o", out)
    assert (built.code, built.err) == (0, f"{out}: {BASELINE:,} events\n")
    assert out.read_bytes() == (folder / "loan.json").read_bytes()
    shown = run("baseline", "show", out)
    assert "baseline of loan: 20 windows of 200 s" in shown.out
    rows = [[cell.strip() for cell in line.strip("│").split("│")] for line in shown.out.splitlines() if "│" in line]
    assert [row[1] for row in rows[:4]] == ["grade", "prediction", "term", "value"]
    assert {row[0] for row in rows} == {"", "tags.country=DE", "tags.country=FR"}
    assert rows[0][2:] == ["4,000", "0", "0", "", "", "", "A, B, C, D"]
    assert sum(int(row[2].replace(",", "")) for row in rows) == 4 * 2 * BASELINE


def test_events_in_no_order_of_time_become_no_baseline(folder: Path, tmp_path: Path, run: Run) -> None:
    lines = (folder / "reference.ndjson").read_bytes().splitlines()
    random.Random(1).shuffle(lines)
    (tmp_path / "shuffled.ndjson").write_bytes(b"\n".join(lines))
    hint = r"the events are not in order of time, [\d,]+ of 4,000 are late or ahead: sort them by ts"
    out = tmp_path / "b.json"
    fails(run("baseline", "build", "-q", "-c", folder / "fine.yaml", tmp_path / "shuffled.ndjson", "-o", out), hint)
    assert not out.exists()
    replayed = run("replay", "-q", "-c", folder / "fine.yaml", tmp_path / "shuffled.ndjson")
    assert replayed.code == 0
    assert re.search(rf"\n{hint}\n$", replayed.err)


def test_a_few_events_that_are_dropped_are_named_with_their_reasons(folder: Path, tmp_path: Path, run: Run) -> None:
    lines = (folder / "reference.ndjson").read_bytes().splitlines()
    first, ahead = lines[0], encode(event(1, START_MS + 86_400_000, "loan"))
    mixed = [*lines[:2000], first, b"no", b"[]", b"[]", ahead, *lines[2000:]]
    (tmp_path / "mixed.ndjson").write_bytes(b"\n".join(mixed))
    out = tmp_path / "b.json"
    said = run("baseline", "build", "-q", "-c", folder / "fine.yaml", tmp_path / "mixed.ndjson", "-o", out)
    reasons = "not_an_object 2, invalid_json 1, timestamp_ahead 1"
    assert (said.code, said.err) == (0, f"{out}: 4,000 events, 1 late, 4 refused ({reasons})\n")


def test_a_path_that_no_event_has_is_named(folder: Path, tmp_path: Path, run: Run) -> None:
    signals = [{"name": "opt", "path": "features.optt"}, {"name": "grade", "path": "features.grade"}]
    segments = ["tags.country", "tags.contry"]
    window = {"length": "200s", "allowed_lateness": "1s"}
    config = write_config(tmp_path, "c.yaml", window=window, models=[{"name": "loan", "signals": signals, "segments": segments}])  # fmt: skip
    unmet = "loan: signal 'opt': no event has features.optt\nloan: segment: no event has tags.contry\n"
    out = tmp_path / "b.json"
    built = run("baseline", "build", "-q", "-c", config, folder / "reference.ndjson", "-o", out)
    assert (built.code, built.err) == (0, f"{unmet}{out}: 4,000 events\n")
    replayed = run("replay", "-q", "-c", config, folder / "events.ndjson")
    assert replayed.code == 0
    assert replayed.err.endswith(f"\n{unmet}")


def test_a_model_without_signals_has_no_baseline(folder: Path, tmp_path: Path, run: Run) -> None:
    listed = [{"name": "loan", "signals": [{"name": "opt", "path": "features.optt"}]}]
    config = write_config(tmp_path, "c.yaml", window={"length": "200s"}, models=listed)
    build = ("baseline", "build", "-q", "-o", tmp_path / "b.json", "-c")
    none = "no event of model 'loan' has a signal: "
    fails(run(*build, config, folder / "reference.ndjson"), f"{none}loan: signal 'opt': no event has features.optt")
    bare = [encode({"ts": START_MS + i, "model": "loan", "version": "1", "features": {}}) for i in range(9)]
    (tmp_path / "bare.ndjson").write_bytes(b"\n".join(bare))
    fails(run(*build, folder / "fine.yaml", tmp_path / "bare.ndjson"), f"{none}no feature, prediction or latency")
    assert not (tmp_path / "b.json").exists()


@pytest.mark.parametrize("command", ["replay", "backtest"])
def test_what_a_baseline_was_not_built_for_is_said(command: str, folder: Path, tmp_path: Path, run: Run) -> None:
    config = tmp_path / "other.yaml"
    text = (folder / "loan.yaml").read_text().replace("loan.json", str(folder / "loan.json"))
    config.write_text(text + "detection: {bins: 8}\n")
    said = run(command, "-c", config, folder / "events.ndjson", "--quiet")
    assert said.code == 0
    assert said.err.startswith(
        "loan: its baseline was built under other detection.bins or detection.minimum_events: there are"
    )
    assert "build it again with driftline baseline build" in said.err


def test_a_baseline_of_another_window_length_is_refused(folder: Path, tmp_path: Path, run: Run) -> None:
    config = tmp_path / "other.yaml"
    config.write_text(f"{{window: {{length: 7s}}, models: [{{name: loan, baseline: {folder / 'loan.json'}}}]}}")
    refused = run("replay", "-c", config, folder / "events.ndjson")
    assert refused.code == 1
    assert "window.length is 7s; build it again with this configuration" in refused.err


def test_a_baseline_of_several_models_wants_a_name(tmp_path: Path, folder: Path, run: Run) -> None:
    both = tmp_path / "both.ndjson"
    both.write_bytes(b"\n".join(encode(event(i, START_MS + i, model)) for i in range(9) for model in ("a", "b")))
    build = ("baseline", "build", "-c", folder / "fine.yaml", both, "-o", tmp_path / "a.json")
    fails(run(*build), r"the events have several models \(a, b\): name one with --model")
    said = run(*build, "--model", "a", "--quiet")
    assert (said.code, said.err) == (0, f"{tmp_path / 'a.json'}: 9 events\n")


class Replayed(NamedTuple):
    summary: dict[str, Any]
    alerts: bytes
    windows: bytes


@pytest.fixture
def replayed(folder: Path, tmp_path: Path, run: Run) -> Callable[[Path], Replayed]:
    def one(events: Path) -> Replayed:
        out = [tmp_path / f"{kind}.ndjson" for kind in ("alerts", "windows")]
        said = run(
            "replay", "-c", folder / "loan.yaml", events, "--alerts", out[0], "--windows", out[1], "--json", "--quiet"
        )
        assert (said.code, said.err) == (0, "")
        return Replayed(json.loads(said.out), *(path.read_bytes() for path in out))

    return one


def test_replay_prints_json_and_writes_lines_that_keep_to_their_schemas(
    folder: Path, replayed: Callable[[Path], Replayed]
) -> None:
    found = replayed(folder / "events.ndjson")
    alerts, windows = found.alerts.splitlines(), found.windows.splitlines()
    assert found.summary["events"] == {"profiled": EVENTS, "late": 0, "excluded": 0, "refused": 0}
    assert found.summary["windows"] == {"complete": EVENTS // PER_WINDOW}
    assert found.summary["alerts"] == len(alerts) > 0
    assert len(windows) == 3 * EVENTS // PER_WINDOW
    for name, lines in (("alert.v3", alerts), ("window.v2", windows)):
        schema = Draft202012Validator(json.loads((SCHEMAS / f"{name}.json").read_text()))
        for line in lines:
            schema.validate(codec.decode(line))
    fired = {a["signal"] for a in map(codec.decode, alerts) if "segment" not in a}
    assert fired == {"value", "grade"}


@pytest.mark.parametrize(
    "arguments",
    [
        "replay -c loan.yaml in.ndjson --windows out.ndjson",
        "replay -c loan.yaml in.ndjson --alerts out.ndjson",
        "baseline build -c loan.yaml in.ndjson -o out.ndjson",
        "sniff in.ndjson -o out.ndjson --force",
        "report -c loan.yaml --windows in.ndjson -o out.ndjson",
        "backtest -c loan.yaml in.ndjson --plot out.ndjson",
        "series in.ndjson -o out.ndjson",
        "series in.ndjson --changes out.ndjson",
        "alerts accept 1 -c in.ndjson -o out.ndjson",
    ],
)
@pytest.mark.parametrize("link", [os.link, os.symlink])
def test_no_command_writes_over_what_it_reads(
    arguments: str, link: Callable[[Path, Path], None], folder: Path, tmp_path: Path, run: Run
) -> None:
    kept = (folder / "events.ndjson").read_bytes()
    (tmp_path / "in.ndjson").write_bytes(kept)
    link(tmp_path / "in.ndjson", tmp_path / "out.ndjson")
    places = {"loan.yaml": folder, "in.ndjson": tmp_path, "out.ndjson": tmp_path}
    placed = [places[word] / word if word in places else word for word in arguments.split()]
    fails(run(*placed), r"out\.ndjson: is read, and would be written over; name another file to write to")
    assert (tmp_path / "in.ndjson").read_bytes() == kept


@pytest.mark.parametrize("kind", ["--windows", "--alerts"])
@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no /dev/full")
def test_a_full_disk_is_said_in_one_line(kind: str, folder: Path, run: Run) -> None:
    said = run("replay", "-q", "-c", folder / "loan.yaml", folder / "events.ndjson", kind, "/dev/full")
    fails(said, r"/dev/full: No space left on device")


@pytest.mark.parametrize("misspelt", ["absent.ndjson", "table.csv", "table.xlsx"])
def test_a_replay_that_reads_nothing_leaves_the_last_ones_files(
    misspelt: str, folder: Path, replayed: Callable[[Path], Replayed], tmp_path: Path, run: Run
) -> None:
    before = replayed(folder / "events.ndjson")
    alerts, windows = tmp_path / "alerts.ndjson", tmp_path / "windows.ndjson"
    replay = ("replay", "-q", "-c", folder / "loan.yaml", "--alerts", alerts, "--windows", windows)
    assert run(*replay, folder / misspelt).code == 1
    if not (folder / misspelt).exists():
        assert run(*replay, folder / "events.ndjson", folder / misspelt).code == 1
    assert (alerts.read_bytes(), windows.read_bytes()) == (before.alerts, before.windows)
    assert run(*replay, folder / "empty.ndjson").code == 0
    assert (alerts.read_bytes(), windows.read_bytes()) == (b"", b"")
    assert run("replay", "-q", "-c", folder / "loan.yaml", folder / "empty.ndjson", "--alerts", "/dev/null").code == 0


def test_replay_twice_gives_equal_bytes(folder: Path, replayed: Callable[[Path], Replayed]) -> None:
    assert replayed(folder / "events.ndjson") == replayed(folder / "events.ndjson")


def test_every_format_gives_the_same_alerts_byte_for_byte(
    folder: Path, tmp_path: Path, replayed: Callable[[Path], Replayed]
) -> None:
    lines = (folder / "events.ndjson").read_bytes()
    rows = [json.loads(line) for line in lines.splitlines()]
    flat = [{**row, **row.pop("features"), "tags.country": row.pop("tags")["country"]} for row in map(dict, rows)]
    flat = [{k: v for k, v in row.items() if k not in ("features", "tags")} for row in flat]
    (tmp_path / "e.ndjson.gz").write_bytes(gzip.compress(lines))
    with (tmp_path / "e.csv").open("w", newline="") as text:
        table = csv.DictWriter(text, list(flat[0]))
        table.writeheader()
        table.writerows(flat)
    (tmp_path / "e.csv.gz").write_bytes(gzip.compress((tmp_path / "e.csv").read_bytes()))
    parquet.write_table(pa.Table.from_pylist(flat), tmp_path / "flat.parquet")
    parquet.write_table(pa.Table.from_pylist(rows), tmp_path / "nested.parquet")
    expected = replayed(folder / "events.ndjson")
    for name in ("e.ndjson.gz", "e.csv", "e.csv.gz", "flat.parquet", "nested.parquet"):
        assert replayed(tmp_path / name) == expected, name


def test_replay_shows_windows_and_alerts_as_they_come(folder: Path, run: Run) -> None:
    said = run("replay", "-c", folder / "loan.yaml", folder / "events.ndjson")
    first = next(i for i, line in enumerate(said.out.splitlines()) if "FIRING" in line)
    assert first >= 3 * (DRIFT_AT - BASELINE) // PER_WINDOW
    assert re.search(r"FIRING +loan 1: (grade|value): ", said.out)
    assert re.search(r"loan 1 tags.country=DE +\d+ events  drift +", said.out)
    assert f"events: {EVENTS:,} profiled; windows: 6 complete; alert events: " in said.err


def test_a_replay_in_which_nothing_was_judged_says_so(folder: Path, tmp_path: Path, run: Run) -> None:
    config = tmp_path / "learns.yaml"
    config.write_text("window: {length: 200s}\nmodels: [{name: loan, baseline: {learn: {windows: 288}}}]\n")
    said = run("replay", "-q", "-c", config, folder / "events.ndjson")
    assert (
        "\nno window was judged: 6 learning; a baseline takes 20 windows at the least, so: more events, or a shorter window.length\n"
        in said.err
    )
    assert "judged" not in run("replay", "-q", "-c", folder / "loan.yaml", folder / "events.ndjson").err


@pytest.mark.parametrize(
    ("states", "named"),
    [
        ({"a": State.WARNING, "b": State.OK, "c": State.WARNING}, "warning     a, c"),
        ({"a": State.WARNING, "b": State.DRIFT}, "drift       b; warning: a"),
        ({"a": State.OK, "b": State.DRIFT}, "drift       b"),
    ],
)
def test_a_windows_line_names_what_moved_and_what_is_warned_of(states: dict[str, State], named: str) -> None:
    signals = tuple(SignalRecord(name, state, 1, 0, 0) for name, state in states.items())
    worst = State.DRIFT if State.DRIFT in states.values() else State.WARNING
    record = WindowRecord(model="m", version="1", start_ms=0, end_ms=1, events=1, state=worst, signals=signals)
    assert console.window_line(record).plain.endswith(f" events  {named}")


@pytest.mark.parametrize("name", ["[/b]", "[red]x", ":warning:", "back\\", "two words"])
def test_names_are_shown_as_they_are(name: str, tmp_path: Path, run: Run) -> None:
    events = tmp_path / "e.ndjson"
    events.write_bytes(b"\n".join(encode(event(i, START_MS + i, name, features={name: name})) for i in range(40)))
    config = write_config(tmp_path, "c.yaml", models=[{"name": name, "segments": [f"features.{name}"]}])
    assert f" {name} 1 features.{name}={name} " in run("replay", "-c", config, events).out
    assert run("baseline", "build", "-q", "-c", config, events, "-o", tmp_path / "b.json").code == 0
    shown = run("baseline", "show", tmp_path / "b.json").out
    assert f"baseline of {name}: 1 windows" in shown
    assert f"│ features.{name}={name} " in shown


def test_microseconds_taken_for_milliseconds_are_refused(tmp_path: Path, folder: Path, run: Run) -> None:
    (tmp_path / "us.ndjson").write_bytes(encode(event(1, START_MS * 1000)))
    said = run("replay", "-c", folder / "fine.yaml", tmp_path / "us.ndjson")
    assert said.code == 1
    assert "1 refused: timestamp_ahead" in said.err
    assert "no event was profiled; driftline sniff -c FILE EVENTS says what to set" in said.err


# On Kafka.


@pytest.fixture
def prefix() -> str:
    """What the names of a test's topics begin with."""
    return f"cli-{uuid.uuid4().hex[:8]}"


def on_kafka(folder: Path, kafka: Kafka, prefix: str, **more: Any) -> Path:
    section = {
        "bootstrap_servers": kafka.bootstrap_servers,
        "topics": [f"{prefix}.events"],
        "group": prefix,
        "prefix": prefix,
        "profiles_partitions": 3,
    }
    return write_config(folder, "kafka.yaml", kafka=section | more)


def create(kafka: Kafka, topic: str, partitions: int, cleanup: str) -> None:
    with KafkaAdminClient(bootstrap_servers=kafka.bootstrap_servers) as admin:
        admin.create_topics([NewTopic(topic, partitions, 1, topic_configs={"cleanup.policy": cleanup})])


def test_topics_are_created_and_then_verified(real_kafka: Kafka, prefix: str, tmp_path: Path, run: Run) -> None:
    config = on_kafka(tmp_path, real_kafka, prefix)
    first, again, as_json = (
        run("topics", "-c", config),
        run("topics", "-c", config),
        run("topics", "-c", config, "--json"),
    )
    assert [said.code for said in (first, again, as_json)] == [0, 0, 0]
    ours = [f"{prefix}.{name}" for name in ("profiles", "windows", "alerts", "dead-letters")]
    ours += [f"{prefix}-monitor-{name}-changelog" for name in ("state", "baselines")]
    cleanups = ["delete"] * 4 + ["compact"] * 2
    for said, what in ((first, "created"), (again, "present")):
        assert said.out.splitlines() == [
            f"{what}  {topic}  3 partitions, {cleanup}" for topic, cleanup in zip(ours, cleanups, strict=True)
        ]
    assert json.loads(as_json.out) == {"created": [], "faults": []}


@pytest.mark.parametrize("command", ["topics", "check"])
def test_a_topic_of_ours_that_is_wrong_is_named_with_what_to_do(
    command: str, real_kafka: Kafka, prefix: str, tmp_path: Path, run: Run
) -> None:
    config = on_kafka(tmp_path, real_kafka, prefix)
    create(real_kafka, f"{prefix}.alerts", 2, "delete")
    create(real_kafka, f"{prefix}-monitor-state-changelog", 3, "delete")
    create_topic(real_kafka.bootstrap_servers, f"{prefix}.events", 1)
    if command == "check":
        run("topics", "-c", config)
    said = run(command, "-c", config)
    assert said.code == 1
    partitions, cleanup = said.err.splitlines()
    assert (
        f"topic {prefix}.alerts has 2 partitions, kafka.profiles_partitions asks for 3; set it to 2, or" in partitions
    )
    assert f"{prefix}-monitor-state-changelog has cleanup.policy=delete, it must be compact; change it with:" in cleanup


def test_check_is_quiet_on_a_good_ground(
    real_kafka: Kafka, prefix: str, folder: Path, tmp_path: Path, run: Run
) -> None:
    models = {"models": [{"name": "loan", "baseline": str(folder / "loan.json")}]}
    config = on_kafka(tmp_path, real_kafka, prefix)
    config.write_text(config.read_text() + "window: {length: 200s}\n" + json.dumps(models)[1:-1])
    create_topic(real_kafka.bootstrap_servers, f"{prefix}.events", 5)
    missing = run("check", "-c", config)
    assert missing.code == 1
    assert len(missing.err.splitlines()) == 6
    assert "does not exist; create it with: driftline topics -c FILE" in missing.err
    run("topics", "-c", config)
    said = run("check", "-c", config)
    assert (said.code, said.err) == (0, "")
    assert said.out.splitlines()[1:] == [
        "baseline of loan: 12 signals, correlations of 3",
        f"source topic {prefix}.events: 5 partitions",
        "topics: as they should be",
    ]


def test_a_missing_source_topic_is_named(
    real_kafka: Kafka, prefix: str, folder: Path, tmp_path: Path, run: Run
) -> None:
    config = on_kafka(tmp_path, real_kafka, prefix)
    for command in (["check", "-c", config], ["run", "-c", config]):
        fails(run(*command), f"source topic {prefix}.events does not exist on .*; create it, or correct kafka.topics")
    fails(
        run("produce", "-c", config, folder / "events.ndjson"), f"topic {prefix}.events does not exist on .*; create it"
    )
    fails(
        run("alerts", "tail", "-c", config), f"topic {prefix}.alerts does not exist; create it with: driftline topics"
    )
    with KafkaAdminClient(bootstrap_servers=real_kafka.bootstrap_servers) as admin:
        assert not [topic for topic in admin.list_topics() if topic.startswith(prefix)]


def test_produce_puts_every_event_once_in_order_per_partition(
    real_kafka: Kafka, prefix: str, tmp_path: Path, run: Run
) -> None:
    config = on_kafka(tmp_path, real_kafka, prefix)
    events = [encode(event(i, START_MS + i)) for i in range(5000)]
    (tmp_path / "a.ndjson").write_bytes(b"\n".join(events[:3001]))
    (tmp_path / "b.ndjson.gz").write_bytes(gzip.compress(b"\n".join(events[3001:])))
    create_topic(real_kafka.bootstrap_servers, f"{prefix}.events", 3)
    create_topic(real_kafka.bootstrap_servers, f"{prefix}.other", 1)
    said = run("produce", "-c", config, tmp_path / "a.ndjson", tmp_path / "b.ndjson.gz")
    assert (said.code, said.err) == (0, f"5,000 events sent to {prefix}.events\n")
    messages = read_topic(real_kafka.bootstrap_servers, f"{prefix}.events")
    for partition in range(3):
        found = sorted((m.offset, m.value) for m in messages if m.partition == partition)
        assert [value for _, value in found] == events[partition::3]
    started = time.monotonic()
    (tmp_path / "few.ndjson").write_bytes(b"\n".join(events[:5]))
    assert run("produce", "-c", config, tmp_path / "few.ndjson", "--topic", f"{prefix}.other", "--rate", "20").code == 0
    assert time.monotonic() - started >= 0.25
    assert [m.value for m in read_topic(real_kafka.bootstrap_servers, f"{prefix}.other")] == events[:5]


def test_tail_shows_the_alerts_on_the_topic(real_kafka: Kafka, prefix: str, tmp_path: Path) -> None:
    config = on_kafka(tmp_path, real_kafka, prefix)
    create_topic(real_kafka.bootstrap_servers, f"{prefix}.alerts", 1)
    asyncio.run(send(real_kafka.bootstrap_servers, f"{prefix}.alerts", [b"no alert", ALERT.encode()], 1))
    command = [*DRIFTLINE, "alerts", "tail", "-c", str(config), "--from-beginning", "--json"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as tail:
        assert tail.stdout is not None
        line = tail.stdout.readline()
        tail.send_signal(signal.SIGINT)
        _, err = tail.communicate(timeout=60)
    assert line == ALERT.encode() + b"\n"
    assert tail.returncode == 130
    place = f"topic={prefix}.alerts partition=0 offset=0"
    assert err.count(b"\n") == 1
    assert err.decode().endswith(f"passed over a message that is no alert, or one of a newer version: {place}\n")


def test_tail_begins_with_what_comes_next(real_kafka: Kafka, prefix: str, tmp_path: Path) -> None:
    config, topic = on_kafka(tmp_path, real_kafka, prefix), f"{prefix}.alerts"
    create_topic(real_kafka.bootstrap_servers, topic, 1)
    asyncio.run(send(real_kafka.bootstrap_servers, topic, [ALERT.encode()], 1))
    later = ALERT.model_copy(update={"summary": "later"}).encode()
    command = [*DRIFTLINE, "alerts", "tail", "-c", str(config), "--json"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as tail:
        assert tail.stdout is not None
        for _ in range(30):  # until it listens
            asyncio.run(send(real_kafka.bootstrap_servers, topic, [later], 1))
            if select.select([tail.stdout], [], [], 1.0)[0]:
                break
        line = tail.stdout.readline()
        tail.send_signal(signal.SIGINT)
        tail.communicate(timeout=60)
    assert line == later + b"\n"
    assert tail.returncode == 130


# In processes of their own, which have been running meanwhile.


def test_the_demo_catches_both_changes_and_nothing_else(spawned_at_once: dict[str, Future[Said]]) -> None:
    said = spawned_at_once["demo"].result()
    assert (said.code, said.err) == (0, "")
    caught = said.out[said.out.index("what was caught") :]
    for signal_ in ("f1", "f5"):
        assert re.search(rf"│ {signal_} .* │ [\d,]+ s +│ .* │ [\d,]+ s +│", caught), caught
    assert "false alarms: 0" in caught
    assert "never" not in caught


def test_the_process_ends_with_1_and_no_traceback(spawned_at_once: dict[str, Future[Said]]) -> None:
    fails(spawned_at_once["unknown"].result(), r"typo\.yaml: windw: unknown key; did you mean 'window'\?")


@pytest.mark.parametrize(
    "command", ["run", "produce", "topics", "check", "backtest", "report", "alerts tail", "notify"]
)
def test_an_unreachable_broker_gives_one_line(command: str, spawned_at_once: dict[str, Future[Said]]) -> None:
    said = spawned_at_once[command].result()
    fails(said, f"no Kafka answers at {NOWHERE} within 5 s; start it, or correct kafka.bootstrap_servers")


def test_an_unreachable_broker_is_given_up_in_time() -> None:
    """In a process of its own: the client leaves sockets behind."""
    done = subprocess.run([sys.executable, "-c", GIVE_UP], capture_output=True, text=True, timeout=120, check=True)
    assert 4 < float(done.stdout) < 10


def test_an_interrupt_while_the_command_is_loaded_is_no_traceback() -> None:
    command = [sys.executable, "-X", "importtime", *DRIFTLINE[1:], "version"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as loading:
        assert loading.stderr is not None
        said = []
        for line in loading.stderr:
            said.append(line)
            if "numpy" in line:
                break
        loading.send_signal(signal.SIGINT)
        out, err = loading.communicate(timeout=60)
    assert loading.returncode == 130
    assert out == ""
    assert "Traceback" not in "".join([*said, err])


def test_without_a_terminal_progress_is_a_line_every_so_often() -> None:
    said: list[str] = []
    now = iter([0.0, 4.0, 10.0, 15.0, 19.9, 21.0])
    lines = StageLines(said.append, lambda: next(now))
    reading = lines.stage("reading the history")
    for done in (0.1, 0.25, 0.5):
        reading(done)
    trying = lines.stage("trying other settings")
    for done in (0.0, 0.07):
        trying(done)
    assert said == ["reading the history: 25 %", "trying other settings: 7 %"]


@pytest.mark.parametrize("quiet", [False, True])
def test_stages_without_a_terminal_go_to_the_error_stream_and_quietly_nowhere(
    quiet: bool, capsys: pytest.CaptureFixture[str]
) -> None:
    with console.stages(quiet, every_s=0.0) as stage:
        stage("reading the history")(0.5)
    assert capsys.readouterr() == ("", "" if quiet else "reading the history: 50 %\n")


def test_long_categories_are_cut_in_the_table_of_a_baseline(tmp_path: Path, run: Run) -> None:
    prompt = "Summarise the following text for a reader in a hurry: " * 5
    events = tmp_path / "e.ndjson"
    events.write_bytes(b"\n".join(encode(event(i, START_MS + i, features={"prompt": prompt})) for i in range(40)))
    config = write_config(tmp_path, "c.yaml")
    assert run("baseline", "build", "-q", "-c", config, events, "-o", tmp_path / "b.json").code == 0
    shown = run("baseline", "show", tmp_path / "b.json").out
    assert prompt[:39] + "…" in shown
    assert prompt[:60] not in shown


def test_of_many_signals_that_move_together_the_greatest_are_shown(tmp_path: Path, run: Run) -> None:
    rng = np.random.default_rng(4)
    values = rng.normal(size=(2_800, 12)).round(3)
    values[2_400:] += np.linspace(2.0, 6.0, 12)
    features = [{f"x{i:02}": float(value) for i, value in enumerate(row)} for row in values]
    events = tmp_path / "e.ndjson"
    events.write_bytes(b"\n".join(encode(event(i, START_MS + 600 * i, features=one)) for i, one in enumerate(features)))
    model = {"name": "m", "baseline": {"learn": {"windows": 24}}}
    config = write_config(tmp_path, "c.yaml", window={"length": "1m"}, models=[model])
    out = tmp_path / "alerts.ndjson"
    said = run("replay", "-c", config, events, "--alerts", out)
    fired = [line for line in said.out.splitlines() if line.startswith("FIRING")]
    assert len(fired) == 8
    assert all(f"x{i:02}: " in "".join(fired) for i in range(6, 12))
    assert "and 4 more firing there; --alerts OUT writes all" in said.out
    assert re.search(r"drift +x00, x01, x02, x03, x04, x05, x06, x07 and 4 more", said.out)
    assert len(out.read_bytes().splitlines()) >= 12
