"""Windows and watermarks, in integer milliseconds of event time."""

import numpy as np
import numpy.typing as npt

Times = npt.NDArray[np.int64]

BEGINNING = -(1 << 62)


def starts_of(times_ms: Times, length_ms: int) -> Times:
    """The start of the window `[start, start + length)` that each time falls in."""
    return times_ms // length_ms * length_ms


def sealed_through(watermark_ms: int, length_ms: int) -> int:
    """The end of the last window that the watermark has passed: windows that end there or before are sealed."""
    return watermark_ms if watermark_ms == BEGINNING else watermark_ms // length_ms * length_ms


def running_watermarks(event_ms: Times, record_ms: Times, before: int, lateness: int) -> Times:
    """The watermark after each event: the highest `min(event time, record time)` so far, less the lateness, and never
    below `before`."""
    return np.maximum(np.maximum.accumulate(np.minimum(event_ms, record_ms) - lateness), before)
