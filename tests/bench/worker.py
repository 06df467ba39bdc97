"""A worker of its own process on the core given, and what the system says of it. Needs Linux's /proc."""

import os
import re
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.bench.work import Work, cores, pin
from tests.pipeline.workers import Worker

_TICKS_PER_SECOND = os.sysconf("SC_CLK_TCK")
_UTIME, _STIME = 11, 12  # after the name, which may hold spaces
_LOOK_EVERY_S = 0.3
KIB = 1024

# Ends the worker when its standard input closes, as it does when this process ends in whatever way.
_WATCHDOG = 'read -r _; kill -s KILL -- "-$1"'


class MeasuredWorker(Worker):
    """`driftline run`. CPU is user and system time of all its threads; memory is resident bytes."""

    def __init__(self, work: Work, name: str, config: Mapping[str, Any], core: int | None, *args: str) -> None:
        super().__init__(Path(work.folder), name, config, *args)
        self._core = core
        self._watchdog: subprocess.Popen[bytes] | None = None

    def start(self, **environment: str) -> "MeasuredWorker":
        with _on(self._core):
            super().start(**environment)
        command = ["sh", "-c", _WATCHDOG, "sh", self._proc.name]
        self._watchdog = subprocess.Popen(command, stdin=subprocess.PIPE, start_new_session=True)
        return self

    def kill(self) -> None:
        super().kill()
        if self._watchdog is not None:
            self._watchdog.kill()
            self._watchdog.communicate()

    @property
    def idle(self) -> bool:
        """Whether it does next to nothing just now."""
        before = self.cpu_seconds
        time.sleep(_LOOK_EVERY_S)
        return self.cpu_seconds - before < 0.2 * _LOOK_EVERY_S

    @property
    def cpu_seconds(self) -> float:
        fields = (self._proc / "stat").read_text().rpartition(")")[2].split()
        return (int(fields[_UTIME]) + int(fields[_STIME])) / _TICKS_PER_SECOND

    @property
    def resident_bytes(self) -> int:
        return self._status("VmRSS")

    @property
    def peak_bytes(self) -> int:
        """The most since the start, or since `forget_peak`."""
        return self._status("VmHWM")

    def forget_peak(self) -> None:
        (self._proc / "clear_refs").write_text("5")

    @property
    def windows_closed(self) -> int:
        """Of all profiles partitions, as its log tells."""
        return self.log.count(" closed: ")

    @property
    def accounted(self) -> float:
        """Events read since it was started, whatever became of them. A scrape: it costs the worker CPU."""
        return self.metric(r"driftline_events_total\{")

    @property
    def shares(self) -> int:
        """Source partitions that it reads now. A scrape, too."""
        try:
            return self.metrics().count("driftline_source_position_offset{")
        except OSError:
            return 0

    def wait(self, what: str, met: Callable[[], Any], patience_s: float = 300.0) -> None:
        """Returns once `met()` is true. Looks seldom: what it looks at may cost the worker. Raises TimeoutError, and
        RuntimeError where the worker ends before."""
        deadline = time.monotonic() + patience_s
        while not met():
            if not self.alive:
                raise RuntimeError(f"the worker has ended:\n{self.log[-2000:]}")
            if time.monotonic() > deadline:
                raise TimeoutError(f"after {patience_s} s still not: {what}\n{self.log[-2000:]}")
            time.sleep(_LOOK_EVERY_S)

    @property
    def _proc(self) -> Path:
        assert self._process is not None
        return Path(f"/proc/{self._process.pid}")

    def _status(self, name: str) -> int:
        found = re.search(rf"^{name}:\s+(\d+) kB", (self._proc / "status").read_text(), re.MULTILINE)
        assert found is not None
        return int(found[1]) * KIB


@contextmanager
def running(*workers: MeasuredWorker) -> Iterator[None]:
    """Ends the workers, come what may."""
    try:
        yield
    finally:
        for worker in workers:
            if worker.alive:
                worker.kill()


@contextmanager
def _on(core: int | None) -> Iterator[None]:
    """What is started meanwhile runs on this core."""
    mine = cores()
    try:
        pin([] if core is None else [core])
        yield
    finally:
        pin(mine)


def settings(work: Work, topic: str, name: str, **kafka: Any) -> dict[str, Any]:
    """A configuration for workers of the group `name`; partitions with nothing to read are waited for."""
    ours = {"bootstrap_servers": work.servers, "topics": [topic], "group": name, "prefix": name, **kafka}
    return {"kafka": ours, "window": {"idle_timeout": "1d"}}
