"""One row or measure, once, in a process of its own: `python -m tests.bench.child NAME CORES`, with the work as JSON on
standard input and what was measured as JSON on standard output."""

import sys
from collections.abc import Callable
from importlib import import_module
from typing import Any

from schemas import codec
from tests.bench.measures import MEASURE_BY_NAME
from tests.bench.rows import BY_NAME
from tests.bench.work import Work, pin


def main(name: str, cores: str) -> None:
    pin([int(core) for core in cores.split(",") if core])
    work = Work(**codec.decode(sys.stdin.buffer.read()))
    task = BY_NAME[name] if name in BY_NAME else MEASURE_BY_NAME[name]
    module, function = task.function.split(":")
    measure: Callable[[Work], Any] = getattr(import_module(f"tests.bench.{module}"), function)
    sys.stdout.buffer.write(codec.encode(measure(work)))


if __name__ == "__main__":
    main(*sys.argv[1:])
