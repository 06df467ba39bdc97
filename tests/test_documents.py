"""The documents say what is: configurations, commands, links, and the files and tests that they name."""

import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import typer
import yaml

from pipeline.cli import app
from pipeline.serving import metrics
from pipeline.serving.board import Board
from pipeline.serving.notify_board import NotifyBoard
from pipeline.serving.notify_metrics import notify_registry
from pipeline.serving.page.chronicle import Chronicle
from schemas import codec
from schemas.alert import Alert
from schemas.config import Config
from schemas.event import Event, Refusal

ROOT = Path(__file__).resolve().parents[1]
DOCUMENTS = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")])
README = ROOT / "README.md"
ALERTS = ROOT / "docs" / "alerts.md"

# What stands before a block of YAML that is a configuration; readers do not see it.
CONFIGURATION, DEFAULTS, MODEL_DEFAULTS = "configuration", "configuration: defaults", "configuration: model defaults"

_FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_MARKED = re.compile(r"^<!-- (configuration.*?) -->\n```yaml\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_SPAN = re.compile(r"`([^`\n]+)`")
_LINK = re.compile(r"\[[^\]\n]*\]\(([^)\s]+)\)")
_COMMAND = re.compile(r"(?:^|\s)(?:\.venv/bin/)?driftline (?=[a-z-])")
_FILE = re.compile(r"(?:schemas|detectors|pipeline|tests|deploy|docs)/[\w./-]*\w")
_TEST = re.compile(r"test_\w+")
_SERIES = re.compile(r"((?:driftline|process)_\w+)(?:\{.*\})?")
_PLACEHOLDERS = str.maketrans("", "", "[]")

each_document = pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.name)


class Marked(NamedTuple):
    """A block of YAML that a document shows as a configuration."""

    mark: str
    text: str
    document: str

    @property
    def mapping(self) -> Any:
        return yaml.safe_load(self.text)


def marked(*marks: str, documents: Sequence[Path] = (README,)) -> list[Marked]:
    return [
        Marked(*found, path.name)
        for path in documents
        for found in _MARKED.findall(path.read_text())
        if found[0] in marks
    ]


def settings(section: object, path: str = "") -> Iterator[str]:
    """The dotted paths of all settings of a mapping, as YAML has it."""
    if not isinstance(section, dict):
        yield path
        return
    for key, value in section.items():
        yield from settings(value, f"{path}.{key}" if path else str(key))


def written(config: Config) -> Any:
    return config.model_dump(mode="json", by_alias=True)


def blocks(text: str, language: str) -> list[str]:
    return [body for found, body in _FENCE.findall(text) if found == language]


def spans(path: Path) -> list[str]:
    """What a document has in backticks, outside of its blocks."""
    return _SPAN.findall(_FENCE.sub("", path.read_text()).replace("\\|", "|"))


def command_lines(path: Path) -> Iterator[str]:
    """The arguments of each `driftline ...` in the document's shell blocks and in its backticks."""
    lines = "\n".join(blocks(path.read_text(), "sh")).replace("\\\n", " ").splitlines()
    for line in [*lines, *spans(path)]:
        found = _COMMAND.search(line)
        if found:
            yield line[found.end() :]


def fault_of(line: str) -> str | None:
    """What is wrong with a command line: a command or an option that does not exist."""
    command: Any = typer.main.get_command(app)
    words = shlex.split(line.translate(_PLACEHOLDERS), comments=True)
    while words and hasattr(command, "commands"):
        if words[0] not in command.commands:
            return f"{command.name} has no command {words[0]!r}"
        command = command.commands[words.pop(0)]
    known = {option for param in command.params for option in param.opts} | {"--help"}
    unknown = [word for word in words if word.startswith("-") and word.split("=")[0] not in known]
    return f"{command.name} has no option {', '.join(unknown)}" if unknown else None


def test_the_readme_shows_configurations() -> None:
    assert [len(marked(mark)) for mark in (DEFAULTS, MODEL_DEFAULTS)] == [1, 1]
    assert len(marked(CONFIGURATION)) >= 3
    marks = {found[0] for found in _MARKED.findall(README.read_text())}
    assert marks == {CONFIGURATION, DEFAULTS, MODEL_DEFAULTS}


@pytest.mark.parametrize(
    "block",
    marked(CONFIGURATION, DEFAULTS, MODEL_DEFAULTS, documents=DOCUMENTS),
    ids=lambda one: f"{one.document}: {one.mark}",
)
def test_a_configuration_is_valid(block: Marked) -> None:
    Config.from_mapping(block.mapping, block.document)


def test_every_setting_is_shown_with_its_default() -> None:
    [block] = marked(DEFAULTS)
    assert set(settings(block.mapping)) == set(settings(written(Config())))
    assert written(Config.from_mapping(block.mapping)) == written(Config())


def test_every_setting_of_a_model_is_shown_with_its_default() -> None:
    [block] = marked(MODEL_DEFAULTS)
    [model] = block.mapping["models"]
    shown = written(Config.from_mapping(block.mapping))["models"]
    default = written(Config.from_mapping({"models": [{"name": model["name"]}]}))["models"]
    assert set(settings(model)) == set(settings(default[0]))
    assert shown == default


@each_document
def test_commands_and_their_options_exist(path: Path) -> None:
    assert [f"{line!r}: {fault}" for line in command_lines(path) if (fault := fault_of(line))] == []


def test_a_wrong_command_line_would_be_found() -> None:
    assert fault_of("check -c driftline.yaml  # a comment") is None
    assert fault_of("run -c FILE [--only ingest|monitor]") is None
    assert fault_of("chek -c driftline.yaml") == "driftline has no command 'chek'"
    assert fault_of("baseline biuld") == "baseline has no command 'biuld'"
    assert fault_of("replay -c FILE e.csv --alert OUT") == "replay has no option --alert"


def test_every_command_is_documented() -> None:
    shown = [line.split() for line in command_lines(README)]
    commands: Any = typer.main.get_command(app)
    for name, command in commands.commands.items():
        wanted = [[name, sub] for sub in getattr(command, "commands", ())] or [[name]]
        assert [words for words in wanted if not any(line[: len(words)] == words for line in shown)] == []


def test_every_option_is_documented() -> None:
    texts = [path.read_text() for path in DOCUMENTS]
    commands: Any = typer.main.get_command(app)
    nested = [sub for command in commands.commands.values() for sub in getattr(command, "commands", {}).values()]
    options = {
        option
        for command in [*commands.commands.values(), *nested]
        for param in command.params
        for option in param.opts
        if option.startswith("--") and option not in ("--help", "--config", "--out")
    }
    assert [option for option in sorted(options) if not any(option in text for text in texts)] == []


@each_document
def test_relative_links_lead_to_files(path: Path) -> None:
    targets = [target.split("#")[0] for target in _LINK.findall(_FENCE.sub("", path.read_text()))]
    relative = [target for target in targets if target and not re.match(r"[a-z]+:", target)]
    assert [target for target in relative if not (path.parent / target).exists()] == []


@each_document
def test_files_that_are_named_exist(path: Path) -> None:
    assert [span for span in spans(path) if _FILE.fullmatch(span) and not (ROOT / span).exists()] == []


@each_document
def test_tests_that_are_named_exist(path: Path) -> None:
    functions = {name for file in (ROOT / "tests").rglob("test_*.py") for name in re.findall(r"def (test_\w+)", file.read_text())}  # fmt: skip
    named = {span.split()[-1] for span in spans(path) if _TEST.fullmatch(span.split()[-1])}
    assert named - functions == set()


def test_the_examples_of_an_event_and_an_alert_are_such() -> None:
    [event], [alert] = blocks(README.read_text(), "json"), blocks(ALERTS.read_text(), "json")
    assert Event.model_validate_json(event).model_extra == {}
    assert Alert.model_validate_json(alert).state == "firing"


def test_every_series_is_documented_and_no_other() -> None:
    registries = (
        metrics.registry_of(Board(), "0.1.0", Config(), Chronicle().course),
        notify_registry(NotifyBoard(), "0.1.0"),
    )
    text = "".join(metrics.text(registry).decode() for registry in registries)
    series = set(re.findall(r"^# TYPE (\S+) ", text, re.MULTILINE))
    documented = {path: {found[1] for span in spans(path) if (found := _SERIES.fullmatch(span))} for path in DOCUMENTS}
    assert documented[ALERTS] == series
    assert {path.name: names - series for path, names in documented.items() if names - series} == {}


def test_every_reason_of_refusal_is_documented() -> None:
    assert set(Refusal) <= set(spans(ALERTS))


# What the README says is printed, is printed.


class Replayed(NamedTuple):
    """What the commands under "Replay" printed, the folder they ran in, and the alerts they wrote."""

    printed: str
    folder: Path
    alerts: list[dict[str, Any]]


def shell(script: str, folder: Path) -> str:
    """Runs a script as a reader would, beside a `.venv`; returns what it printed."""
    if not (folder / ".venv").exists():
        (folder / ".venv").symlink_to(sys.prefix)
    environment = {**os.environ, "PATH": f"{sys.prefix}/bin:{os.environ['PATH']}", "COLUMNS": "200"}
    done = subprocess.run(["bash", "-euc", script], cwd=folder, env=environment, capture_output=True, text=True, timeout=120, check=False)  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout + done.stderr


def lines_of(text: str) -> set[str]:
    return {line.rstrip() for line in text.splitlines()} - {"...", ""}


@pytest.fixture(scope="module")
def replayed(tmp_path_factory: pytest.TempPathFactory) -> Replayed:
    section = README.read_text().split("### Replay\n")[1].split("\n## ")[0]
    folder = tmp_path_factory.mktemp("replay")
    (folder / "shuttle.yaml").write_text(blocks(section, "yaml")[0])
    printed = shell("\n".join(blocks(section, "sh")), folder)
    assert lines_of(blocks(section, "text")[0]) <= lines_of(printed)
    return Replayed(
        printed, folder, [codec.decode(line) for line in (folder / "alerts.ndjson").read_bytes().splitlines()]
    )


def test_the_demo_prints_what_the_readme_shows(replayed: Replayed, tmp_path: Path) -> None:
    shown = lines_of(blocks(README.read_text(), "text")[0])
    printed = lines_of(shell("driftline demo --once --port 0 --speed 0", tmp_path))
    assert shown - printed == set()
    assert shown - lines_of(replayed.printed) == {line for line in shown if line.startswith("false alarms")}


def test_the_backtest_prints_what_its_page_shows(replayed: Replayed) -> None:
    page = (ROOT / "docs" / "backtest.md").read_text()
    printed = shell(blocks(page, "sh")[0], replayed.folder)
    words = [" ".join(re.sub("[│┃]", " ", line).split()) for line in printed.splitlines()]
    shown = {" ".join(line.split()) for line in blocks(page, "text")[0].splitlines()} - {""}
    assert shown - set(words) == set()


def test_the_example_of_an_alert_is_the_first_of_the_replay(replayed: Replayed) -> None:
    shown, alert = codec.decode(blocks(ALERTS.read_text(), "json")[0].encode()), replayed.alerts[0]
    evidence = {verdict["detector"]: verdict for verdict in alert["evidence"]}
    assert all(cell in alert["cells"] for cell in shown.pop("cells"))
    for verdict in shown.pop("evidence"):
        assert verdict == pytest.approx(evidence[verdict["detector"]])
    contributions = shown.pop("contributions")
    assert contributions["signals"] == list(map(pytest.approx, alert["contributions"]["signals"]))
    assert contributions == {**alert["contributions"], "signals": contributions["signals"]}
    assert shown == pytest.approx({name: alert[name] for name in shown})
    assert set(alert) == {*shown, "cells", "evidence", "contributions"}
