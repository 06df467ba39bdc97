"""The yardsticks' data as events, where they are at hand."""

import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).resolve().parents[3] / "shared" / "yardsticks" / "events.py"


def events(name: str) -> list[bytes]:
    """The events of a data set. Skips where the data are not there."""
    if not SCRIPT.exists():
        pytest.skip(
            f"the yardsticks' data are not here: {SCRIPT.parents[1].name}/yardsticks/events.py beside the project"
        )
    done = subprocess.run([sys.executable, str(SCRIPT), name], capture_output=True, check=True, timeout=120)
    return done.stdout.splitlines()
