"""The command `driftline`.

Exit codes: 0 done; 1 failed, one line says why; 2 the command line is wrong; 130 interrupted.
"""

import logging
import sys
import time
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from detectors import registry
from detectors.baseline import Baseline, baseline_of
from detectors.choice import candidates, with_lens
from detectors.group import GroupProfile
from detectors.lens import Lens
from detectors.spread import LEAST_WINDOWS
from pipeline import backtest_cli, console, report_cli
from pipeline.board import Board
from pipeline.config_file import read_config
from pipeline.garbage import collect_seldom
from pipeline.local import LocalIngest, closed_windows, closings
from pipeline.partition import fingerprint_of
from pipeline.raw import Raw
from pipeline.series import series
from pipeline.shelf import configured_baselines, lenses_of, read_baseline
from schemas import codec
from schemas.alert import Alert
from schemas.config import Config
from schemas.errors import DriftlineError, InputError
from schemas.group import Segment

VERSION = "0.1.0"

app = typer.Typer(
    name="driftline",
    help="Watches AI systems through the events they put on Kafka, and says what moved, when, how much and why.",
    no_args_is_help=True,
    add_completion=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
)
baseline_app = typer.Typer(help="Build and show baselines.", no_args_is_help=True)
alerts_app = typer.Typer(help="Read the alert topic.", no_args_is_help=True)
app.add_typer(baseline_app, name="baseline")
app.add_typer(alerts_app, name="alerts")

ConfigFile = Annotated[Path, typer.Option("--config", "-c", metavar="FILE", help="The configuration, YAML.")]
EventFiles = Annotated[
    list[Path], typer.Argument(metavar="EVENTS...", help="NDJSON, CSV or Parquet files, .gz too, in order.")
]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="No progress bar, no lines for windows.")]


def _example(text: str) -> str:
    return f"Example:  [bold]{text}[/]"


@app.callback()
def prepare() -> None:
    collect_seldom()


@app.command(epilog=_example("driftline demo --once"))
def demo(
    once: Annotated[
        bool, typer.Option("--once", help="Stop when the data end, instead of serving the page on.")
    ] = False,
    port: Annotated[
        int, typer.Option(min=0, max=65_535, help="Where the page and /metrics are served; 0 for any free port.")
    ] = 9464,
    speed: Annotated[float, typer.Option(help="Windows a second; 0 for as fast as it goes.")] = 8.0,
) -> None:
    """Replays real data with a known change through the whole core; needs nothing else."""
    from pipeline.demo import run_demo

    if not run_demo(once=once, port=port, speed=speed, version=VERSION):
        raise typer.Exit(1)


@app.command(epilog=_example("driftline run -c driftline.yaml"))
def run(
    config: ConfigFile,
    only: Annotated[
        str | None, typer.Option(metavar="ingest|monitor", help="Run one half of the worker alone.")
    ] = None,
    log_level: Annotated[str, typer.Option(help="debug, info, warning or error.")] = "info",
) -> None:
    """Runs a worker: reads the source topics, closes windows, sends alerts."""
    if only not in (None, "ingest", "monitor"):
        raise typer.BadParameter(f"must be ingest or monitor, got {only!r}", param_hint="--only")
    _check_log_level(log_level)
    from pipeline.worker import run_worker

    settings = read_config(config)
    run_worker(
        settings,
        config.parent,
        ingest=only != "monitor",
        monitor=only != "ingest",
        log_level=log_level,
        version=VERSION,
    )


@app.command(epilog=_example("driftline replay -c driftline.yaml events.ndjson.gz --alerts alerts.ndjson"))
def replay(
    config: ConfigFile,
    events: EventFiles,
    alerts: Annotated[Path | None, typer.Option(metavar="OUT", help="Write alert events here, NDJSON.")] = None,
    windows: Annotated[Path | None, typer.Option(metavar="OUT", help="Write window records here, NDJSON.")] = None,
    raw: Annotated[
        list[str] | None,
        typer.Option(
            metavar="DETECTOR",
            help="Judge no windows: feed single values in order to this sequence detector, of "
            f"{', '.join(registry.names())}. On the slices of windows river's go blind. May be given more than once.",
        ),
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="Print the summary as JSON.")] = False,
    quiet: Quiet = False,
) -> None:
    """Runs the core over files, without Kafka: the same events give the same alerts."""
    settings = read_config(config)
    if raw:
        if alerts or windows:
            raise typer.BadParameter("there are no windows and no alerts with --raw", param_hint="--alerts, --windows")
        found = Raw(settings, raw)
        console.show_detections(found, (b.values for b in console.batches(events, settings, quiet=quiet)), json=json)
        return
    baselines = configured_baselines(settings, config.parent)
    ingest = LocalIngest(settings, lenses_of(settings, baselines))
    messages = ingest.messages(b.values for b in console.batches(events, settings, quiet=quiet))
    board = Board()
    fired: list[Alert] = []
    with _Lines(alerts) as alert_file, _Lines(windows) as window_file:
        for closing in closings(settings, baselines, messages):
            board.closed(0, closing)
            fired += closing.alerts
            alert_file.write(a.encode() for a in closing.alerts)
            window_file.write(r.encode() for r in closing.records)
            if not (json or quiet):
                console.show_closing(closing)
    summary = {"events": dict(ingest.counts), "windows": dict(board.windows), "alerts": len(fired)}
    if json:
        sys.stdout.write(codec.encode_text(summary) + "\n")
    else:
        _print_summary(summary)


