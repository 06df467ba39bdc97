"""Since when a source partition has had nothing that tells its time."""

from dataclasses import dataclass

_MOST_STEP_S = 5.0


@dataclass(slots=True)
class Steps:
    """Whether the wall clock has stepped, against one that only runs: a second of idleness is one of both."""

    _wall_s: float | None = None
    _steady_s: float = 0.0

    def stepped(self, wall_s: float, steady_s: float) -> bool:
        """Whether it has since it was asked last."""
        apart_s = 0.0 if self._wall_s is None else (wall_s - self._wall_s) - (steady_s - self._steady_s)
        self._wall_s, self._steady_s = wall_s, steady_s
        return abs(apart_s) > _MOST_STEP_S


@dataclass(slots=True)
class Idleness:
    """Of one partition: `since_s` is when a look first found it read, with no event since; None where an event came last.

    A look at the clock finds where the partition ends. What was there at a look has been read once the position is there.
    So a partition is idle up to a look whose end has been read, and not up to one behind which something is left: records
    without events hide nothing, however fast they come, and an event that waits to be read is waited for.
    """

    since_s: float | None = None
    _end: int = 0
    _looked_s: float | None = None

    def heard(self) -> None:
        """An event has come."""
        self.since_s = None

    def restart(self) -> None:
        """Nothing is known of it."""
        self.since_s = self._looked_s = None

    def look(self, position: int, end: int, now_s: float, timeout_s: float) -> float | None:
        """The time up to which it has been idle for `timeout_s` or more, None where it has not. `end` was asked for at
        `now_s` or later."""
        read_s = self._read_s(position, end, now_s)
        if read_s is None:
            return None
        if self.since_s is None:
            self.since_s = now_s
        return read_s if read_s - self.since_s >= timeout_s else None

    def _read_s(self, position: int, end: int, now_s: float) -> float | None:
        """When the last look was whose end has been read."""
        if position >= end:
            read_s: float | None = now_s
        elif self._looked_s is None or position >= self._end:
            read_s = self._looked_s
        else:
            return None
        self._end, self._looked_s = end, now_s
        return read_s
