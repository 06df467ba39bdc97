"""A worker that ends is gone within its time, though what it leaves does not answer; and it stays ended."""

import signal
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


SLOW = """
import asyncio
import time
from io import StringIO

from mode import Service

from pipeline.process.log_format import LogFormat, log_as
from pipeline.worker import app, leaving
from pipeline.worker.reload import Reload

leaving._LEAVE_WITHIN_S = {within_s}


class Slow(Service):
    async def on_started(self):
        print("begun", flush=True)

    async def on_stop(self):
        print("leaves", flush=True)
        {leave}


log_as(LogFormat.HUMAN)
reload = Reload(lambda: print("checks", flush=True))
worker = app._PlainWorker(Slow(), quiet=True, redirect_stdouts=False, override_logging=False, stderr=StringIO())
worker.reload = reload
try:
    worker.execute_from_commandline()
finally:
    reload.begin_again()
"""
SLEEPY = SLOW.format(within_s=10, leave="await asyncio.sleep(0.5)")
STIFF = SLOW.format(within_s=1, leave="time.sleep(10)")
HUP, TERM, INT = signal.SIGHUP, signal.SIGTERM, signal.SIGINT


class Leaving:
    """A worker that takes its time to leave, and can be told to begin again."""

    def __init__(self, code: str) -> None:
        self._process = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)

    def __enter__(self) -> "Leaving":
        return self

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._process.communicate()

    def says(self, word: str) -> None:
        assert self._process.stdout is not None
        assert self._process.stdout.readline().strip() == word

    def signal(self, number: signal.Signals) -> None:
        self._process.send_signal(number)

    def ends(self) -> int:
        """Its exit code, once it has ended and said no more."""
        out, _ = self._process.communicate(timeout=20)
        assert out == ""
        return self._process.returncode


@pytest.mark.parametrize("end", [TERM, INT])
def test_who_ends_a_worker_that_leaves_to_begin_again_ends_it(end: signal.Signals) -> None:
    with Leaving(SLEEPY) as worker:
        worker.says("begun")
        worker.signal(HUP)
        worker.says("checks")
        worker.says("leaves")
        worker.signal(end)
        assert worker.ends() == 0


def test_who_ends_a_worker_whose_loop_does_not_turn_ends_it() -> None:
    with Leaving(STIFF) as worker:
        worker.says("begun")
        worker.signal(HUP)
        worker.says("checks")
        worker.says("leaves")
        worker.signal(TERM)
        assert worker.ends() == 1


def test_a_worker_that_leaves_to_end_does_not_begin_again() -> None:
    with Leaving(SLEEPY) as worker:
        worker.says("begun")
        worker.signal(TERM)
        worker.says("leaves")
        worker.signal(HUP)
        assert worker.ends() == 0