app.command(epilog="\n\n".join(map(_example, backtest_cli.EXAMPLES)))(backtest_cli.backtest)


app.command("report", epilog="\n\n".join(map(_example, report_cli.EXAMPLES)))(report_cli.report_command)


@baseline_app.command(
    "build", epilog=_example("driftline baseline build -c driftline.yaml reference.parquet -o baselines/car_loan.json")
)
def baseline_build(
    config: ConfigFile,
    events: EventFiles,
    out: Annotated[Path, typer.Option("--out", "-o", metavar="OUT", help="The baseline's file.")],
    model: Annotated[str | None, typer.Option(help="Which model, where the events have several.")] = None,
    quiet: Quiet = False,
) -> None:
    """Builds a baseline from reference data: one profile of each signal, and one for each window."""
    settings = read_config(config)
    baseline, counts = _build(settings, events, model, quiet)
    _write(out, baseline.encode())
    dropped = counts["late"] + counts["refused"]
    note = f", {dropped:,} late or refused" if dropped else ""
    console.err.print(f"{out}: {counts['profiled']:,} events{note}", markup=False)


@baseline_app.command("show", epilog=_example("driftline baseline show baselines/car_loan.json"))
def baseline_show(file: Annotated[Path, typer.Argument(metavar="FILE")]) -> None:
    """Shows what a baseline holds."""
    console.show_table(console.baseline_table(read_baseline(file)))


@app.command(epilog=_example("driftline produce -c driftline.yaml events.ndjson --rate 500"))
def produce(
    config: ConfigFile,
    events: EventFiles,
    rate: Annotated[float | None, typer.Option(min=0.001, help="Events a second; as fast as it goes without.")] = None,
    topic: Annotated[str | None, typer.Option(help="The topic; the first source topic without.")] = None,
    quiet: Quiet = False,
) -> None:
    """Puts files into the source topic, in order."""
    from pipeline.produce import produce_files

    settings = read_config(config)
    sent = produce_files(settings, (b.values for b in console.batches(events, settings, quiet=quiet)), rate, topic)
    console.err.print(f"{sent:,} events sent to {topic or settings.kafka.topics[0]}")


