"""A folder for the files of one process, removed at its end."""

import atexit
import shutil
import tempfile
from functools import cache
from pathlib import Path


@cache
def folder() -> Path:
    path = tempfile.mkdtemp(prefix="driftline-fuzz-")
    atexit.register(shutil.rmtree, path, ignore_errors=True)
    return Path(path)
