"""How fast the far tail of scores falls, learned from many of them: a Weibull tail.

A law fitted to the bulk of scores says little of one window in 100,000. So the surprise `e = -ln p` of each of a
baseline's own scores is taken under that law, and where the tail begins, at the surprise `least` that a `share` of them
exceed, the true surprise is taken to go on as `-ln(share) * (e / least)**(1 / stretch)`. The stretch is 1 where the law
holds, and above 1 where scores fall off more slowly (Gardes and Girard 2006). All of a group's signals are pooled: what
counts is how often any of them alarms.
"""

import math
from typing import NamedTuple

import numpy as np

from detectors.profiles.alignment import Flags
from detectors.profiles.ordering import Floats

# With fewer than some 50 independent scores beyond it, a tail is not worth measuring; beyond one score in 10 it is no tail.
_WANTED, _LEAST_SHARE, _MOST_SHARE = 50.0, 0.005, 0.1
# So many scores speak for an stretch of 1 before any was seen.
_PRIOR = 30.0
_MOST_SURPRISE = 700.0


class Tail(NamedTuple):
    """`share` of scores have a surprise above `least`, and from there on it is stretched by `stretch`. One tail, or
    columns of several."""

    share: Floats | float = 1.0
    least: Floats | float = 0.0
    stretch: Floats | float = 1.0

    def surprises(self, nominal: Floats) -> Floats:
        """Surprises under the law, made true. They are never raised: a tail that falls faster than the law earns
        nothing."""
        least = np.where(self._known, self.least, 1.0)
        stretched = self._begin * (np.maximum(nominal, least) / least) ** (1.0 / np.asarray(self.stretch))
        found: Floats = np.where(self._known, np.minimum(nominal, stretched), nominal)
        return found

    def nominal(self, surprises: Floats) -> Floats:
        """The inverse: the least surprise under the law that comes to so much."""
        begin = np.where(self._known, self._begin, 1.0)
        stretched = self.least * (np.maximum(surprises, begin) / begin) ** np.asarray(self.stretch)
        found: Floats = np.where(self._known & (surprises > begin), np.maximum(surprises, stretched), surprises)
        return found

    @property
    def _known(self) -> Flags:
        return np.asarray(self.least) > 0.0

    @property
    def _begin(self) -> Floats:
        found: Floats = -np.log(np.asarray(self.share))
        return found


NO_TAIL = Tail()
"""Where none was measured: the law holds."""


def tail_of(surprises: Floats, autocorrelation: float) -> Tail:
    """The tail of scores whose surprises under the law these are, shape (n,), neighbours in time of that lag-1
    autocorrelation. The stretch is raised by one standard error, so that few scores promise little. O(n log n)."""
    worth = len(surprises) * (1.0 - autocorrelation) / (1.0 + autocorrelation)
    share = min(max(_WANTED / max(worth, 1.0), _LEAST_SHARE), _MOST_SHARE)
    count = int(share * len(surprises))
    if count < 2:
        return Tail()
    top = np.sort(np.minimum(surprises, _MOST_SURPRISE))[-count:]
    least = float(top[0])
    if least <= 0.0:
        return Tail()
    share = count / len(surprises)
    ranks = np.arange(count, 0, -1) - 0.5
    excess = float(np.log(top / least).mean())
    expected = float(np.log(np.log(len(surprises) / ranks)).mean()) - math.log(-math.log(share))
    seen = worth * share
    stretch = (seen * excess / expected + _PRIOR) / (seen + _PRIOR)
    return Tail(share, least, stretch * (1.0 + math.sqrt(seen) / (seen + _PRIOR)))
