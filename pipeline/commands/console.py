"""What people see on the terminal: windows, alerts, tables, progress."""

import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from rich.console import Console, ConsoleOptions, RenderableType
from rich.markup import escape
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn
from rich.segment import Segment
from rich.table import Column, Table
from rich.text import Text

from detectors.baselines.baseline import Baseline
from pipeline.commands.stage_lines import EVERY_S, StageLines
from pipeline.configuration.shelf import configured_baselines
from pipeline.events.files.batch import Batch
from pipeline.events.files.files import read_events
from pipeline.history.raw import Raw
from pipeline.ingest.sightings import Sighting
from pipeline.monitor.closing import Closing
from pipeline.monitor.standards.standards import Standards
from schemas import codec
from schemas.alert import Alert, AlertState
from schemas.config import Config
from schemas.group import Group, segment_text
from schemas.instant import instant
from schemas.readable import in_line, in_lines
from schemas.verdict import State
from schemas.window import WindowRecord


class _Console(Console):
    """One on which names of events say nothing to the terminal."""

    def render(self, renderable: RenderableType, options: ConsoleOptions | None = None) -> Iterable[Segment]:
        for segment in super().render(renderable, options):
            yield segment if segment.control else Segment(in_lines(segment.text), segment.style)


out = _Console(highlight=False, soft_wrap=True, emoji=False)
err = _Console(stderr=True, highlight=False, soft_wrap=True, emoji=False)

_UNBOUNDED = 1000
_LABEL = 40
_SHOWN = 8

_COLOUR = {
    State.OK: "green",
    State.WARNING: "yellow",
    State.DRIFT: "red",
    State.LEARNING: "blue",
    State.INSUFFICIENT: "dim",
    State.NO_DATA: "dim",
}
_COLOURS_OF_ALERTS = {AlertState.FIRING: "red", AlertState.RESOLVED: "green", AlertState.ANNOUNCED: "yellow"}


def example(text: str) -> str:
    """The end of a command's help."""
    return f"Example:  [bold]{text}[/]"


@contextmanager
def stages(quiet: bool, every_s: float = EVERY_S) -> Iterator[Callable[[str], Callable[[float], None]]]:
    """A bar on the terminal's error stream for each stage of the work, one at a time: named, it takes how much is done, from
    0 to 1. Where that is no terminal, a line every so often."""
    if not quiet and not err.is_terminal:
        yield StageLines(lambda line: err.print(line, markup=False), time.monotonic, every_s).stage
        return
    columns = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), TimeRemainingColumn())
    with Progress(*columns, console=err, disable=quiet, transient=True) as bars:

        def stage(name: str) -> Callable[[float], None]:
            for task in bars.task_ids:
                bars.remove_task(task)
            task = bars.add_task(name, total=1.0)
            return lambda done: bars.update(task, completed=done)

        yield stage


def window_line(record: WindowRecord) -> Text:
    """A closed window in one line."""
    colour = _COLOUR[record.state]
    name = in_line(" ".join(filter(None, [record.model, record.version, segment_text(record.group.segment)])))
    moved, warned = (
        _some([signal.name for signal in record.signals if signal.state is state])
        for state in (State.DRIFT, State.WARNING)
    )
    if moved and warned:
        warned = f"warning: {warned}"
    return Text.assemble(
        (instant(record.start_ms), "dim"),
        f"  {name:<20} {record.events:>7,} events  ",
        (f"{record.state:<12}", colour),
        in_line("; ".join(filter(None, [moved, warned]))),
    )


_REMEDIES = {
    State.LEARNING: "a baseline takes 20 windows at the least, so: more events, or a shorter window.length",
    State.INSUFFICIENT: "a window takes detection.minimum_events, so: more events, or a longer window.length",
    State.NO_DATA: "there is no signal, or none that has values",
}


def unjudged(states: Mapping[State, int]) -> Iterator[str]:
    """A line where no window of any group got a verdict: no alerts are no good news then. `states` counts windows."""
    if states and not any(states.get(state) for state in (State.OK, State.WARNING, State.DRIFT)):
        why = ", ".join(f"{n:,} {state}" for state, n in sorted(states.items()))
        yield f"no window was judged: {why}; {_REMEDIES[max(states, key=lambda state: states[state])]}"


def alert_lines(alert: Alert, sightings: Sequence[Sighting] = ()) -> Text:
    """An alert event in one line, and the events to look at in one more, where there are any."""
    colour = f"bold {_COLOURS_OF_ALERTS[alert.state]}"
    where = segment_text(alert.group.segment)
    name = " ".join(filter(None, [alert.model, alert.version, where]))
    look_at = in_line(", ".join(map(str, sightings)))
    return Text.assemble(
        (f"{alert.state.upper():<8}", colour),
        in_line(f" {name}: {alert.summary} "),
        (f"(since {instant(alert.onset_ms)}, id {alert.id})", "dim"),
        f"\n         look at {look_at}" if look_at else "",
    )


def error_line(error: Exception) -> Text:
    """An error, in the lines that it has."""
    return Text.assemble(("error", "bold red"), f" {error}")


