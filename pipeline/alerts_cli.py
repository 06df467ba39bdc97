"""The commands `driftline alerts ...`: what is on the alert topic, and what whoever is on call does about it."""

import os
import sys
from pathlib import Path
from typing import Annotated

import typer

from detectors.footing import LEAST_WORTH
from pipeline import console
from pipeline.config_file import read_config
from pipeline.outfile import write
from pipeline.yaml_edit import diff_of, in_one_line, with_setting
from schemas.alert import Alert
from schemas.config import Config
from schemas.errors import InputError

MUTING = (
    "driftline alerts mute 371b96ad73d8e507 -c driftline.yaml --for 2h",
    "driftline alerts mute --model car_loan -c driftline.yaml --for 1d --reason 'known: new pricing'",
)

app = typer.Typer(help="Read alerts, and answer them.", no_args_is_help=True)

ConfigFile = Annotated[Path, typer.Option("--config", "-c", metavar="FILE", help="The configuration, YAML.")]


@app.command("tail", epilog=console.example("driftline alerts tail -c driftline.yaml --json"))
def tail_command(
    config: ConfigFile,
    from_beginning: Annotated[
        bool, typer.Option("--from-beginning", help="Show the alerts the topic still holds, too.")
    ] = False,
    json: Annotated[bool, typer.Option("--json", help="Print each event as it is on the topic.")] = False,
) -> None:
    """Prints alert events as they come, until interrupted."""
    from pipeline.admin import tail

    settings = read_config(config)
    for value, _ in tail(settings, settings.kafka.alerts_topic, from_beginning=from_beginning):
        try:
            alert = Alert.model_validate_json(value)
        except ValueError:
            console.err.print("passed over a message that is no alert, or one of a newer version: upgrade this command")
            continue
        if json:
            sys.stdout.write(value.decode() + "\n")
            sys.stdout.flush()
        else:
            console.out.print(console.alert_line(alert))


@app.command(
    "accept",
    epilog=console.example("driftline alerts accept 371b96ad73d8e507 -c driftline.yaml -o baselines/loan.json"),
)
def accept_command(
    name: Annotated[str, typer.Argument(metavar="ID", help="Of an alert, or of an incident.")],
    config: ConfigFile,
    out: Annotated[Path, typer.Option("--out", "-o", metavar="OUT", help="The new baseline's file.")],
    edit: Annotated[bool, typer.Option("--edit", help="Name the file in the configuration, too.")] = False,
) -> None:
    """Takes what a model has been like since an incident began for its new normal: a new baseline."""
    from pipeline.acceptance import accept

    settings = read_config(config)
    accepted = accept(settings, name)
    baseline = accepted.baseline
    write(out, baseline.encode())
    console.err.print(
        f"{out}: {baseline.model} in {accepted.windows} windows since {console.instant(accepted.since_ms)}",
        markup=False,
    )
    if accepted.windows < LEAST_WORTH:
        console.err.print(
            "so few windows do not say how far apart windows are: alerts rest on the first 50 that follow"
        )
    _name_in(config, settings, baseline.model, out, edit=edit)


def _name_in(config: Path, settings: Config, model: str, out: Path, *, edit: bool) -> None:
    """Writes the new baseline into the configuration, or shows how."""
    relative = os.path.relpath(out, config.parent)
    text = config.read_text(encoding="utf-8")
    names = [] if settings.models == "auto" else [one.name for one in settings.models]
    if model not in names:
        console.err.print(
            f"{config}: has no entry of {model}; add to models: {{name: {model}, baseline: {relative}}}", markup=False
        )
        return
    try:
        changed = with_setting(text, ["models", names.index(model), "baseline"], in_one_line(relative))
    except ValueError as error:
        raise InputError(f"{config}: {error}; set models[{names.index(model)}].baseline to {relative}") from None
    console.out.print(diff_of(text, changed, str(config)).rstrip(), markup=False)
    if edit:
        write(config, changed.encode())
    console.err.print(
        f"{'Then' if edit else 'With --edit it is written. Then'} send each worker SIGHUP, or start it again"
    )
