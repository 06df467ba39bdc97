"""The command `driftline`.

Exit codes: 0 done; 1 failed, one line says why; 2 the command line is wrong; 130 interrupted.
"""

import sys
from pathlib import Path
from typing import Annotated

import typer

from detectors.baselines.baseline import Baseline
from pipeline.commands import alerts as alerts_cli
from pipeline.commands import backtest as backtest_cli
from pipeline.commands import baseline as baseline_cli
from pipeline.commands import console
from pipeline.commands import replay as replay_cli
from pipeline.commands import report as report_cli
from pipeline.commands import sniff as sniff_cli
from pipeline.commands.series import series
from pipeline.configuration.config_file import read_config
from pipeline.configuration.shelf import frozen_of
from pipeline.events.reader import EventReader
from pipeline.ingest.shared import fingerprint_of
from pipeline.monitor.standards.learning import learning_note
from pipeline.process.garbage import expect_batches
from pipeline.process.log_format import LogFormat, log_as
from schemas import codec
from schemas.errors import DriftlineError

VERSION = "0.1.0"

app = typer.Typer(
    name="driftline",
    help="Watches AI systems through the events they put on Kafka, and says what moved, when, how much and why.",
    no_args_is_help=True,
    add_completion=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
)
app.add_typer(baseline_cli.app, name="baseline")
app.add_typer(alerts_cli.app, name="alerts")

ConfigFile = Annotated[Path, typer.Option("--config", "-c", metavar="FILE", help="The configuration, YAML.")]
EventFiles = Annotated[
    list[Path], typer.Argument(metavar="EVENTS...", help="NDJSON, CSV or Parquet files, .gz too, in order.")
]
LogLevel = Annotated[str, typer.Option(help="debug, info, warning or error.")]
LogForm = Annotated[LogFormat, typer.Option(help="Lines for people, or JSON, an object a line.")]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="No progress bar, no lines for windows.")]


@app.callback()
def prepare() -> None:
    expect_batches()


@app.command(epilog=console.example("driftline demo --once"))
def demo(
    once: Annotated[
        bool,
        typer.Option("--once", help="Stop when the data end, instead of serving the page on, or sending them again."),
    ] = False,
    port: Annotated[
        int, typer.Option(min=0, max=65_535, help="Where the page and /metrics are served; 0 for any free port.")
    ] = 9464,
    speed: Annotated[float, typer.Option(help="Windows a second; 0 for as fast as it goes.")] = 8.0,
    servers: Annotated[
        str | None,
        typer.Option(
            "--bootstrap-servers", metavar="HOST:PORT", help="Send the events to this Kafka's --topic instead."
        ),
    ] = None,
    topic: Annotated[str | None, typer.Option(metavar="NAME", help="The topic; it must exist.")] = None,
    rate: Annotated[float, typer.Option(min=0.1, max=10_000, help="Events a second of event time, to a topic.")] = 10.0,
) -> None:
    """Replays real data with a known change through the whole core; needs nothing else. With --bootstrap-servers and
    --topic it sends them to a topic, as if made now, again and again: for a worker to watch."""
    if (servers is None) != (topic is None):
        raise typer.BadParameter("go together; give both or neither", param_hint="--bootstrap-servers, --topic")
    if servers is not None and topic is not None:
        from pipeline.commands.demo_stream import run_stream

        run_stream(servers, topic, rate=rate, once=once)
        return
    from pipeline.commands.demo import run_demo

    if not run_demo(once=once, port=port, speed=speed, version=VERSION):
        raise typer.Exit(1)


@app.command(epilog=console.example("driftline run -c driftline.yaml"))
def run(
    config: ConfigFile,
    only: Annotated[
        str | None, typer.Option(metavar="ingest|monitor", help="Run one half of the worker alone.")
    ] = None,
    log_level: LogLevel = "info",
    log_format: LogForm = LogFormat.HUMAN,
) -> None:
    """Runs a worker: reads the source topics, closes windows, sends alerts. SIGHUP has it read its configuration anew."""
    if only not in (None, "ingest", "monitor"):
        raise typer.BadParameter(f"must be ingest or monitor, got {only!r}", param_hint="--only")
    _check_log_level(log_level)
    log_as(log_format, log_level)
    from pipeline.worker.worker import run_worker

    run_worker(
        config,
        ingest=only != "monitor",
        monitor=only != "ingest",
        version=VERSION,
    )


