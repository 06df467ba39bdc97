"""How far apart windows of one stationary signal are: the null, widened by the baseline's own windows.

Real traffic is never independent events: hours differ, callers come in bursts. So each window of the baseline is
compared with the others, leave one out, and a new window must stand out among those, not only from chance.

The score of a window is `y = (G / (nu (1 + (n - 1) rho)))**(1/3)`: the likelihood ratio G on nu degrees of freedom,
near normal after the cube root (Wilson and Hilferty 1931), less what events of one window have in common. `rho` is
the correlation between events within a window (the design effect of Rao and Scott 1981), without which small
windows would look calm among large ones. With W windows of lag-1 autocorrelation r, `W_e = W (1 - r^2) / (1 + r^2)`
count as independent, and a new score is Student's t on W_e - 1 degrees of freedom after division by
`s sqrt((1 + g/W) / (1 - g/W))`, `g = (1 + r) / (1 - r)`.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from scipy import special

from detectors import distances, significance
from detectors.grid import Counts

LEAST_WINDOWS = 8
_MOST_CORRELATION = 0.95
_LEAST_DEVIATION = 1e-6


@dataclass(frozen=True, slots=True)
class Excess:
    """G over its degrees of freedom (`ratio`, 1 on average under the null), the window's events, and what to multiply
    the ratio by for G itself."""

    ratio: float
    events: int
    scale: float

    @classmethod
    def of(cls, reference: Counts, current: Counts) -> "Excess | None":
        """The excess of a window's counts over the reference's, in the same cells; None where the events are too few
        to tell cells apart."""
        table = significance.merged(reference, current)
        if table.k < 2 or not table.m:
            return None
        scale = (table.k - 1) * significance.williams(table.k, table.n, table.m, table.scarcity)
        return cls(distances.g(table.reference, table.current) / scale, table.m, scale)


@dataclass(frozen=True, slots=True)
class Spread:
    """The scores of `windows` windows of the baseline: their mean, their standard deviation, their lag-1
    autocorrelation, and the correlation of events within a window."""

    windows: int
    mean: float
    deviation: float
    autocorrelation: float
    within: float

    @property
    def effective_windows(self) -> float:
        """How many independent windows the windows are worth."""
        square = self.autocorrelation**2
        return self.windows * (1.0 - square) / (1.0 + square)

    def score(self, excess: Excess) -> float:
        return _score(excess, self.within)

    def p_value(self, excess: Excess) -> float:
        """The chance that a window of the baseline's kind scores as high; 1 where there are too few windows to say."""
        if not self._freedom:
            return 1.0
        return float(special.stdtr(self._freedom, (self.mean - self.score(excess)) / self._width))

    def threshold(self, level: float, excess: Excess) -> float:
        """The G at which `p_value` is `level`, for a window of as many events."""
        if not self._freedom:
            return math.inf
        score = self.mean - float(special.stdtrit(self._freedom, level)) * self._width
        return max(score, 0.0) ** 3 * (1.0 + (excess.events - 1) * self.within) * excess.scale

    @property
    def _inflation(self) -> float:
        return (1.0 + self.autocorrelation) / (1.0 - self.autocorrelation) / self.windows

    @property
    def _freedom(self) -> float:
        """The degrees of freedom, 0 where there are none."""
        return self.effective_windows - 1.0 if self._inflation < 1.0 and self.effective_windows > 2.0 else 0.0

    @property
    def _width(self) -> float:
        g = self._inflation
        return max(self.deviation, _LEAST_DEVIATION) * math.sqrt((1.0 + g) / (1.0 - g))


def spreads_of(excesses: Mapping[str, Sequence[Excess | None]]) -> dict[str, Spread]:
    """The spread of each signal of a group, from the excess of each baseline window over the others, in order of
    time. The autocorrelation is pooled over the signals. A signal with fewer than `LEAST_WINDOWS` has none."""
    known = {name: [e for e in series if e is not None] for name, series in excesses.items()}
    long = {name: series for name, series in known.items() if len(series) >= LEAST_WINDOWS}
    within = {name: _within(series) for name, series in long.items()}
    scores = {name: np.array([_score(e, within[name]) for e in series]) for name, series in long.items()}
    r = _autocorrelation(scores.values())
    return {name: Spread(len(y), float(y.mean()), float(y.std(ddof=1)), r, within[name]) for name, y in scores.items()}


def _score(excess: Excess, within: float) -> float:
    return math.cbrt(excess.ratio / (1.0 + (excess.events - 1) * within)) if excess.ratio > 0.0 else 0.0


def _within(series: Sequence[Excess]) -> float:
    """By moments: the mean ratio is 1 + (n - 1) rho."""
    pairs = sum(e.events - 1 for e in series)
    return max(0.0, sum(e.ratio - 1.0 for e in series) / pairs) if pairs else 0.0


def _autocorrelation(series: Iterable[np.ndarray]) -> float:
    products = squares = 0.0
    for y in series:
        d = y - y.mean()
        products += float(np.dot(d[1:], d[:-1]))
        squares += float(np.dot(d, d))
    return min(max(products / squares, 0.0), _MOST_CORRELATION) if squares else 0.0
