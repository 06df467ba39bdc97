"""What an event costs in each part of the path, beside the floor: only fetching it and decoding it."""

import argparse
import os
import sys
import tempfile
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from rich.console import Console

from schemas import codec
from tests.bench.report import as_json, machine, ratios_table, rows_table
from tests.bench.rounds import RowError, run_rounds, run_row
from tests.bench.rows import BY_NAME, MORE_ROWS, PROFILED, ROWS, Row
from tests.bench.source import fill_topic, kafka, write_events
from tests.bench.work import Work, cores, pin
from tests.kafka.broker import BrokerError
from tests.kafka.choice import GIVEN
from tests.kafka.libs import KafkaUnavailableError

EPILOG = """\
examples:
  make bench                                       the whole table, in about five minutes
  make bench ARGS="--quick --rounds 3"             a first impression
  make bench ARGS="--only orjson replay messy"     some rows; without those that read Kafka, no broker is started
  make bench ARGS="--profile ingest"               where the time of ingest goes

Each row runs in a process of its own, on one core; the broker that is started has the other cores. The rows take
turns, round by round, and a row's figure is its best round. Absolute figures are the machine's; compare ratios.
"""

out = Console(highlight=False)
err = Console(stderr=True, highlight=False)


def main() -> int:
    arguments = _arguments()
    rows = _rows(arguments)
    pinned = _share_cores()
    try:
        with _prepared(rows, arguments) as work:
            if arguments.profile:
                _profile(rows[0], work, pinned)
            else:
                _measure(rows, work, arguments, pinned)
    except (BrokerError, KafkaUnavailableError, RowError, TimeoutError) as failure:
        err.print(failure, markup=False)
        return 1
    except KeyboardInterrupt:
        return 130
    return 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m tests.bench",
        description=__doc__,
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    size = parser.add_mutually_exclusive_group()
    size.add_argument("--events", type=_count, default=200_000, metavar="N", help="events in a round (200000)")
    size.add_argument("--quick", dest="events", action="store_const", const=40_000, help="40000 events in a round")
    parser.add_argument("--rounds", type=_count, default=5, metavar="N", help="how often each row is run (5)")
    parser.add_argument("--all", action="store_true", help="also 100 models of 10 segments against one of one")
    parser.add_argument("--only", nargs="+", choices=BY_NAME, metavar="ROW", help=f"rows, of: {', '.join(BY_NAME)}")
    parser.add_argument("--profile", choices=PROFILED, help="run this row once under cProfile, and nothing else")
    parser.add_argument("--json", type=Path, metavar="OUT", help="write every round of every row to this file, too")
    parser.add_argument(
        "--bootstrap",
        default=os.environ.get(GIVEN),
        metavar="SERVERS",
        help=f"use this Kafka, also set by {GIVEN}; else one is started (needs Java 17 and Maven)",
    )
    return parser.parse_args()


def _count(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError(f"must be at least 1, got {number}")
    return number


def _rows(arguments: argparse.Namespace) -> Sequence[Row]:
    if arguments.profile:
        return [BY_NAME[arguments.profile]]
    if arguments.only:
        return [row for row in BY_NAME.values() if row.name in arguments.only]
    return (*ROWS, *MORE_ROWS) if arguments.all else ROWS


def _share_cores() -> int | None:
    """The core for the rows; this process, and the broker that it starts, keep to the others."""
    mine = cores()
    if not mine:
        return None
    pin(mine[:-1])
    return mine[-1]


@contextmanager
def _prepared(rows: Sequence[Row], arguments: argparse.Namespace) -> Iterator[Work]:
    """The events where the rows look for them."""
    run = f"driftline-bench-{uuid.uuid4().hex[:8]}"
    with tempfile.TemporaryDirectory(prefix="driftline-bench-") as folder:
        work = Work(run, "", f"{run}.events", arguments.events, folder)
        with err.status("making events"):
            write_events(folder, {row.mix for row in rows}, arguments.events)
        if not any(row.kafka for row in rows):
            yield work
            return
        with err.status("starting Kafka") as status, kafka(arguments.bootstrap, run) as servers:
            status.update("filling the topic")
            fill_topic(servers, work.topic, work.values("clean"))
            status.stop()
            yield Work(run, servers, work.topic, work.events, folder)


def _measure(rows: Sequence[Row], work: Work, arguments: argparse.Namespace, core: int | None) -> None:
    out.print(f"{work.events:,} events; {machine()}")
    with err.status("") as status:
        samples = run_rounds(rows, work, arguments.rounds, core, status.update)
    out.print(rows_table(samples))
    ratios = ratios_table(samples)
    if ratios.row_count:
        out.print(ratios)
    if arguments.json:
        arguments.json.write_bytes(codec.encode(as_json(samples)))


def _profile(row: Row, work: Work, core: int | None) -> None:
    with err.status(row.title):
        measured = run_row(row, Work(work.run, work.servers, work.topic, work.events, work.folder, profile=True), core)
    out.print(measured.profile, markup=False, soft_wrap=True)


if __name__ == "__main__":
    sys.exit(main())
