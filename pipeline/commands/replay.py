"""The command `driftline replay`."""

import sys
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated

import typer

from detectors.baselines.baseline import Baseline
from detectors.sequence import registry
from detectors.statistics.footing import LEAST_WORTH
from pipeline.commands import console
from pipeline.configuration.config_file import read_config
from pipeline.configuration.outfile import Lines, keep_apart, write
from pipeline.configuration.shelf import frozen_of
from pipeline.events.files.files import check_files
from pipeline.history.fates import disorder
from pipeline.history.local import LocalIngest, closings
from pipeline.history.raw import Raw
from pipeline.history.unmet import Unmet
from pipeline.monitor.closing import Closing
from pipeline.serving.board import Board
from pipeline.sniff.sample import of_files
from pipeline.sniff.unattended import Unattended, extent_of
from schemas import codec
from schemas.config import Config
from schemas.duration import format_duration
from schemas.errors import InputError
from schemas.verdict import State

EXAMPLES = (
    "driftline replay events.csv",
    "driftline replay -c driftline.yaml events.ndjson.gz --alerts alerts.ndjson",
)
_LOOKED_AT = 500


def replay(
    events: Annotated[
        list[Path],
        typer.Argument(metavar="EVENTS...", help="NDJSON, JSON, CSV or Parquet files, .gz too, in order."),
    ],
    config: Annotated[
        Path | None,
        typer.Option("--config", "-c", metavar="FILE", help="The configuration, YAML; what sniff proposes without."),
    ] = None,
    alerts: Annotated[Path | None, typer.Option(metavar="OUT", help="Write alert events here, NDJSON.")] = None,
    windows: Annotated[Path | None, typer.Option(metavar="OUT", help="Write window records here, NDJSON.")] = None,
    keep: Annotated[
        Path | None, typer.Option(metavar="OUT", help="Without -c: write the configuration that is gone by here, YAML.")
    ] = None,
    raw: Annotated[
        list[str] | None,
        typer.Option(
            metavar="DETECTOR",
            help="Judge no windows: feed single values in order to this sequence detector, of "
            f"{', '.join(registry.names())}. On the slices of windows river's go blind. May be given more than once.",
        ),
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="Print the summary as JSON.")] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="No progress bar, no lines for windows.")] = False,
) -> None:
    """Runs the core over files, without Kafka: the same events give the same alerts. Without -c it goes by what sniff
    proposes, and learns the baseline from the first third of the windows, at least 40 of them, or half."""
    if raw and (alerts or windows):
        raise typer.BadParameter("there are no windows and no alerts with --raw", param_hint="--alerts, --windows")
    told = None if config is None else read_config(config)
    if keep is not None and told is not None:
        raise typer.BadParameter("there is a configuration already, -c", param_hint="--keep")
    if keep is not None and keep.exists():
        raise InputError(f"{keep} is there already; name another file to keep the configuration in")
    keep_apart([config, *events], [alerts, windows, keep])
    check_files(events)
    settings = told or _unattended(events, keep, quiet)
    if raw:
        found = Raw(settings, raw)
        console.show_detections(found, (b.values for b in console.batches(events, settings, quiet=quiet)), json=json)
        return
    baselines = console.baselines_of(settings, Path() if config is None else config.parent)
    run = _Replay(settings, baselines, events, quiet=quiet)
    with Lines(alerts) as alert_file, Lines(windows) as window_file:
        for closing in run.closings():
            alert_file.write(a.encode() for a in closing.alerts)
            window_file.write(r.encode() for r in closing.records)
            if not (json or quiet):
                console.show_closing(closing)
    if json:
        sys.stdout.write(codec.encode_text(run.summary()) + "\n")
    else:
        console.err.print(run.summary_line())
    for line in run.notes():
        console.err.print(line, markup=False)
    if run.nothing_profiled:
        option = "" if config is None else "-c FILE "
        raise InputError(f"no event was profiled; driftline sniff {option}EVENTS says what to set")


def _unattended(events: list[Path], keep: Path | None, quiet: bool) -> Config:
    """The configuration of files that have none, which is said on the error stream, and kept where that is wanted."""
    found = Unattended(of_files(events, _LOOKED_AT))
    extent = extent_of(found.reading, (b.values for b in console.batches(events, found.reading, quiet=quiet)))
    settings = found.config(extent)
    if keep is not None:
        write(keep, found.text(extent).encode())
    assert isinstance(settings.models, tuple)
    learned = settings.models[0].learned_windows if settings.models else 0
    console.err.print(
        f"no -c: as sniff proposes, windows of {format_duration(settings.window.length_ms)}, the first {learned} to learn from"
        f"{', too few for verdicts' if learned < LEAST_WORTH else ''}; "
        + ("to look it over, --keep driftline.yaml writes it" if keep is None else f"{keep}: written"),
        markup=False,
    )
    return settings


class _Replay:
    """A run over files, and what is to be said of it in the end."""

    def __init__(self, config: Config, baselines: Mapping[str, Baseline], events: list[Path], *, quiet: bool) -> None:
        self._config = config
        self._baselines = baselines
        self._ingest = LocalIngest(config, frozen_of(config, baselines))
        self._batches = (batch.values for batch in console.batches(events, config, quiet=quiet))
        self._board = Board()
        self._unmet = Unmet(config)
        self._states: Counter[State] = Counter()
        self._alerts = 0

    def closings(self) -> Iterator[Closing]:
        for closing in closings(self._config, self._baselines, self._ingest.messages(self._batches)):
            self._board.closed(0, closing)
            self._alerts += len(closing.alerts)
            for record in closing.records:
                self._states[record.state] += 1
                met = (signal.name for signal in record.signals if signal.missing < record.events)
                self._unmet.meet(record.model, record.group.segment, met)
            yield closing

    @property
    def nothing_profiled(self) -> bool:
        return bool(self._ingest.counts.total()) and not self._ingest.counts["profiled"]

    def summary(self) -> dict[str, object]:
        return {"events": dict(self._ingest.counts), "windows": dict(self._board.windows), "alerts": self._alerts}

    def summary_line(self) -> str:
        events = ", ".join(
            f"{n:,} {what}" for what, n in sorted(self._ingest.counts.items()) if n and what != "refused"
        )
        windows = ", ".join(f"{n:,} {what}" for what, n in sorted(self._board.windows.items()))
        return f"events: {events or 'none'}; windows: {windows or 'none'}; alert events: {self._alerts}"

    def notes(self) -> Iterator[str]:
        """What one would take for granted, and is not so."""
        yield from console.unjudged(self._states)
        yield from self._unmet.lines()
        if (hint := disorder(self._config, self._ingest.counts)) is not None:
            yield hint
