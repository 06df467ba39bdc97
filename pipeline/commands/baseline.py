"""The commands `driftline baseline ...`."""

from pathlib import Path
from typing import Annotated

import typer

from pipeline.commands import console
from pipeline.commands.span import FromKafka, Since, SomeFiles, Until, history_of, span_of
from pipeline.configuration.config_file import read_config
from pipeline.configuration.outfile import keep_apart, write
from pipeline.configuration.shelf import read_baseline
from pipeline.history.baseline_build import build, unmet_of
from pipeline.history.fates import dropped

EXAMPLES = (
    "driftline baseline build -c driftline.yaml reference.parquet -o baselines/car_loan.json",
    "driftline baseline build -c driftline.yaml --from-kafka --since 14d --model car_loan -o baselines/car_loan.json",
)

app = typer.Typer(help="Build and show baselines.", no_args_is_help=True)


@app.command("build", epilog="\n\n".join(map(console.example, EXAMPLES)))
def build_command(
    config: Annotated[Path, typer.Option("--config", "-c", metavar="FILE", help="The configuration, YAML.")],
    out: Annotated[Path, typer.Option("--out", "-o", metavar="OUT", help="The baseline's file.")],
    events: SomeFiles = None,
    model: Annotated[str | None, typer.Option(help="Which model, where the events have several.")] = None,
    from_kafka: FromKafka = False,
    since: Since = None,
    until: Until = None,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="No progress bar.")] = False,
) -> None:
    """Builds a baseline from reference data: one profile of each signal, and one for each window."""
    span = span_of(since, until, from_kafka, events)
    keep_apart([config, *(events or [])], [out])
    settings = read_config(config)
    with console.stages(quiet) as stage:
        baseline, counts = build(settings, lambda c, frozen: history_of(c, events, span, frozen), model, stage)
    write(out, baseline.encode())
    for line in unmet_of(settings, baseline):
        console.err.print(line, markup=False)
    said = ", ".join(filter(None, [f"{baseline.events:,} events", dropped(counts)]))
    console.err.print(f"{out}: {said}", markup=False)


@app.command("show", epilog=console.example("driftline baseline show baselines/car_loan.json"))
def show_command(file: Annotated[Path, typer.Argument(metavar="FILE")]) -> None:
    """Shows what a baseline holds."""
    console.show_table(console.baseline_table(read_baseline(file)))
