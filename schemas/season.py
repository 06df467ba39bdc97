"""The seasons that a baseline may have: cycles of the clock in which its signals move, and that are no drift."""

from enum import StrEnum

HOUR_MS = 3_600_000
DAY_MS = 24 * HOUR_MS


class Season(StrEnum):
    """`hour_of_day`: a window is compared with those of the same hour, UTC, of any day; `hour_of_week`: of the same hour of
    the same day of the week."""

    NONE = "none"
    HOUR_OF_DAY = "hour_of_day"
    HOUR_OF_WEEK = "hour_of_week"

    @property
    def cycle_ms(self) -> int:
        """How long it takes to come back to the same hour."""
        return 7 * DAY_MS if self is Season.HOUR_OF_WEEK else DAY_MS
