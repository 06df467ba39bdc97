"""What an event costs in each part of the path, beside the floor: only fetching it and decoding it. And what else is
promised in figures: memory, packets, alerts in time, cold starts, a second worker."""

import argparse
import signal
import sys
import tempfile
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace

from rich.console import Console

from schemas import codec
from tests.bench.measures import Measure
from tests.bench.options import chosen_measures, chosen_rows, read_options
from tests.bench.report import Report, machine
from tests.bench.rounds import RowError, run_measure, run_rounds, run_row
from tests.bench.rows import Row
from tests.bench.source import Dealer, kafka, write_events
from tests.bench.venvs import NoVenvError, python_of
from tests.bench.work import Work, cores, pin
from tests.kafka.broker import BrokerError
from tests.kafka.libs import KafkaUnavailableError

out = Console(highlight=False)
err = Console(stderr=True, highlight=False)


def main() -> int:
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # what was started ends with it, either way
    options = read_options(__doc__)
    rows, measures = _available(chosen_rows(options)), chosen_measures(options)
    pinned = _share_cores()
    try:
        with _prepared(rows, measures, options, pinned) as work:
            if options.profile:
                _profile(rows[0], work)
            elif not _measure(rows, measures, work, options):
                return 1
    except (BrokerError, KafkaUnavailableError, RowError, TimeoutError) as failure:
        err.print(failure, markup=False)
        return 1
    except KeyboardInterrupt:
        return 130
    return 0


def _available(rows: Sequence[Row]) -> Sequence[Row]:
    """Without those whose environment cannot be had, each with a line."""
    found = []
    for row in rows:
        try:
            if row.venv:
                with err.status(f"making the environment of {row.venv}"):
                    python_of(row.venv)
            found.append(row)
        except NoVenvError as reason:
            err.print(f"{row.name} is left out: {reason}", markup=False)
    return found


def _share_cores() -> int | None:
    """The core for the rows; this process, and the broker that it starts, keep to the others."""
    mine = cores()
    if not mine:
        return None
    pin(mine[:-1])
    return mine[-1]


@contextmanager
def _prepared(
    rows: Sequence[Row], measures: Sequence[Measure], options: argparse.Namespace, core: int | None
) -> Iterator[Work]:
    """The events where the rows look for them."""
    run = f"driftline-bench-{uuid.uuid4().hex[:8]}"
    with tempfile.TemporaryDirectory(prefix="driftline-bench-") as folder:
        work = Work(run, "", f"{run}.events", options.events, folder, core=core)
        with err.status("making events"):
            write_events(folder, {"clean", *(row.mix for row in rows)}, options.events)
        if not any(task.kafka for task in (*rows, *measures)):
            yield work
            return
        with err.status("starting Kafka") as status, kafka(options.bootstrap, run) as servers:
            status.update("filling the topics")
            for mix in sorted({row.mix for row in rows if row.kafka}):
                Dealer(servers, work.topic_of(mix)).deal(work.values(mix))
            status.stop()
            yield replace(work, servers=servers)


def _measure(rows: Sequence[Row], measures: Sequence[Measure], work: Work, options: argparse.Namespace) -> bool:
    """Prints the tables; whether all was measured."""
    out.print(f"{work.events:,} events; {machine()}")
    report, failures = Report(), list[RowError]()
    with err.status("") as status:
        report.samples = run_rounds(rows, work, options.rounds, status.update)
        for measure in measures:
            status.update(measure.title)
            try:
                report.findings[measure.name] = run_measure(measure, work)
            except RowError as failure:
                failures.append(failure)
    for table in report.tables():
        out.print(table)
    if options.json:
        options.json.write_bytes(codec.encode(report.as_json()))
    for failure in failures:
        err.print(failure, markup=False)
    return not failures


def _profile(row: Row, work: Work) -> None:
    with err.status(row.title):
        measured = run_row(row, replace(work, profile=True))
    out.print(measured.profile, markup=False, soft_wrap=True)


if __name__ == "__main__":
    sys.exit(main())
