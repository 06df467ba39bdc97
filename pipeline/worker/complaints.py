"""Says, now and then, that events are not watched, and why: a worker that refuses all of them looks well otherwise."""

import logging
import time
from collections import Counter
from collections.abc import Callable
from heapq import nsmallest

from pipeline.ingest.passage import Fed
from schemas.event import Refusal

log = logging.getLogger("driftline.ingest")

_EVERY_S = 60.0
_MOST_NAMES = 5
_HINTS = {
    Refusal.TIMESTAMP_TOO_OLD: "numbers are read as milliseconds, see event.ts_unit",
    Refusal.NO_TIMESTAMP: "see event.paths.ts",
    Refusal.NO_MODEL: "see event.paths.model",
    Refusal.BAD_FEATURES: "see event.paths.features",
}


class Complaints:
    """Counts what a worker's batches came to, and logs a line at once and then each minute where some of it is not
    watched."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._said_s: float | None = None
        self._read = 0
        self._refused: Counter[Refusal] = Counter()
        self._excluded = 0
        self._strangers: set[str] = set()

    def note(self, fed: Fed) -> None:
        """Takes what one batch came to."""
        self._read += fed.profiled + fed.late + fed.excluded + len(fed.dead_letters)
        self._refused.update(letter.reason for letter in fed.dead_letters)
        self._excluded += len(fed.strangers) and fed.excluded
        self._strangers = set(nsmallest(_MOST_NAMES, self._strangers | fed.strangers))
        if (self._refused or self._strangers) and self._is_time():
            self._say()

    def _is_time(self) -> bool:
        return self._said_s is None or self._clock() - self._said_s >= _EVERY_S

    def _say(self) -> None:
        if self._refused:
            reasons = ", ".join(f"{reason} {n:,}{_hint(reason)}" for reason, n in self._refused.most_common())
            log.warning("%d of %d events refused: %s", self._refused.total(), self._read, reasons)
        if self._strangers:
            names = ", ".join(sorted(self._strangers))
            log.warning(
                "%d of %d events are of models that `models` does not list: %s", self._excluded, self._read, names
            )
        self._said_s = self._clock()
        self._read = self._excluded = 0
        self._refused.clear()
        self._strangers.clear()


def _hint(reason: Refusal) -> str:
    return f" ({_HINTS[reason]})" if reason in _HINTS else ""
