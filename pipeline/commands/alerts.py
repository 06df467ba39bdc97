"""The commands `driftline alerts ...`: what is on the alert topic, and what whoever is on call does about it."""

import asyncio
import os
import sys
import time
from itertools import groupby
from pathlib import Path
from typing import Annotated

import typer

from detectors.statistics.footing import LEAST_WORTH
from pipeline.commands import console
from pipeline.configuration.baseline_edit import how_to_name, with_baseline
from pipeline.configuration.config_file import read_config
from pipeline.configuration.outfile import keep_apart, write
from pipeline.configuration.yaml_edit import diff_of
from pipeline.ingest.sightings import LOOK_AT, read_sightings
from pipeline.monitor.standards.probation import STEPS
from schemas.config import Config
from schemas.duration import format_duration, parse_duration
from schemas.errors import DriftlineError, InputError
from schemas.instant import instant

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
    from pipeline.alerts.alert_log import Written, follow

    def show(written: Written) -> None:
        if json:
            sys.stdout.write(written.value.decode() + "\n")
            sys.stdout.flush()
        else:
            console.out.print(console.alert_lines(written.alert, read_sightings(written.headers.get(LOOK_AT))))

    asyncio.run(follow(read_config(config), show, from_beginning=from_beginning))


@app.command("list", epilog=console.example("driftline alerts list -c driftline.yaml"))
def list_command(
    config: ConfigFile,
    json: Annotated[bool, typer.Option("--json", help="Print each as it is on the topic, an object a line.")] = False,
) -> None:
    """Prints the alerts that fire now, by incident, as far back as the topic goes."""
    from pipeline.alerts.standing import read_standing

    found = read_standing(read_config(config))
    if json:
        sys.stdout.writelines(alert.encode().decode() + "\n" for alert in found.alerts)
        return
    incidents = [list(alerts) for _, alerts in groupby(found.alerts, key=lambda alert: alert.incident)]
    for alerts in incidents:
        first = alerts[0]
        console.out.print(f"incident {first.incident} of {first.model} since {instant(first.began_ms)}", markup=False)
        for alert in alerts:
            console.out.print(console.alert_lines(alert))
    console.err.print(
        f"firing: {len(found.alerts):,}, in incidents: {len(incidents):,}; resolved, on the topic: {found.resolved:,}",
        markup=False,
    )


@app.command("mute", epilog="\n\n".join(map(console.example, MUTING)))
def mute_command(
    config: ConfigFile,
    name: Annotated[str | None, typer.Argument(metavar="ID", help="Of an alert, or of an incident.")] = None,
    model: Annotated[str | None, typer.Option(help="All alerts of this model, instead of one.")] = None,
    during: Annotated[str, typer.Option("--for", metavar="TIME", help="How long, as in 2h.")] = "1h",
    reason: Annotated[str, typer.Option(help="For whoever reads the silence.")] = "muted by driftline",
) -> None:
    """Silences an alert, the model of an incident, or a model in Alertmanager for a while. Driftline goes on watching."""
    if (name is None) == (model is None):
        raise typer.BadParameter("give an ID, or --model, and not both", param_hint="ID")
    try:
        length_ms = parse_duration(during)
    except ValueError as error:
        raise typer.BadParameter(str(error), param_hint="--for") from None
    from pipeline.alerts.alertmanager_client import silenced
    from pipeline.alerts.muting import author, labels_to_mute

    settings = read_config(config)
    labels = labels_to_mute(settings, name, model)
    now_ms = time.time_ns() // 1_000_000
    silence = silenced(settings, labels, now_ms, now_ms + length_ms, author(), reason)
    shown = ", ".join(f'{label}="{value}"' for label, value in labels.items())
    console.out.print(f"muted until {instant(now_ms + length_ms)}: {shown} (silence {silence})", markup=False)


@app.command("test", epilog=console.example("driftline alerts test -c driftline.yaml"))
def try_command(
    config: ConfigFile,
    within: Annotated[float, typer.Option(min=1, help="Seconds to wait for Alertmanager.")] = 60.0,
) -> None:
    """Sends an alert of no model along the way that alerts go, says how far it comes, and takes it back."""
    from pipeline.alerts.rehearsal import arrivals, firing

    settings = read_config(config)
    missing = []
    with firing(settings, time.time_ns() // 1_000_000) as alert:
        console.out.print(f"{settings.kafka.alerts_topic}: has it, id {alert.id}", markup=False)
        if not settings.alertmanager.urls:
            console.err.print("alertmanager.urls is empty: nobody is asked further on")
            return
        for peer, seconds in arrivals(settings, alert, within, time.monotonic):
            if seconds is None:
                missing.append(peer)
            else:
                console.out.print(f"{peer}: has it after {seconds:.1f} s", markup=False)
    if missing:
        raise DriftlineError(
            f"it did not come to {', '.join(missing)} in {within:g} s; is this running? driftline notify -c {config}"
        )


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
    from pipeline.alerts.acceptance import accept
    from pipeline.configuration.shelf import configured_baselines

    keep_apart([config], [out])
    settings = read_config(config)
    accepted = accept(settings, name, configured_baselines(settings, config.parent))
    baseline = accepted.baseline
    write(out, baseline.encode())
    console.err.print(
        f"{out}: {baseline.model} in {accepted.windows} windows since {instant(accepted.since_ms)}",
        markup=False,
    )
    if accepted.windows < LEAST_WORTH:
        console.err.print(
            f"{accepted.windows} windows are too few: with this baseline the model has NO ALERTS for its next {STEPS[0]} windows "
            f"({format_duration(STEPS[0] * settings.window.length_ms)}); accept when the incident has {LEAST_WORTH:g} windows"
        )
    _name_in(config, settings, baseline.model, out, edit=edit)


def _name_in(config: Path, settings: Config, model: str, out: Path, *, edit: bool) -> None:
    """Writes the new baseline into the configuration, or shows how."""
    relative = os.path.relpath(out, config.parent)
    text = config.read_text(encoding="utf-8")
    names = [] if settings.models == "auto" else [one.name for one in settings.models]
    if model not in names:
        console.err.print(f"{config}: {how_to_name(settings, model, relative)}", markup=False)
        return
    try:
        changed = with_baseline(text, names.index(model), relative)
    except ValueError as error:
        raise InputError(
            f"{config}: {error}; name {relative} in models[{names.index(model)}].baseline by hand"
        ) from None
    console.out.print(diff_of(text, changed, str(config)).rstrip(), markup=False)
    if edit:
        write(config, changed.encode())
    console.err.print(
        f"{'Then' if edit else 'With --edit it is written. Then'} send each worker SIGHUP, or start it again"
    )
