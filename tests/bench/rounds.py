"""Rounds: every row once, each in a fresh process, then all again, so that the machine's drift hits all alike."""

import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import asdict, replace
from pathlib import Path

from schemas import codec
from tests.bench.rows import Row
from tests.bench.work import Measured, Work

ROOT = Path(__file__).parents[2]
PATIENCE_SECONDS = 600
Samples = dict[str, list[Measured]]


class RowError(RuntimeError):
    """A row ended with an error; the message ends with what it wrote."""


def run_rounds(rows: Sequence[Row], work: Work, rounds: int, core: int | None, say: Callable[[str], None]) -> Samples:
    """What each row measured, in each round. Raises RowError."""
    samples: Samples = {row.name: [] for row in rows}
    for i in range(rounds):
        for row in rows:
            say(f"round {i + 1} of {rounds}: {row.title}")
            samples[row.name].append(run_row(row, replace(work, run=f"{work.run}-{row.name}-{i}"), core))
    return samples


def run_row(row: Row, work: Work, core: int | None) -> Measured:
    command = [sys.executable, "-m", "tests.bench.child", row.name, "" if core is None else str(core)]
    try:
        done = subprocess.run(
            command,
            input=codec.encode(asdict(work)),
            capture_output=True,
            cwd=ROOT,
            timeout=PATIENCE_SECONDS,
            check=True,
        )
    except subprocess.CalledProcessError as error:
        raise RowError(
            f"{row.name} ended with exit code {error.returncode}:\n{error.stderr.decode()[-4000:]}"
        ) from None
    except subprocess.TimeoutExpired:
        raise RowError(f"{row.name} did not end within {PATIENCE_SECONDS} s") from None
    return Measured(**codec.decode(done.stdout))
