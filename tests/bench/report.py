"""What a run found: tables for people, JSON for programs. A row's figure is its best round."""

import os
import platform
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from statistics import median
from typing import Any, NamedTuple

from rich.table import Table

from tests.bench.finding import Finding
from tests.bench.measures import MEASURE_BY_NAME
from tests.bench.rounds import Samples
from tests.bench.rows import BY_NAME, FLOOR
from tests.bench.work import Measured


class Ratio(NamedTuple):
    """Microseconds of one row to those of another, and what it is to be."""

    what: str
    row: str
    base: str
    at_most: float | None = None
    at_least: float | None = None


RATIOS = (
    Ratio("ingest to the floor", "ingest", FLOOR, at_most=2.0),
    Ratio("the same with correlations and scores", "ingest-seen", FLOOR, at_most=2.0),
    Ratio("a Faust agent to ingest", "faust", "ingest", at_least=12.0),
    Ratio("replay to orjson alone", "replay", "orjson", at_most=2.5),
    Ratio("the same with correlations and scores", "seen", "orjson", at_most=2.5),
    Ratio("ingest: messy events of 20 models to clean ones of 1", "ingest-messy", "ingest", at_most=1.5),
    Ratio("replay: messy events of 20 models to clean ones of 1", "messy", "replay", at_most=1.5),
    Ratio("replay: messy events of 20 models to clean ones of 20", "messy", "models"),
    Ratio("100 models, 10 segments, 3 windows to 1, 1, 1; one emission", "many-groups", "one-group", at_most=1.3),
    Ratio("whylogs to ingest", "whylogs", "ingest", at_least=6.0),
)
_VERDICTS = {None: "", True: "met", False: "missed"}


@dataclass
class Report:
    """What the rows and the measures of a run gave."""

    samples: Samples = field(default_factory=dict)
    findings: dict[str, list[Finding]] = field(default_factory=dict)

    def tables(self) -> Iterator[Table]:
        """Of the rows, of their ratios, and of each measure; those with nothing in them left out."""
        if self.samples:
            yield _rows_table(self.samples)
        if ratios := list(_ratios(self.samples)):
            yield _findings_table("ratio of CPU per event", ratios)
        for name, findings in self.findings.items():
            yield _findings_table(MEASURE_BY_NAME[name].title, findings)

    def as_json(self) -> dict[str, Any]:
        """Every round of every row, the ratios, and the findings."""
        return {
            "machine": machine(),
            "rows": {name: _row_json(found) for name, found in self.samples.items()},
            "ratios": [asdict(finding) for finding in _ratios(self.samples)],
            "findings": {name: [asdict(f) for f in found] for name, found in self.findings.items()},
        }


def best(samples: list[Measured]) -> Measured:
    """The round of least CPU: what others do on the machine can only add to it."""
    return min(samples, key=lambda m: m.cpu_seconds / m.events)


def machine() -> str:
    """In a line."""
    return f"{_processor()}, {os.cpu_count()} cores, {platform.system()}, Python {platform.python_version()}"


def _rows_table(samples: Samples) -> Table:
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


def _findings_table(title: str, findings: list[Finding]) -> Table:
    table = Table(title)
    for name in ("measured", "goal"):
        table.add_column(name, justify="right")
    table.add_column("")
    for finding in findings:
        table.add_row(finding.what, finding.measured, finding.goal, _VERDICTS[finding.met])
    return table


def _ratios(samples: Samples) -> Iterator[Finding]:
    for what, row, base, at_most, at_least in RATIOS:
        if row in samples and base in samples:
            value = best(samples[row]).microseconds / best(samples[base]).microseconds
            yield Finding(what, value, at_most=at_most, at_least=at_least)


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
