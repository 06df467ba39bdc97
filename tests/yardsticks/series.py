"""The yardsticks of series, where they are at hand: their scorers as modules, and the command as a function."""

import importlib.util
from pathlib import Path
from types import ModuleType

import pytest

from pipeline.cli import app

SHARED = Path(__file__).resolve().parents[3] / "shared"


def scorer(name: str) -> ModuleType:
    """A program of the yardsticks as a module. Skips where it is not there."""
    path = SHARED / "yardsticks" / f"{name}.py"
    if not path.exists():
        pytest.skip(f"the yardsticks are not here: shared/yardsticks/{name}.py beside the project")
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def series(*arguments: object) -> None:
    """Runs `driftline series`, in this process."""
    app(["series", *map(str, arguments), "--quiet"], standalone_mode=False)
