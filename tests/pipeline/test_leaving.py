"""A worker that ends is gone within its time, though what it leaves does not answer."""

import subprocess
import sys

import pytest

STUCK = """
import asyncio
from io import StringIO

from mode import Service

from pipeline.worker import app, leaving

leaving._LEAVE_WITHIN_S = 0.5


class Stuck(Service):
    @Service.task
    async def read(self):
        error = {error}
        leaving.log_end(error)
        await self.crash(error)

    async def on_stop(self):
        await asyncio.Event().wait()


app._PlainWorker(Stuck(), quiet=True, redirect_stdouts=False, override_logging=False, stderr=StringIO()).{run}
"""


@pytest.mark.parametrize("error", ["OSError('away')", "leaving.DriftlineError('mend it')"])
def test_a_worker_that_ends_by_an_error_does_not_wait_for_ever(error: str) -> None:
    code = STUCK.format(error=error, run="execute_from_commandline()")
    done = subprocess.run([sys.executable, "-c", code], timeout=20, capture_output=True, text=True, check=False)
    assert done.returncode == 1, done.stderr
    assert "the worker ends: " in done.stderr
