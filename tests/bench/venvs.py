"""Environments of their own, for what is compared with and does not go into this one. Made once, under `.cache/`."""

import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from tests.kafka.libs import CACHE

# whylogs 1.6.4 is its last release: it has no wheel for Python 3.13, and uses names that numpy 2 took away.
NEEDS = {"whylogs": ("whylogs==1.6.4", "numpy<2", "pandas<3", "orjson")}
NEWEST = (3, 12)


class NoVenvError(RuntimeError):
    """The environment cannot be had here; the message says why, in one line."""


def python_of(name: str) -> Path:
    """The interpreter of the environment, which is made where it is not there yet. Raises NoVenvError."""
    home = CACHE / f"venv-{name}"
    python, installed = home / "bin" / "python", home / ".installed"
    if not installed.exists():
        shutil.rmtree(home, ignore_errors=True)
        _make(home, NEEDS[name])
        installed.touch()
    return python


def _make(home: Path, needs: tuple[str, ...]) -> None:
    base = next(_interpreters(), None)
    if base is None:
        raise NoVenvError(f"{needs[0]} needs Python {NEWEST[0]}.{NEWEST[1]} or older, and there is none on the PATH")
    _run(base, "-m", "venv", str(home))
    pip = ("-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--only-binary=:all:")
    _run(str(home / "bin" / "python"), *pip, *needs)


def _interpreters() -> Iterator[str]:
    """Those that run: a version manager leaves names on the PATH that do not."""
    for name in (sys.executable, "python3.12", "python3.11"):
        check = f"import sys, venv, ensurepip; sys.exit(sys.version_info[:2] > {NEWEST})"
        if shutil.which(name) and subprocess.run([name, "-c", check], capture_output=True, check=False).returncode == 0:
            yield name


def _run(*command: str) -> None:
    done = subprocess.run(command, capture_output=True, text=True, timeout=600, check=False)
    if done.returncode:
        last = (done.stderr.strip() or done.stdout.strip() or "no reason given").splitlines()[-1]
        raise NoVenvError(f"{' '.join(command[:4])} ended with exit code {done.returncode}: {last}")