def show_closing(closing: Closing) -> None:
    """Prints a closing as it comes; of many alerts of a group that say the same, those of the greatest effect."""
    for record in closing.records:
        out.print(window_line(record))
    together: defaultdict[tuple[Group, AlertState], list[Alert]] = defaultdict(list)
    for alert in closing.alerts:
        together[alert.group, alert.state].append(alert)
    for (_, state), alerts in together.items():
        ranked = sorted(alerts, key=lambda alert: -(alert.effect or 0.0)) if len(alerts) > _SHOWN else alerts
        for alert in ranked[:_SHOWN]:
            out.print(alert_lines(alert, closing.look_at(alert)))
        if len(ranked) > _SHOWN:
            out.print(Text(f"         and {len(ranked) - _SHOWN:,} more {state} there; --alerts OUT writes all", "dim"))


def _some(names: Sequence[str]) -> str:
    more = f" and {len(names) - _SHOWN:,} more" if len(names) > _SHOWN else ""
    return ", ".join(names[:_SHOWN]) + more


def batches(paths: Sequence[Path], config: Config, *, quiet: bool = False) -> Iterator[Batch]:
    """The events of the files, in order, behind a progress bar on the terminal's error stream."""
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TaskProgressColumn(),
        TextColumn("{task.fields[events]:,} events"),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=err, disable=quiet or not err.is_terminal, transient=True) as progress:
        task = progress.add_task("reading", total=float(len(paths)), events=0)
        events = 0
        for number, path in enumerate(paths):
            for batch in read_events(path, config):
                events += len(batch.values)
                yield batch
                progress.update(task, description=escape(path.name), completed=number + batch.done, events=events)


def show_detections(raw: Raw, batches: Iterable[Sequence[bytes]], *, json: bool) -> None:
    """Prints what sequence detectors find as they find it, and what they did not read; with `json` an object a line."""
    found = 0
    for series, detector, time_ms, number, note in raw.detections(batches):
        found += 1
        if json:
            fields = {**series._asdict(), "detector": detector, "time_ms": time_ms, "number": number, "note": note}
            out.print(codec.encode_text(fields), markup=False)
        else:
            name = " ".join(filter(None, series))
            out.print(
                Text.assemble((instant(time_ms), "dim"), f"  {name}  {detector} at value {number:,}  ", (note, "dim"))
            )
    for (series, detector), reason in sorted(raw.unread.items()):
        err.print(f"{' '.join(filter(None, series))}: not read by {detector}: {reason}", markup=False)
    values = sum(raw.values.values())
    err.print(f"{found:,} detections in {values:,} values of {len(raw.values):,} series", markup=False)


def show_table(table: Table) -> None:
    """Prints a table: as wide as the terminal, or, where there is none, as wide as it needs."""
    console = out if out.is_terminal else _Console(width=_UNBOUNDED, emoji=False)
    console.print(table)


def baselines_of(config: Config, folder: Path) -> Mapping[str, Baseline]:
    """The baselines that a configuration in that folder names. What it asks of them in vain is said on the error stream."""
    found = configured_baselines(config, folder)
    for complaint in Standards(config, found).complaints():
        err.print(complaint, markup=False)
    return found


def baseline_table(baseline: Baseline) -> Table:
    """What a baseline holds, a row for each signal."""
    windows = max((len(group.starts) for group in baseline.groups.values()), default=0)
    title = Text(f"baseline of {baseline.model}: {windows} windows of {baseline.window_ms / 1000:g} s", "table.title")
    if baseline.lens is not None:
        title.append(f"\ncorrelations of {', '.join(baseline.lens.names)}")
        title.append(f"; unwatched: {', '.join(baseline.unwatched)}" if baseline.unwatched else "")
    if baseline.scorer is not None:
        title.append(f"\nevents scored by {len(baseline.scorer.marginals)} signals")
    names = [Column(name, overflow="fold") for name in ("segment", "signal")]
    table = Table(*names, "events", "null", "numbers", "mean", "least", "greatest", "categories", title=title)
    for segment, group in sorted(baseline.groups.items(), key=lambda item: segment_text(item[0])):
        for name in group.total.signals:
            p = group.total.profile(name)
            numbers, total = p.numbers.total, int(p.trace.counts.sum())
            mean = f"{p.trace.sums.values()[0] / total:.6g}" if total else ""
            extremes = (f"{p.least:.6g}", f"{p.greatest:.6g}") if numbers else ("", "")
            top = Text(", ".join(_top(p.labels, p.categories.counts.tolist())))
            table.add_row(
                Text(segment_text(segment)),
                Text(name),
                f"{p.count:,}",
                f"{p.null + p.missing:,}",
                f"{numbers:,}",
                mean,
                *extremes,
                top,
            )
    return table


def _top(labels: Iterable[str], counts: Iterable[int]) -> list[str]:
    ranked = sorted(zip(labels, counts, strict=True), key=lambda item: (-item[1], item[0]))
    return [_cut(label) for label, _ in ranked[:4]] + (["…"] if len(ranked) > 4 else [])


def _cut(label: str) -> str:
    """A category may be a whole prompt."""
    return label if len(label) <= _LABEL else f"{label[: _LABEL - 1]}…"
