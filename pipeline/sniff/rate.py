"""How fast the events come, and how far out of order: what the length of a window and its lateness rest on."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np

from pipeline.events.event_time import Times
from pipeline.sniff.clock import Clock

ENOUGH = 500
_MINUTE_MS = 60_000
_LENGTHS_MS = [_MINUTE_MS * minutes for minutes in (5, 10, 15, 30, 60, 120, 360, 720, 1440)]
_LATENESS_MS = [30_000, *(_MINUTE_MS * minutes for minutes in (1, 2, 5, 10, 30, 60))]
_LEAST = 20
_RARE = 0.05


class Pace(NamedTuple):
    """Events in a millisecond, of all models and of the slowest that is not rare; and how far an event came behind one of
    a later time in its partition, at the 99.9th percentile."""

    per_ms: float
    slowest_per_ms: float
    late_ms: int

    def length_ms(self) -> int:
        """The shortest window that has enough events of the slowest model."""
        fit = (length for length in _LENGTHS_MS if self.slowest_per_ms * length >= ENOUGH)
        return next(fit, _LENGTHS_MS[-1])

    def lateness_ms(self) -> int:
        fit = (lateness for lateness in _LATENESS_MS if lateness >= 1.5 * self.late_ms)
        return next(fit, _LATENESS_MS[-1])


def pace_of(clock: Clock, parts: Sequence[int], models: Sequence[str]) -> Pace | None:
    """None where the events do not say: too few, or all at one time. O(n log n)."""
    by_part: defaultdict[int, list[int]] = defaultdict(list)
    for row, time in zip(clock.rows, clock.times_ms, strict=True):
        by_part[parts[row]].append(time)
    each = [np.array(times, np.int64) for times in by_part.values()]
    per_ms = sum(map(_per_ms, each))
    if not per_ms:
        return None
    counts = Counter(models)
    common = [n for n in counts.values() if n >= _RARE * len(models)]
    return Pace(per_ms, per_ms * min(common, default=0) / max(1, len(models)), _late(each))


def _per_ms(times: Times) -> float:
    """By the middle nine tenths, so that no single time stretches it."""
    if len(times) < _LEAST:
        return 0.0
    begin, end = np.quantile(times, [0.05, 0.95])
    return 0.9 * len(times) / float(end - begin) if end > begin else 0.0


def _late(each: Iterable[Times]) -> int:
    behind = np.concatenate([np.maximum.accumulate(times) - times for times in each])
    return int(np.quantile(behind, 0.999, method="lower"))
