"""Onset with its default parameters on the streams of `sequence.py`: published bits and errors, and simulated ones."""

import importlib.util
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from detectors.sequence import registry
from detectors.sequence.detector import SequenceDetector
from schemas.verdict import State

pytestmark = pytest.mark.yardstick

SCRIPT = Path(__file__).resolve().parents[3] / "shared" / "yardsticks" / "sequence.py"
Row = dict[str, float]


def onset() -> SequenceDetector:
    return registry.build("onset")


@pytest.fixture(scope="module")
def yardstick() -> ModuleType:
    if not SCRIPT.exists():
        pytest.skip("the yardstick is not here: shared/yardsticks/sequence.py beside the project")
    spec = importlib.util.spec_from_file_location("sequence_yardstick", SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def measured(row: Callable[[Callable[[], SequenceDetector], int], Row], size: int) -> Row:
    found = row(onset, size)
    print(f"\nonset, slices of {size}: {row.__name__} {found}")
    return found


def mean_of_streams(found: Row, figure: str) -> float:
    return float(np.mean([value for name, value in found.items() if name.endswith(f".{figure}")]))


def test_optwin(yardstick: ModuleType) -> None:
    found = measured(yardstick.optwin, 1)
    assert found["f1"] == 1.0
    assert found["delay"] <= 16.0


def test_calm(yardstick: ModuleType) -> None:
    assert measured(yardstick.calm, 1)["false_alarms_2M"] <= 10


@pytest.mark.parametrize(("size", "missed", "delay"), [(1, 0.10, 375.0), (20, 0.12, 400.0)])
def test_small(yardstick: ModuleType, size: int, missed: float, delay: float) -> None:
    found = measured(yardstick.small, size)
    assert found["missed"] <= missed
    assert found["delay"] <= delay


@pytest.mark.parametrize(("size", "f1", "recall"), [(1, 0.85, 0.9), (20, 0.83, 0.9)])
def test_electricity(yardstick: ModuleType, size: int, f1: float, recall: float) -> None:
    found = measured(yardstick.electricity, size)
    assert mean_of_streams(found, "f1") >= f1
    assert mean_of_streams(found, "recall") >= recall


@pytest.mark.parametrize(("size", "rate"), [(1, 0.2), (20, 0.2), (20, 0.02)])
def test_false_alarms_are_no_more_than_the_run_length_says(size: int, rate: float) -> None:
    """In 40 regimes of 20,000 values, for a run length of 50,000: `(n + YOUTH ln(n / learning)) / run_length` each."""
    runs, n, run_length = 40, 20_000, 50_000.0
    rng, alarms = np.random.default_rng(37), 0
    for _ in range(runs):
        detector = registry.build("onset", run_length=run_length)
        for total in rng.binomial(size, rate, n // size).tolist():
            alarms += detector.update(float(total), size, float(total)).state == State.DRIFT
    stated = runs * (n + 10_000 * np.log(n / 300)) / run_length
    print(f"\nrun length {run_length:.0f}, rate {rate}, slices of {size}: {alarms} alarms, {stated:.1f} stated")
    assert alarms <= stated + 3.0 * np.sqrt(stated)