app.command(epilog="\n\n".join(map(console.example, replay_cli.EXAMPLES)))(replay_cli.replay)


app.command(epilog="\n\n".join(map(console.example, backtest_cli.EXAMPLES)))(backtest_cli.backtest)


app.command(epilog="\n\n".join(map(console.example, sniff_cli.EXAMPLES)))(sniff_cli.sniff)


app.command("report", epilog="\n\n".join(map(console.example, report_cli.EXAMPLES)))(report_cli.report_command)


@app.command(epilog=console.example("driftline produce -c driftline.yaml events.ndjson --rate 500"))
def produce(
    config: ConfigFile,
    events: EventFiles,
    rate: Annotated[float | None, typer.Option(min=0.001, help="Events a second; as fast as it goes without.")] = None,
    topic: Annotated[str | None, typer.Option(help="The topic; the first source topic without.")] = None,
    quiet: Quiet = False,
) -> None:
    """Puts files into the source topic, in order."""
    from pipeline.connections.produce import produce_files

    settings = read_config(config)
    sent = produce_files(settings, (b.values for b in console.batches(events, settings, quiet=quiet)), rate, topic)
    console.err.print(f"{sent:,} events sent to {topic or settings.kafka.topics[0]}")


@app.command(epilog=console.example("driftline notify -c driftline.yaml"))
def notify(
    config: ConfigFile,
    log_level: LogLevel = "info",
    log_format: LogForm = LogFormat.HUMAN,
) -> None:
    """Pushes the alerts of the alert topic to Alertmanager, until SIGTERM or Ctrl-C; serves its own /metrics."""
    _check_log_level(log_level)
    log_as(log_format, log_level)
    from pipeline.alerts.notify import run_notify

    run_notify(read_config(config), VERSION)


@app.command(epilog=console.example("driftline topics -c driftline.yaml"))
def topics(config: ConfigFile, json: Annotated[bool, typer.Option("--json", help="Print as JSON.")] = False) -> None:
    """Creates the topics that Driftline keeps, and verifies those that are there."""
    from pipeline.connections.admin import Admin
    from pipeline.connections.topics import topic_specs

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


@app.command(epilog=console.example("driftline check -c driftline.yaml"))
def check(config: ConfigFile) -> None:
    """Validates a configuration, its baselines and the broker's topics; changes nothing."""
    from pipeline.connections.admin import Admin, source_topics
    from pipeline.connections.rights import worker_rights
    from pipeline.connections.topics import topic_specs

    settings = read_config(config)
    baselines = console.baselines_of(settings, config.parent)
    EventReader(settings)
    console.out.print(
        f"{config}: valid, fingerprint {fingerprint_of(settings, frozen_of(settings, baselines))}", markup=False
    )
    if (note := learning_note(settings)) is not None:
        console.out.print(note, markup=False)
    for name, baseline in baselines.items():
        console.out.print(f"baseline of {name}: {baseline.signals} signals{_watched(baseline)}", markup=False)
    with Admin(settings) as admin:
        for name, topic in sorted(source_topics(admin, settings).items()):
            console.out.print(f"source topic {name}: {topic.partitions} partitions")
        faults = admin.lacking(worker_rights(settings)) + admin.faults(topic_specs(settings))
    _fail_on(faults)
    console.out.print("topics: as they should be")


app.command(epilog=console.example("driftline series cpu.csv -o scored.csv --plot cpu.png"))(series)


@app.command(epilog=console.example("driftline version"))
def version() -> None:
    """Prints the version."""
    console.out.print(VERSION)


def _check_log_level(log_level: str) -> None:
    if log_level not in ("debug", "info", "warning", "error"):
        raise typer.BadParameter(f"must be debug, info, warning or error, got {log_level!r}", param_hint="--log-level")


def _watched(baseline: Baseline) -> str:
    scored = f", events scored by {len(baseline.scorer.marginals)} signals" if baseline.scorer else ""
    if baseline.lens is None:
        return scored
    left = f", not those of {', '.join(baseline.unwatched)}" if baseline.unwatched else ""
    return f", correlations of {len(baseline.lens.names)}{left}{scored}"


def _fail_on(faults: list[str]) -> None:
    if faults:
        raise DriftlineError("\n".join(faults))


def main(arguments: list[str] | None = None) -> None:
    """The entry point: errors of a user's making are one clear line, never a traceback. `arguments` are those of the
    command line, where they are not given."""
    try:
        log_as(LogFormat.HUMAN)
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
