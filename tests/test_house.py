"""The house stands: imports point down, from floor to floor, and never back."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
FLOORS = (
    "schemas",
    "detectors.profiles",
    "detectors.lenses",
    "detectors.groups",
    "detectors.statistics",
    "detectors.correlations",
    "detectors.baselines",
    "detectors.references",
    "detectors.comparisons",
    "detectors.sequence",
    "detectors.series",
    "pipeline.process",
    "pipeline.configuration",
    "pipeline.connections",
    "pipeline.events",
    "pipeline.ingest",
    "pipeline.monitor.standards",
    "pipeline.monitor.verdicts",
    "pipeline.monitor.incidents",
    "pipeline.monitor",
    "pipeline.monitor.tables",
    "pipeline.serving",
    "pipeline.worker",
    "pipeline.history",
    "pipeline.series",
    "pipeline.backtest",
    "pipeline.sniff",
    "pipeline.alerts",
    "pipeline.commands",
    "pipeline.cli",
    "pipeline.entry",
)
FILES = sorted(file for package in ("schemas", "detectors", "pipeline") for file in (ROOT / package).rglob("*.py"))


def floor_of(module: str) -> int | None:
    """The floor of a module of ours, that of the innermost folder that is one; None of others."""
    found = [floor for floor in FLOORS if f"{module}.".startswith(f"{floor}.")]
    return FLOORS.index(max(found, key=len)) if found else None


def imported(file: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Import):
            yield from (name.name for name in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield from (f"{node.module}.{name.name}" for name in node.names)


@pytest.mark.parametrize("file", FILES, ids=lambda file: str(file.relative_to(ROOT)))
def test_imports_point_down(file: Path) -> None:
    module = ".".join(file.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")
    mine = floor_of(module)
    if module in ("detectors", "pipeline"):
        return
    assert mine is not None, f"{module} stands on no floor"
    higher = [name for name in imported(file) if (floor := floor_of(name)) is not None and floor > mine]
    assert not higher
