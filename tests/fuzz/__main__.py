"""Fuzzes every decoder: a million inputs in some minutes."""

import argparse
import random
import sys
from importlib import import_module

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

from tests.fuzz.bounds import bounded_process
from tests.fuzz.campaign import DECODERS, Tally, calls_of, run

out = Console(highlight=False)


def main() -> int:
    arguments = _arguments()
    chosen = [d for d in DECODERS if not arguments.only or d.name in arguments.only]
    out.print(f"seed {arguments.seed}")
    import_module("pyarrow.parquet")  # large: not to be counted as what an input takes
    columns = (TextColumn("{task.description:<20}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    tallies: dict[str, Tally] = {}
    with bounded_process(), Progress(*columns, console=out, transient=True) as progress:
        task = progress.add_task("", total=sum(calls_of(d, arguments.inputs) * d.batch for d in chosen))
        for decoder in chosen:
            progress.update(task, description=decoder.name)
            tallies[decoder.name] = run(decoder, arguments.inputs, arguments.seed, lambda n: progress.advance(task, n))
    out.print(_table(tallies))
    faults = [fault for tally in tallies.values() for fault in tally.faults]
    for fault in faults:
        out.print(str(fault), markup=False, soft_wrap=True)
    return 1 if faults else 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("--inputs", type=int, default=1_000_000, metavar="N", help="inputs in all (1000000)")
    parser.add_argument(
        "--seed", type=int, default=random.SystemRandom().randrange(1 << 32), help="draws the same again"
    )
    names = [decoder.name for decoder in DECODERS]
    parser.add_argument("--only", nargs="+", choices=names, metavar="DECODER", help=f"of: {', '.join(names)}")
    return parser.parse_args()


def _table(tallies: dict[str, Tally]) -> Table:
    table = Table("decoder", box=None)
    for name in ("inputs", "read", "inputs/s", "slowest ms", "faults"):
        table.add_column(name, justify="right")
    total = Tally()
    for name, tally in tallies.items():
        table.add_row(name, *_cells(tally))
        total.inputs, total.cpu_s = total.inputs + tally.inputs, total.cpu_s + tally.cpu_s
        total.read, total.slowest_s = total.read + tally.read, max(total.slowest_s, tally.slowest_s)
        total.faults += tally.faults
    table.add_row("all", *_cells(total))
    return table


def _cells(tally: Tally) -> list[str]:
    rate = tally.inputs / max(tally.cpu_s, 1e-9)
    slowest = f"{tally.slowest_s * 1000:.1f}"
    return [f"{tally.inputs:,}", f"{tally.read:,}", f"{rate:,.0f}", slowest, str(len(tally.faults))]


if __name__ == "__main__":
    sys.exit(main())
