"""Health: whether the worker lives, and whether it is ready. Its loops write it, `/healthz` and `/readyz` read it."""

import time
from collections.abc import Callable


class Health:
    """Loops that must turn, and halves that must have what they need. `clock` gives seconds that never fall.

    Each entry is written by one thread and read by another; a write replaces it whole.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._limits_s: dict[str, float] = {}
        self._turned_s: dict[str, float] = {}
        self._waiting: dict[str, str] = {}

    def watch(self, loop: str, limit_s: float) -> None:
        """From now on the loop must turn at least every `limit_s` seconds."""
        self._turned_s[loop] = self._clock()
        self._limits_s[loop] = limit_s

    def turned(self, loop: str) -> None:
        """The loop has turned."""
        self._turned_s[loop] = self._clock()

    def waits(self, half: str, reason: str) -> None:
        """The half cannot work now; `reason` is for people."""
        self._waiting[half] = reason

    def is_ready(self, half: str) -> None:
        """The half has what it needs."""
        self._waiting.pop(half, None)

    @property
    def stuck(self) -> list[str]:
        """A line for each loop that has not turned in time; nothing while the worker lives."""
        now = self._clock()
        late = ((loop, now - self._turned_s[loop], limit) for loop, limit in self._limits_s.items())
        return [
            f"{loop} has not turned for {s:.0f} s, at most {limit:g} s are well" for loop, s, limit in late if s > limit
        ]

    @property
    def missing(self) -> list[str]:
        """A line for each half that is not ready, and for each loop that is stuck; nothing while all is well."""
        return [*(f"{half}: {reason}" for half, reason in sorted(self._waiting.items())), *self.stuck]
