"""Quantiles of the numbers of many signals."""

from collections.abc import Sequence

import numpy as np

from detectors.profiles.ordering import Floats
from detectors.profiles.points import midpoints
from detectors.profiles.profile import Profile


def quantiles_of(profiles: Sequence[Profile], shares: Sequence[float]) -> Floats:
    """Shape (n, s): of each of n profiles the numbers that each of s `shares`, ascending or not, of its numbers lie at or
    below, as `detectors.profiles.points.quantiles` has them, within the least and the greatest; NaN in the rows of those without
    numbers. A number is at most its bucket's width away. O(buckets)."""
    found = np.full((len(profiles), len(shares)), np.nan)
    rows = [row for row, profile in enumerate(profiles) if len(profile.numbers.keys)]
    if not rows or not len(shares):
        return found
    wanted = np.asarray(shares, np.float64)
    keys, shifts, bounds = [], [], []
    for row in rows:
        profile, grid = profiles[row], profiles[row].numbers
        cumulative = grid.counts.cumsum()
        at = cumulative.searchsorted(wanted * cumulative[-1])
        keys.append(grid.keys.take(at, mode="clip"))
        shifts.append(grid.shifts.take(at, mode="clip"))
        bounds.append((profile.least, profile.greatest))
    least, greatest = np.array(bounds).T
    found[rows] = np.clip(midpoints(np.array(keys), np.array(shifts)), least[:, None], greatest[:, None])
    return found
