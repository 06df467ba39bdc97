"""The command `driftline sniff`."""

import sys
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.table import Table
from rich.text import Text

from pipeline.commands import console
from pipeline.commands.span import SomeFiles
from pipeline.configuration.config_file import read_config
from pipeline.configuration.outfile import keep_apart, write
from pipeline.configuration.yaml_edit import document_of
from pipeline.monitor.standards.learning import FROM_FILES, FROM_KAFKA, learning_note
from pipeline.sniff.proposal import Found, Proposal, proposed
from pipeline.sniff.sample import Sample, of_files, of_topic
from pipeline.sniff.trial import tried
from pipeline.sniff.yaml_text import text_of
from schemas import codec
from schemas.config import Config
from schemas.errors import InputError

EXAMPLES = (
    "driftline sniff --bootstrap-servers localhost:9092 --topic scores -o driftline.yaml",
    "driftline sniff -c driftline.yaml --no-examples",
    "driftline sniff events.ndjson.gz",
)
_EXAMPLE = 24
_PROPOSED = ("window", "event", "models")


def sniff(
    events: SomeFiles = None,
    config: Annotated[
        Path | None, typer.Option("--config", "-c", metavar="FILE", help="The configuration: how to connect.")
    ] = None,
    servers: Annotated[
        str | None, typer.Option("--bootstrap-servers", metavar="HOST:PORT", help="The Kafka, without a configuration.")
    ] = None,
    topic: Annotated[
        str | None, typer.Option(metavar="NAME", help="The topic; the first of kafka.topics without.")
    ] = None,
    number: Annotated[int, typer.Option("--events", min=1, max=100_000, help="How many events to look at.")] = 500,
    no_examples: Annotated[bool, typer.Option("--no-examples", help="Show no values of the events.")] = False,
    json: Annotated[bool, typer.Option("--json", help="Print as JSON.")] = False,
    out: Annotated[
        Path | None, typer.Option("--out", "-o", metavar="OUT", help="Write the configuration here.")
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Write over a file that is there.")] = False,
) -> None:
    """Looks at the last events of a topic, or the first of files, and proposes a configuration for them: what stands where,
    what is a signal, how long a window is to be. Reads only, without a group. The configuration is tried on the same
    events. A value of each path is shown as an example, cut, of a real event; names of models stand in the
    configuration."""
    keep_apart(events or [], [out])
    examples = not no_examples
    base, document = _base(config, servers, topic, events)
    sample = of_files(events, number) if events else of_topic(base, topic or base.kafka.topics[0], number)
    proposal = proposed(sample, document.get("event"))
    sections = _sections(document, proposal)
    settings = Config.from_mapping(sections, "the proposal", _folder(config))
    outcome = tried(sample, settings)
    head = f"Proposed by driftline sniff from {sample.size:,} events of {sample.name}."
    text = text_of(sections, proposal.why, proposal.notes, head)
    if out is not None:
        if out.exists() and not force:
            raise InputError(f"{out} is there already; name another file, or write over it with --force")
        write(out, text.encode())
    if json:
        sys.stdout.write(codec.encode_text(_as_json(sample, proposal, sections, outcome, examples)) + "\n")
        return
    console.show_table(_table(proposal, examples))
    console.out.print(Text(text if out is None else f"{out}: written\n"))
    console.out.print(_outcome_line(outcome), markup=False)
    if (note := learning_note(settings, FROM_FILES if events else FROM_KAFKA)) is not None:
        console.out.print(note, markup=False)


def _base(
    config: Path | None, servers: str | None, topic: str | None, events: list[Path] | None
) -> tuple[Config, dict[str, Any]]:
    """The configuration to begin with, and what it says in its own words."""
    if config is not None and servers is not None:
        raise typer.BadParameter("go apart: the configuration names the servers", param_hint="-c, --bootstrap-servers")
    if events and (topic or servers):
        raise typer.BadParameter("give files, or a topic, and not both", param_hint="EVENTS")
    if not (events or config or (servers and topic)):
        raise typer.BadParameter("give files, or -c, or --bootstrap-servers and --topic", param_hint="EVENTS")
    if config is not None:
        base = read_config(config)
        document: dict[str, Any] = document_of(config.read_text(encoding="utf-8")) or {}
    else:
        document = {"kafka": {"bootstrap_servers": servers}} if servers else {}
        base = Config.from_mapping(document, "--bootstrap-servers")
    if topic is not None:
        document = {**document, "kafka": {**(document.get("kafka") or {}), "topics": [topic]}}
        Config.from_mapping(document, "--topic", _folder(config))
    return base, document


def _folder(config: Path | None) -> str:
    return "" if config is None else str(config.parent)


def _sections(document: Mapping[str, Any], proposal: Proposal) -> dict[str, Any]:
    """The configuration as it was, but for what is proposed; a window that was set stays."""
    kept = {name: section for name, section in document.items() if name not in _PROPOSED}
    kafka = {"kafka": kept.pop("kafka")} if "kafka" in kept else {}
    window = document.get("window") or proposal.window
    return {**kafka, "window": window, "event": proposal.event, "models": proposal.models, **kept}


def _table(proposal: Proposal, examples: bool) -> Table:
    table = Table("path", "role", "kind", box=None, pad_edge=False, padding=(0, 2, 0, 0))
    table.add_column("present", justify="right")
    table.add_column("distinct", justify="right")
    if examples:
        table.add_column("example")
    for one in proposal.found:
        cells = [one.path, one.role, str(one.kind), f"{one.share:.0%}", f"{one.distinct:,}"]
        table.add_row(*map(Text, cells), *([Text(_cut(one.example))] if examples else []))
    return table


def _cut(value: Any) -> str:
    text = value if isinstance(value, str) else codec.encode_text(value)
    text = " ".join(text.split())
    return text if len(text) <= _EXAMPLE else f"{text[: _EXAMPLE - 3]}..."


def _outcome_line(outcome: Counter[str]) -> str:
    whole = max(1, outcome.total())
    parts = [f"{n / whole:.1%} {what}" for what, n in sorted(outcome.items(), key=lambda one: -one[1])]
    return f"tried on the same events: {', '.join(parts)}"


def _as_json(
    sample: Sample, proposal: Proposal, sections: Mapping[str, Any], outcome: Counter[str], examples: bool
) -> dict[str, Any]:
    return {
        "sample": {"name": sample.name, "records": sample.size, "forms": dict(proposal.form.counts)},
        "configuration": sections,
        "why": {path: reason for path, reason in proposal.why.items() if reason},
        "notes": list(proposal.notes),
        "models": proposal.models_found,
        "paths": [_path_as_json(one, examples) for one in proposal.found],
        "trial": dict(outcome),
    }


def _path_as_json(one: Found, examples: bool) -> dict[str, Any]:
    told = {"path": one.path, "role": one.role, "kind": one.kind, "present": one.share, "distinct": one.distinct}
    return told | ({"example": _cut(one.example)} if examples else {})
