"""The clock of a row, with cProfile under it where that is asked for."""

import cProfile
import io
import pstats
import time

from tests.bench.work import Measured

LINES = 25


class Stopwatch:
    """Measures from its making to `stop`. A profile makes everything slower: no figures are taken from such a run."""

    def __init__(self, profile: bool = False) -> None:
        self._profile = cProfile.Profile() if profile else None
        if self._profile is not None:
            self._profile.enable()
        self._seconds = time.perf_counter()
        self._cpu_seconds = time.process_time()

    def stop(self, events: int) -> Measured:
        cpu_seconds = time.process_time() - self._cpu_seconds
        seconds = time.perf_counter() - self._seconds
        return Measured(events, cpu_seconds, seconds, self._table())

    def _table(self) -> str:
        """The functions that took most, by own time."""
        if self._profile is None:
            return ""
        self._profile.disable()
        out = io.StringIO()
        pstats.Stats(self._profile, stream=out).strip_dirs().sort_stats("tottime").print_stats(LINES)
        return out.getvalue()
