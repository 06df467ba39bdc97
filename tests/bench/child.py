"""One row, once, in a process of its own: `python -m tests.bench.child ROW CORES`, with the work as JSON on standard
input and what was measured as JSON on standard output."""

import sys
from collections.abc import Callable
from dataclasses import asdict
from importlib import import_module

from schemas import codec
from tests.bench.rows import BY_NAME
from tests.bench.work import Measured, Work, pin


def main(name: str, cores: str) -> None:
    pin([int(core) for core in cores.split(",") if core])
    work = Work(**codec.decode(sys.stdin.buffer.read()))
    module, function = BY_NAME[name].function.split(":")
    measure: Callable[[Work], Measured] = getattr(import_module(f"tests.bench.{module}"), function)
    sys.stdout.buffer.write(codec.encode(asdict(measure(work))))


if __name__ == "__main__":
    main(*sys.argv[1:])
