"""The hours of a season."""

from collections.abc import Collection
from typing import NamedTuple

from schemas.season import DAY_MS, HOUR_MS, Season

# An hour that was there once may have been any.
LEAST_CYCLES = 2
# 1970 began on a Thursday; weeks begin on Mondays.
_MONDAY_MS = 4 * DAY_MS
_DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")


class Hour(NamedTuple):
    """One hour of a season, UTC: `number` hours after midnight, or after the midnight before Monday."""

    season: Season
    number: int

    @classmethod
    def of(cls, season: Season, start_ms: int) -> "Hour | None":
        """The hour that a window begins in; None without a season."""
        if season is Season.NONE:
            return None
        return cls(season, (start_ms - _MONDAY_MS) % season.cycle_ms // HOUR_MS)

    def __str__(self) -> str:
        day, hour = divmod(self.number, 24)
        return f"hour {hour} of {_DAYS[day] if self.season is Season.HOUR_OF_WEEK else 'the day'}"

    def starts(self, starts: Collection[int]) -> list[int]:
        """Those of windows that begin in this hour, in order of time."""
        cycle_ms = self.season.cycle_ms
        return sorted(start for start in starts if (start - _MONDAY_MS) % cycle_ms // HOUR_MS == self.number)

    def cycles(self, starts: Collection[int]) -> int:
        """How many days, or weeks, windows that begin then are of."""
        return len({(start - _MONDAY_MS) // self.season.cycle_ms for start in starts})
