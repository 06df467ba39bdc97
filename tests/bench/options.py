"""The command line of the benchmark."""

import argparse
import os
from collections.abc import Sequence
from pathlib import Path

from tests.bench.measures import MEASURE_BY_NAME, MEASURES, Measure
from tests.bench.rows import BY_NAME, MORE_ROWS, PROFILED, ROWS, WHYLOGS, Row
from tests.bench.work import FULL
from tests.kafka.choice import GIVEN

NAMES = (*BY_NAME, *MEASURE_BY_NAME)
EPILOG = """\
examples:
  make bench                                       the table of rows, in about six minutes
  make bench ARGS="--quick --rounds 3"             a first impression
  make bench ARGS=--all                            everything; memory takes longest
  make bench ARGS="--quick --rounds 1 --all"       everything, each at a fifth of its size
  make bench ARGS="--only orjson replay messy"     some; without those that read Kafka, no broker is started
  make bench ARGS="--only ingest --whylogs"        beside whylogs, in an environment of its own under .cache/
  make bench ARGS="--profile ingest"               where the time of ingest goes

Each row and each measure runs in a process of its own, on one core; the broker that is started has the other cores,
and so has what a measure does to drive its workers. The rows take turns, round by round, and a row's figure is its
best round. Absolute figures are the machine's; compare ratios. Measures are made once.
"""


def read_options(description: str | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m tests.bench",
        description=description,
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    size = parser.add_mutually_exclusive_group()
    size.add_argument("--events", type=_count, default=FULL, metavar="N", help=f"events in a round ({FULL})")
    size.add_argument(
        "--quick", dest="events", action="store_const", const=FULL // 5, help=f"{FULL // 5} events in a round"
    )
    parser.add_argument("--rounds", type=_count, default=5, metavar="N", help="how often each row is run (5)")
    parser.add_argument("--all", action="store_true", help="also what is slow: more rows, and every measure")
    parser.add_argument("--whylogs", action="store_true", help="also whylogs, where it can be had")
    parser.add_argument("--only", nargs="+", choices=NAMES, metavar="NAME", help=f"of: {', '.join(NAMES)}")
    parser.add_argument("--profile", choices=PROFILED, help="run this row once under cProfile, and nothing else")
    parser.add_argument("--json", type=Path, metavar="OUT", help="write every round and figure to this file, too")
    parser.add_argument(
        "--bootstrap",
        default=os.environ.get(GIVEN),
        metavar="SERVERS",
        help=f"use this Kafka, also set by {GIVEN}; else one is started (needs Java 17 and Maven)",
    )
    return parser.parse_args()


def chosen_rows(options: argparse.Namespace) -> Sequence[Row]:
    if options.profile:
        return [BY_NAME[options.profile]]
    rows: Sequence[Row] = (*ROWS, *MORE_ROWS) if options.all else ROWS
    if options.only:
        rows = [row for row in BY_NAME.values() if row.name in options.only]
    return [*rows, WHYLOGS] if options.whylogs and WHYLOGS not in rows else rows


def chosen_measures(options: argparse.Namespace) -> Sequence[Measure]:
    if options.profile:
        return []
    if options.only:
        return [measure for measure in MEASURES if measure.name in options.only]
    return [measure for measure in MEASURES if options.all or not measure.slow]


def _count(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError(f"must be at least 1, got {number}")
    return number
