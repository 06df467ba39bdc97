"""What a run found: tables for people, JSON for programs. A row's figure is its best round."""

import os
import platform
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from pathlib import Path
from statistics import median
from typing import Any, NamedTuple

from rich.table import Table

from tests.bench.rounds import Samples
from tests.bench.rows import BY_NAME, FLOOR
from tests.bench.work import Measured


class Ratio(NamedTuple):
    """Microseconds of one row to those of another, and what it is to be."""

    what: str
    row: str
    base: str
    wanted: str


RATIOS = (
    Ratio("ingest to the floor", "ingest", FLOOR, "at most 2.0"),
    Ratio("a Faust agent to ingest", "faust", "ingest", "at least 12"),
    Ratio("replay to orjson alone", "replay", "orjson", "at most 2.5"),
    Ratio("messy events to clean ones", "messy", "replay", "at most 1.5"),
    Ratio("many groups to one", "many-groups", "one-group", "at most 1.3"),
)


def best(samples: list[Measured]) -> Measured:
    """The round of least CPU: what others do on the machine can only add to it."""
    return min(samples, key=lambda m: m.cpu_seconds)


def rows_table(samples: Samples) -> Table:
    rounds = max(map(len, samples.values()))
    table = Table(caption=f"best of {rounds} rounds; CPU per event, user and system, of the whole process")
    table.add_column("row")
    for name in ("events", "events/s", "µs CPU", "median", "to floor"):
        table.add_column(name, justify="right")
    floor = best(samples[FLOOR]).microseconds if FLOOR in samples else None
    for name, found in samples.items():
        row = best(found)
        middle = median(m.microseconds for m in found)
        ratio = "" if floor is None else f"{row.microseconds / floor:.2f}"
        table.add_row(
            BY_NAME[name].title,
            f"{row.events:,}",
            f"{row.events_per_second:,.0f}",
            f"{row.microseconds:.2f}",
            f"{middle:.2f}",
            ratio,
        )
    return table


def ratios_table(samples: Samples) -> Table:
    table = Table("ratio of CPU per event", "goal")
    table.add_column("measured", justify="right")
    for ratio, measured in _ratios(samples):
        table.add_row(ratio.what, ratio.wanted, f"{measured:.2f}")
    return table


def as_json(samples: Samples) -> dict[str, Any]:
    """Every round of every row, and the ratios."""
    return {
        "machine": machine(),
        "rows": {name: _row_json(found) for name, found in samples.items()},
        "ratios": {ratio.what: measured for ratio, measured in _ratios(samples)},
    }


def machine() -> str:
    """In a line."""
    return f"{_processor()}, {os.cpu_count()} cores, {platform.system()}, Python {platform.python_version()}"


def _ratios(samples: Samples) -> Iterator[tuple[Ratio, float]]:
    for ratio in RATIOS:
        if ratio.row in samples and ratio.base in samples:
            yield ratio, best(samples[ratio.row]).microseconds / best(samples[ratio.base]).microseconds


def _row_json(found: list[Measured]) -> Mapping[str, Any]:
    row = best(found)
    rounds = [{k: v for k, v in asdict(m).items() if k != "profile"} for m in found]
    return {
        "microseconds_per_event": row.microseconds,
        "events_per_second": row.events_per_second,
        "rounds": rounds,
    }


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    return next((line.split(":")[1].strip() for line in lines if line.startswith("model name")), platform.machine())
