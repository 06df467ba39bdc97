"""Which of many series ADWIN could find a change in: a condition that is cheap in columns, and that no series without a
change has to fail.

Until the first change is found, ADWIN is a function of running sums. So it is enough to ask, of all series at once,
whether a sum would go over its bound anywhere; `_SLACK` covers what rounding may do. Only those series need to be read
value by value. Series are columns: shape (t, n), each from its first row on, and then anything, with
`lengths`, shape (n,). Sums run along time one by one, so a series' answer does not depend on those beside it.
"""

import math
from functools import lru_cache
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from detectors.profiles.alignment import Flags
from detectors.profiles.grid import Indices
from detectors.profiles.ordering import Floats

_SLACK = 1e-6
_BUCKETS = 5
_LEAST_PART = 5
_GRACE = 10


def adwin_may_change(values: Floats, lengths: Indices, delta: float, clock: int) -> Flags:
    """Shape (n,): whether ADWIN may cut its window, for values in [0, 1]. At each check, each bound between two of its
    buckets is asked. O(t log(t) n / clock)."""
    sums, squares = np.cumsum(values, axis=0), np.cumsum(values * values, axis=0)
    found = np.zeros(values.shape[1], np.bool_)
    for check in _checks(len(values), delta, clock):
        total = sums[check.width - 1]
        mean = total / check.width
        deviation = np.sqrt(np.maximum(squares[check.width - 1] / check.width - mean * mean - _SLACK**2, 0.0))
        apart = np.abs(sums[check.below] - check.shares * total)
        found |= (apart > check.slopes * deviation + check.floors).any(axis=0) & (lengths >= check.width)
    return found


class _Check(NamedTuple):
    """One look at the whole window of `width` values: the last value below each bound, shape (b,), the share of the
    values below it, and what the sum below it may differ from that share of the total: `slopes` times the standard
    deviation plus `floors`. These are of shape (b, 1)."""

    width: int
    below: npt.NDArray[np.intp]
    shares: Floats
    slopes: Floats
    floors: Floats


@lru_cache(maxsize=8)
def _checks(length: int, delta: float, clock: int) -> tuple[_Check, ...]:
    checks = []
    levels: list[int] = []
    for width in range(1, length + 1):
        _grow(levels)
        if width % clock == 0 and width > _GRACE:
            sizes = [1 << level for level in range(len(levels) - 1, -1, -1) for _ in range(levels[level])]
            checks.append(_check(width, np.cumsum(sizes), delta))
    return tuple(checks)


def _grow(levels: list[int]) -> None:
    """Adds a bucket of one value; of more than `_BUCKETS` of one size, two become one of twice the size."""
    level = 0
    if not levels:
        levels.append(0)
    levels[0] += 1
    while levels[level] > _BUCKETS:
        levels[level] -= 2
        level += 1
        if level == len(levels):
            levels.append(0)
        levels[level] += 1


def _check(width: int, bounds: npt.NDArray[np.intp], delta: float) -> _Check:
    before = bounds[(bounds >= _LEAST_PART) & (width - bounds >= _LEAST_PART)][:, None]
    after = width - before
    confidence = math.log(2.0 * math.log(width) / delta)
    sizes = 1.0 / (before - _LEAST_PART + 1) + 1.0 / (after - _LEAST_PART + 1)
    scale = before * after / width * (1.0 - _SLACK)
    return _Check(
        width,
        before[:, 0] - 1,
        before / width,
        scale * np.sqrt(2.0 * sizes * confidence),
        scale * 2 / 3 * confidence * sizes,
    )
