"""Rounds: every row once, each in a fresh process, then all again, so that the machine's drift hits all alike."""

import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from schemas import codec
from tests.bench.finding import Finding
from tests.bench.measures import Measure
from tests.bench.rows import Row
from tests.bench.venvs import python_of
from tests.bench.work import Measured, Work, cores

ROOT = Path(__file__).parents[2]
PATIENCE_SECONDS = 600
MEASURE_PATIENCE_SECONDS = 3600
Samples = dict[str, list[Measured]]


class RowError(RuntimeError):
    """A row or measure ended with an error; the message ends with what it wrote."""


def run_rounds(rows: Sequence[Row], work: Work, rounds: int, say: Callable[[str], None]) -> Samples:
    """What each row measured, in each round. Raises RowError."""
    samples: Samples = {row.name: [] for row in rows}
    for i in range(rounds):
        for row in rows:
            say(f"round {i + 1} of {rounds}: {row.title}")
            samples[row.name].append(run_row(row, replace(work, run=f"{work.run}-{row.name}-{i}")))
    return samples


def run_row(row: Row, work: Work) -> Measured:
    """Raises RowError."""
    python = str(python_of(row.venv)) if row.venv else sys.executable
    return Measured(**_run([python, "-m", "tests.bench.child", row.name, _list(work.core)], work, PATIENCE_SECONDS))


def run_measure(measure: Measure, work: Work) -> list[Finding]:
    """One that needs Kafka drives workers, and leaves the core to them. Raises RowError."""
    work = replace(work, run=f"{work.run}-{measure.name}")
    core = ",".join(map(str, cores())) if measure.kafka else _list(work.core)
    command = [sys.executable, "-m", "tests.bench.child", measure.name, core]
    return [Finding(**finding) for finding in _run(command, work, MEASURE_PATIENCE_SECONDS)]


def _list(core: int | None) -> str:
    return "" if core is None else str(core)


def _run(command: list[str], work: Work, patience_seconds: int) -> Any:
    name = command[3]
    try:
        done = subprocess.run(
            command,
            input=codec.encode(asdict(work)),
            capture_output=True,
            cwd=ROOT,
            timeout=patience_seconds,
            check=True,
        )
    except subprocess.CalledProcessError as error:
        raise RowError(f"{name} ended with exit code {error.returncode}:\n{error.stderr.decode()[-4000:]}") from None
    except subprocess.TimeoutExpired:
        raise RowError(f"{name} did not end within {patience_seconds} s") from None
    return codec.decode(done.stdout)
