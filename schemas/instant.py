"""Moments as people read them."""

from datetime import UTC, datetime


def instant(time_ms: int) -> str:
    """A time as people read it, in UTC; milliseconds where it has any. A number where it is beyond the calendar."""
    try:
        moment = datetime.fromtimestamp(time_ms / 1000, UTC)
    except (ValueError, OverflowError, OSError):
        return f"{time_ms} ms"
    text = moment.strftime("%Y-%m-%d %H:%M:%S")
    return text if time_ms % 1000 == 0 else f"{text}.{time_ms % 1000:03d}"
