"""The minimum detectable effect: how large a change must be to be found with a power of 0.8.

So that quiet can be told from blind. The effect is a total variation: the share of events that moved to other cells.
A change of e gives G a noncentrality of at least `4 n e^2`, n the harmonic size of both samples (Pinsker's inequality),
whatever cells it moves events between, so one of at least the minimum is found with at least that power.
"""

from typing import NamedTuple

import numpy as np
from scipy import special

from detectors.profiles.grid import Counts
from detectors.profiles.ordering import Floats

# A little above the 0.8 that is promised, for what the normal approximation of noncentral chi-square lacks (0.792 to 0.797 at 0.8).
QUANTILE = float(special.ndtri(0.81))


class Law(NamedTuple):
    """What G is like where nothing changed: `scale` times chi-square on `freedom` degrees; `along` is the variance in the
    direction in which windows vary most. Arrays of one shape; by chance alone 1, the cells less one, and 1."""

    scale: Floats
    freedom: Floats
    along: Floats


def noncentrality(threshold: Floats, law: Law) -> Floats:
    """How far a change must move G, on average, for G to exceed `threshold` with probability 0.8: from the normal law of
    its mean `s f + l` and variance `2 s^2 f + 4 l a`, for a change along the direction in which windows vary most.
    Without excess it is noncentral chi-square's, within 2 % where the level is 0.001 or less. O(1) each."""
    scale, freedom, along = law
    beyond = threshold - scale * freedom
    z = QUANTILE
    inner = np.maximum(z * z * along * along + along * beyond + 0.5 * scale * scale * freedom, 0.0)
    found: Floats = np.maximum(beyond + 2.0 * z * z * along + 2.0 * z * np.sqrt(inner), 0.0)
    return found


def minimum_detectable(threshold: Floats, law: Law, n: Counts, m: Counts, floor: Floats) -> Floats:
    """The least total variation that is found with a power of 0.8 between samples of n and m, when drift takes a G of at
    least `threshold` and an effect of at least `floor`. At most 1, which is to be blind. Arrays of one shape. O(1) each."""
    n, m = np.maximum(n, 1), np.maximum(m, 1)
    harmonic = n * m / (n + m)
    significant = np.sqrt(noncentrality(threshold, law) / (4.0 * harmonic))
    mattering = floor + QUANTILE * np.sqrt(law.along / (4.0 * harmonic))
    least = np.minimum(np.maximum(significant, mattering), 1.0)
    found: Floats = np.where(np.isfinite(threshold), least, 1.0)
    return found


def minimum_detectable_ks(threshold: Floats, alike: Floats, n: Counts, m: Counts, floor: Floats) -> Floats:
    """The least Kolmogorov-Smirnov distance found with a power of 0.8: beyond threshold and floor by what the distance
    at one point may fall short, where `alike` events of a window count as one. At most 1. O(1) each."""
    harmonic = np.maximum(n, 1) * np.maximum(m, 1) / (np.maximum(n, 1) + np.maximum(m, 1))
    found: Floats = np.minimum(np.maximum(threshold, floor) + QUANTILE * np.sqrt(alike / (4.0 * harmonic)), 1.0)
    return found