@alerts_app.command("tail", epilog=_example("driftline alerts tail -c driftline.yaml --json"))
def alerts_tail(
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


@app.command(epilog=_example("driftline notify -c driftline.yaml"))
def notify(
    config: ConfigFile,
    log_level: Annotated[str, typer.Option(help="debug, info, warning or error.")] = "info",
) -> None:
    """Pushes the alerts of the alert topic to Alertmanager, until SIGTERM or Ctrl-C."""
    _check_log_level(log_level)
    from pipeline.notify import run_notify

    run_notify(read_config(config), log_level=log_level)


@app.command(epilog=_example("driftline topics -c driftline.yaml"))
def topics(config: ConfigFile, json: Annotated[bool, typer.Option("--json", help="Print as JSON.")] = False) -> None:
    """Creates the topics that Driftline keeps, and verifies those that are there."""
    from pipeline.admin import Admin
    from pipeline.topics import topic_specs

    settings = read_config(config)
    specs = topic_specs(settings)
    with Admin(settings) as admin:
        created = admin.create(specs)
        faults = admin.faults(specs)
    if json:
        sys.stdout.write(codec.encode_text({"created": created, "faults": faults}) + "\n")
    else:
        for spec in specs:
            console.out.print(
                f"{'created' if spec.name in created else 'present'}  {spec.name}  {spec.partitions} partitions, {spec.cleanup}"
            )
    _fail_on(faults)


@app.command(epilog=_example("driftline check -c driftline.yaml"))
def check(config: ConfigFile) -> None:
    """Validates a configuration, its baselines and the broker's topics; changes nothing."""
    from pipeline.admin import Admin, source_topics
    from pipeline.rights import worker_rights
    from pipeline.topics import topic_specs

    settings = read_config(config)
    baselines = configured_baselines(settings, config.parent)
    console.out.print(
        f"{config}: valid, fingerprint {fingerprint_of(settings, lenses_of(settings, baselines))}", markup=False
    )
    for name, baseline in baselines.items():
        console.out.print(f"baseline of {name}: {baseline.signals} signals{_watched(baseline)}", markup=False)
    with Admin(settings) as admin:
        for name, topic in sorted(source_topics(admin, settings).items()):
            console.out.print(f"source topic {name}: {topic.partitions} partitions")
        faults = admin.lacking(worker_rights(settings)) + admin.faults(topic_specs(settings))
    _fail_on(faults)
    console.out.print("topics: as they should be")


app.command(epilog=_example("driftline series cpu.csv -o scored.csv --plot cpu.png"))(series)


@app.command(epilog=_example("driftline version"))
def version() -> None:
    """Prints the version."""
    console.out.print(VERSION)


class _Lines:
    """Writes lines of bytes to a file, or nowhere."""

    def __init__(self, path: Path | None) -> None:
        try:
            self._file: Any = None if path is None else path.open("wb")
        except OSError as error:
            raise InputError(f"{path}: {error.strerror}") from error

    def __enter__(self) -> "_Lines":
        return self

    def __exit__(self, *_: object) -> None:
        if self._file is not None:
            self._file.close()

    def write(self, lines: Any) -> None:
        if self._file is not None:
            self._file.writelines(line + b"\n" for line in lines)


def _check_log_level(log_level: str) -> None:
    if log_level not in ("debug", "info", "warning", "error"):
        raise typer.BadParameter(f"must be debug, info, warning or error, got {log_level!r}", param_hint="--log-level")


def _write(path: Path, data: bytes) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    except OSError as error:
        raise InputError(f"{path}: {error.strerror}") from error


def _build(config: Config, events: list[Path], model: str | None, quiet: bool) -> tuple[Baseline, Counter[str]]:
    """The baseline of the one model in the files, and what became of the events. They are read twice where there is a lens
    to be had: its centres and scales are those of all of them."""
    baseline, counts = _profiled(config, events, model, quiet, {})
    pairwise = config.detection.pairwise
    group = baseline.groups[None]
    if not pairwise.most or len(group.windows) < LEAST_WINDOWS:
        return baseline, counts
    lens = candidates(group.total, None if pairwise.signals == "auto" else pairwise.signals)
    if lens is None:
        return baseline, counts
    seen, counts = _profiled(config, events, baseline.model, quiet, {baseline.model: lens})
    return with_lens(seen, lens, pairwise.most), counts


def _profiled(
    config: Config, events: list[Path], model: str | None, quiet: bool, lenses: Mapping[str, Lens]
) -> tuple[Baseline, Counter[str]]:
    ingest = LocalIngest(config, lenses)
    messages = ingest.messages(b.values for b in console.batches(events, config, quiet=quiet))
    windows: dict[str, list[tuple[Segment | None, int, GroupProfile]]] = {}
    for window in closed_windows(config, messages):
        for groups in window.models.values():
            for group, part in groups.in_order():
                windows.setdefault(group.model, []).append((group.segment, window.start_ms, part.profile.collapsed()))
    found = sorted(windows)
    if not found:
        fate = ", ".join(f"{n:,} {what}" for what, n in sorted(ingest.counts.items()) if n)
        raise InputError(f"no event to build a baseline of ({fate or 'the files are empty'})")
    if model is None and len(found) != 1:
        raise InputError(f"the events have {len(found)} models ({', '.join(found)}): name one with --model")
    name = model or found[0]
    if name not in windows:
        raise InputError(f"no event of model {name!r}; there are {', '.join(found)}")
    return baseline_of(name, config.window.length_ms, windows[name]), ingest.counts


def _watched(baseline: Baseline) -> str:
    if baseline.lens is None:
        return ""
    left = f", not those of {', '.join(baseline.unwatched)}" if baseline.unwatched else ""
    return f", correlations of {len(baseline.lens.names)}{left}"


def _fail_on(faults: list[str]) -> None:
    if faults:
        raise DriftlineError("\n".join(faults))


def _print_summary(summary: dict[str, Any]) -> None:
    events = ", ".join(f"{n:,} {what}" for what, n in sorted(summary["events"].items()) if n and what != "refused")
    windows = ", ".join(f"{n:,} {what}" for what, n in sorted(summary["windows"].items()))
    console.err.print(f"events: {events or 'none'}; windows: {windows or 'none'}; alert events: {summary['alerts']}")


def main(arguments: list[str] | None = None) -> None:
    """The entry point: errors of a user's making are one clear line, never a traceback. `arguments` are those of the
    command line, where they are not given."""
    logging.basicConfig(level=logging.WARNING, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    logging.Formatter.converter = time.gmtime
    try:
        app(arguments)
    except DriftlineError as error:
        console.err.print(console.error_line(error))
        sys.exit(1)
    except KeyboardInterrupt:
        sys.exit(130)
    except BrokenPipeError:
        sys.exit(1)


if __name__ == "__main__":
    main()
