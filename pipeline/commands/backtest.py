"""The command `driftline backtest`."""

import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Annotated

import typer
from rich.text import Text

from detectors.baselines.baseline import Baseline
from pipeline.backtest.backtest import Backtest, run_backtest
from pipeline.backtest.injection import Injection
from pipeline.backtest.power import Power
from pipeline.backtest.report import as_json, incidents_table, models_table, powers_table, signals_table
from pipeline.backtest.suggestion import Suggested, suggest
from pipeline.backtest.targets import Plan, default_injections
from pipeline.backtest.trials import run_trials
from pipeline.commands import console
from pipeline.commands.span import FromKafka, Since, SomeFiles, Until, history_of, span_of
from pipeline.configuration.config_file import read_config
from pipeline.configuration.outfile import keep_apart
from pipeline.configuration.shelf import frozen_of
from pipeline.history.history import History
from schemas import codec
from schemas.duration import format_duration
from schemas.errors import InputError

Stage = Callable[[float], None]

ALL = "all"
EXAMPLES = (
    "driftline backtest -c driftline.yaml events.ndjson.gz",
    "driftline backtest -c driftline.yaml events.parquet --inject shift:income:0.25,0.5,1 --inject null:income:0.05",
    "driftline backtest -c driftline.yaml --from-kafka --since 7d --inject all --plot backtest.png",
)


def backtest(
    config: Annotated[Path, typer.Option("--config", "-c", metavar="FILE", help="The configuration, YAML.")],
    events: SomeFiles = None,
    inject: Annotated[
        list[str] | None,
        typer.Option(
            metavar="KIND:SIGNAL:SIZE[@WHEN]",
            help="Change events on purpose, and say whether it is found: shift (in standard deviations of the "
            "baseline), scale (a factor), null, swap, prior (shares). Sizes with commas; WHEN is a time, else onsets "
            "are drawn. Several, or 'all'.",
        ),
    ] = None,
    within: Annotated[int, typer.Option(min=1, max=100, help="Windows in which a change is to be found.")] = 3,
    repetitions: Annotated[int, typer.Option(min=1, max=10_000, help="Onsets that are drawn for each size.")] = 20,
    seed: Annotated[int, typer.Option(min=0, help="Of what is drawn.")] = 0,
    from_kafka: FromKafka = False,
    since: Since = None,
    until: Until = None,
    json: Annotated[bool, typer.Option("--json", help="Print as JSON.")] = False,
    plot: Annotated[Path | None, typer.Option(metavar="OUT.png", help="Draw a picture: .png, .svg or .pdf.")] = None,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="No progress bar.")] = False,
) -> None:
    """Runs a configuration over history: incidents against the budget, what would be found, and what to set instead."""
    tried = [_injection(text) for text in inject or [] if text != ALL]
    span = span_of(since, until, from_kafka, events)
    keep_apart([config, *(events or [])], [plot])
    draw = None if plot is None else _drawer(plot)
    settings = read_config(config)
    baselines = console.baselines_of(settings, config.parent)
    with console.stages(quiet or json) as stage:
        history = history_of(settings, events, span, frozen_of(settings, baselines))
        seen = run_backtest(settings, baselines, history, stage("reading the history"))
        if ALL in (inject or []):
            tried += default_injections(settings, baselines, seen)
        plan = Plan(tuple(tried), within, repetitions, seed)
        powers = run_trials(settings, baselines, history, seen, plan, stage("injecting changes")) if tried else []
        text = config.read_text(encoding="utf-8")
        suggested = suggest(text, str(config), settings, baselines, history, seen, stage("trying other settings"))
        again = []
        if powers and suggested is not None:
            again = _power_with(suggested, baselines, history, plan, stage("injecting changes again"))
    if draw is not None and plot is not None:
        draw(plot, seen, powers)
        console.err.print(f"{plot}: written", markup=False)
    if json:
        sys.stdout.write(codec.encode_text(as_json(seen, powers, suggested, again)) + "\n")
    else:
        _show(
            seen, powers, suggested, again, f"{within} windows ({format_duration(within * settings.window.length_ms)})"
        )


def _injection(text: str) -> Injection:
    try:
        return Injection.parse(text)
    except ValueError as error:
        raise typer.BadParameter(str(error), param_hint="--inject") from None


def _drawer(plot: Path) -> Callable[[Path, Backtest, Sequence[Power]], None]:
    """Found before the work begins, so that what is missing is said at once."""
    from pipeline.backtest.plot import check_target, draw

    check_target(plot)
    return draw


def _power_with(
    suggested: Suggested, baselines: Mapping[str, Baseline], history: History, plan: Plan, progress: Stage
) -> list[Power]:
    """The same trials with what is suggested; none where it leaves out a signal that is tried."""
    try:
        return run_trials(suggested.config, baselines, history, suggested.verified, plan, progress)
    except InputError:
        return []


def _show(
    seen: Backtest, powers: Sequence[Power], suggested: Suggested | None, again: Sequence[Power], within: str
) -> None:
    events = ", ".join(f"{n:,} {what}" for what, n in sorted(seen.events.items()) if n and ":" not in what)
    windows = ", ".join(f"{n:,} {what}" for what, n in sorted(seen.windows.items()))
    console.out.print(f"events: {events}; windows: {windows}", markup=False)
    for reason in seen.unjudged.values():
        console.out.print(f"not judged: {reason}", markup=False)
    console.show_table(models_table(seen))
    for model in seen.models:
        if model.incidents:
            console.show_table(incidents_table(model))
        console.show_table(signals_table(model))
    if powers:
        console.show_table(powers_table(powers, within))
    if suggested is not None:
        _show_suggested(suggested, powers, again)
    else:
        console.out.print("nothing to suggest: no setting that was tried gains anything over this history")


def _show_suggested(suggested: Suggested, powers: Sequence[Power], again: Sequence[Power]) -> None:
    console.out.print("\n[bold]suggested[/], and verified by running the history again with it:")
    for one in suggested.suggestions:
        for change in one.changes:
            console.out.print(f"  {change.setting}: {change.before} -> {change.after}", markup=False)
            console.out.print(f"    why: {change.reason}", markup=False)
        console.out.print(f"    measured: {one.effect}", markup=False)
    if powers and again:
        before, after = (sum(p.alert.power for p in some) / len(some) for some in (powers, again))
        console.out.print(f"  mean power over what was injected: {before:.2f} -> {after:.2f}")
    console.out.print()
    console.out.print(Text(suggested.diff.rstrip()))
