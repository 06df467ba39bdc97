"""How far apart windows of one stationary signal are: the null, widened by the baseline's own windows.

Real traffic is never independent events: hours differ, callers come in bursts. So each window of the baseline is
compared with the others, and a new window must stand out among those, not only from chance.

The score of a window is `y = (G / (nu (1 + (n - 1) rho)))**(1/3)`: the likelihood ratio G on nu degrees of freedom,
near normal after the cube root (Wilson and Hilferty 1931), less what events of one window have in common. `rho` is
the correlation between events within a window (the design effect of Rao and Scott 1981), without which small
windows would look calm among large ones. With W windows of lag-1 autocorrelation r, `W_e = W (1 - r^2) / (1 + r^2)`
count as independent, and a new score is Student's t on W_e - 1 degrees of freedom after division by
`s sqrt((1 + g/W) / (1 - g/W))`, `g = (1 + r) / (1 - r)`.

That is the law of the bulk. A level of 1e-5 lies far beyond it, where windows that drift in one direction score higher
than the law allows, so the tail is measured, pooled over the group's signals: see `detectors.statistics.tail`.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

import numpy as np
from scipy import special

from detectors.profiles.alignment import Flags
from detectors.profiles.grid import Counts, Indices
from detectors.profiles.ordering import Floats
from detectors.statistics import distances, significance
from detectors.statistics.significance import each_distinct
from detectors.statistics.tables import Tables
from detectors.statistics.tail import NO_TAIL, Tail, tail_of

LEAST_WINDOWS = 8
_MOST_CORRELATION = 0.95
_LEAST_DEVIATION = 1e-6
_LEAST_P = 1e-300
_MOST_SKEW = 0.5


class Excess(NamedTuple):
    """G over its degrees of freedom (`ratio`, 1 on average under the null), the window's events, and what to multiply
    the ratio by for G itself."""

    ratio: float
    events: int
    scale: float

    @classmethod
    def of(cls, reference: Counts, current: Counts) -> "Excess | None":
        """The excess of a window's counts over the reference's, in the same cells; None where the events are too few
        to tell cells apart."""
        excesses = Excesses.of(Tables.of([reference], [current]))
        if not excesses.defined[0]:
            return None
        return cls(float(excesses.ratio[0]), int(excesses.events[0]), float(excesses.scale[0]))


class Excesses(NamedTuple):
    """Several, as columns of shape (t,); where `defined` is false the events are too few to tell cells apart."""

    ratio: Floats
    events: Counts
    scale: Floats
    defined: Flags

    @classmethod
    def of(cls, tables: Tables) -> "Excesses":
        """Those of tables of counts. O(cells)."""
        table, scarcity = tables.merged()
        return cls.of_merged(table, scarcity, distances.g_of(table))

    @classmethod
    def of_merged(cls, table: Tables, scarcity: Floats, statistic: Floats) -> "Excesses":
        """Those of merged tables whose G is known."""
        scale = np.maximum(table.k - 1, 1) * significance.williams(table.k, table.n, table.m, scarcity)
        return cls(statistic / scale, table.m, scale, (table.k > 1) & (table.m > 0))

    @classmethod
    def rows(cls, some: Sequence[Excess]) -> "Excesses":
        ratio, events, scale = np.array(some, np.float64).reshape(-1, 3).T
        return cls(ratio, events.astype(np.int64), scale, np.ones(len(some), np.bool_))

    def at(self, rows: Indices) -> "Excesses":
        return Excesses(self.ratio[rows], self.events[rows], self.scale[rows], self.defined[rows])

    def known(self) -> "Excesses":
        """Those that are defined."""
        return self.at(np.flatnonzero(self.defined))


class Spread(NamedTuple):
    """The scores of `windows` windows of the baseline: their mean, their standard deviation, their lag-1
    autocorrelation, the correlation of events within a window, and the group's tail (see `Tail`)."""

    windows: int
    mean: float
    deviation: float
    autocorrelation: float
    within: float
    share: float = 1.0
    least: float = 0.0
    stretch: float = 1.0

    @property
    def effective_windows(self) -> float:
        """How many independent windows the windows are worth."""
        return float(Spreads.of([self]).effective_windows[0])

    def p_value(self, excess: Excess) -> float:
        """The chance that a window of the baseline's kind scores as high; 1 where there are too few windows to say."""
        return float(Spreads.of([self]).p_values(Excesses.rows([excess]))[0])

    def threshold(self, level: float, excess: Excess) -> float:
        """The G at which `p_value` is `level`, for a window of as many events."""
        return float(Spreads.of([self]).thresholds(np.array([level]), Excesses.rows([excess]))[0])


class Spreads(NamedTuple):
    """Several, as columns of shape (s,)."""

    windows: Floats
    mean: Floats
    deviation: Floats
    autocorrelation: Floats
    within: Floats
    share: Floats
    least: Floats
    stretch: Floats

    @classmethod
    def of(cls, some: Sequence[Spread]) -> "Spreads":
        return cls(*np.array(some, np.float64).reshape(-1, len(cls._fields)).T)

    @property
    def effective_windows(self) -> Floats:
        square = self.autocorrelation * self.autocorrelation
        return self.windows * (1.0 - square) / (1.0 + square)

    def p_values(self, excesses: Excesses) -> Floats:
        """See `Spread.p_value`, of each with its excess."""
        found = np.exp(-self._tail.surprises(self.surprises(excesses)))
        return np.where(self._tells, found, 1.0)

    def surprises(self, excesses: Excesses) -> Floats:
        """`-ln p` under the law of the bulk."""
        away = (self.mean - _scores(excesses, self.within)) / self._width
        tail = special.stdtr(np.where(self._tells, self._freedom, 1.0), away)
        found: Floats = -np.log(np.maximum(tail, _LEAST_P))
        return found

    def standard(self, excesses: Excesses) -> Floats:
        """The scores, less their mean and over their deviation."""
        found: Floats = (_scores(excesses, self.within) - self.mean) / np.maximum(self.deviation, _LEAST_DEVIATION)
        return found

    def surprises_of_means(self, means: Floats, length: int) -> Floats:
        """`-ln p`, under the law of the bulk, of means of so many standard scores in a row."""
        lags = np.arange(1, length)
        together = ((length - lags) * self.autocorrelation[:, None] ** lags).sum(axis=1)
        variance = (length + 2.0 * together) / length**2
        g = np.where(self._tells, self._inflation, 0.0)
        away = -means / np.sqrt((variance + g) / (1.0 - g))
        p_value = np.where(self._tells, special.stdtr(np.where(self._tells, self._freedom, 1.0), away), 1.0)
        found: Floats = -np.log(np.maximum(p_value, _LEAST_P))
        return found

    def thresholds(self, level: Floats, excesses: Excesses) -> Floats:
        """See `Spread.threshold`, of each with its level and excess."""
        nominal = np.exp(-self._tail.nominal(-np.log(level)))
        quantiles = each_distinct(special.stdtrit, np.where(self._tells, self._freedom, 1.0), nominal)
        scores = np.maximum(self.mean - quantiles * self._width, 0.0)
        found = scores * scores * scores * self._size(excesses)
        return np.where(self._tells, found, np.inf)

    def laws(self, excesses: Excesses) -> tuple[Floats, Floats, Floats]:
        """What G is like where nothing changed: `scale` times chi-square on `freedom` degrees, the one whose cube root
        has the mean and the deviation that scores have (Satterthwaite 1946, by way of Wilson and Hilferty). And the most
        that windows vary `along` any one direction, chance being 1: directions whose excesses over that have this sum
        and this sum of squares."""
        ratio = np.maximum(self.deviation, _LEAST_DEVIATION) / np.maximum(self.mean, _LEAST_DEVIATION)
        # 2 / (9 f) = v where sqrt(v) / (1 - v) is the deviation over the mean.
        root = (np.sqrt(1.0 + 4.0 * ratio * ratio) - 1.0) / (2.0 * ratio)
        v = np.minimum(root * root, _MOST_SKEW)
        freedom = 2.0 / (9.0 * v)
        mean = self.mean / (1.0 - v)
        scale = mean * mean * mean * self._size(excesses) / freedom
        together = excesses.scale * np.maximum(excesses.events - 1, 0) * self.within
        squares = np.maximum(scale * scale * freedom - excesses.scale - 2.0 * together, 0.0)
        return scale, freedom, np.maximum(1.0 + np.minimum(together, np.sqrt(squares)), scale)

    def _size(self, excesses: Excesses) -> Floats:
        """What a score to the third power is multiplied by for G."""
        found: Floats = (1.0 + (excesses.events - 1) * self.within) * excesses.scale
        return found

    @property
    def _tail(self) -> Tail:
        return Tail(self.share, self.least, self.stretch)

    @property
    def _inflation(self) -> Floats:
        return (1.0 + self.autocorrelation) / (1.0 - self.autocorrelation) / self.windows

    @property
    def _tells(self) -> Flags:
        """Whether there are degrees of freedom."""
        return (self._inflation < 1.0) & (self.effective_windows > 2.0)

    @property
    def _freedom(self) -> Floats:
        return self.effective_windows - 1.0

    @property
    def _width(self) -> Floats:
        g = np.minimum(self._inflation, 0.5 + 0.5 * _MOST_CORRELATION)
        g = np.where(self._tells, self._inflation, g)
        return np.maximum(self.deviation, _LEAST_DEVIATION) * np.sqrt((1.0 + g) / (1.0 - g))


def spreads_of(excesses: Mapping[str, Excesses]) -> dict[str, Spread]:
    """The spread of each signal of a group, from the excess of each baseline window over others that are not its
    neighbours, in order of time. The autocorrelation and the tail are pooled over the signals. A signal with fewer than
    `LEAST_WINDOWS` has none. O(windows log windows)."""
    long = {name: series for name, series in excesses.items() if len(series.ratio) >= LEAST_WINDOWS}
    within = {name: _within(series) for name, series in long.items()}
    scores = {name: _scores(series, within[name]) for name, series in long.items()}
    r = _autocorrelation(scores.values())
    bulk = {name: Spread(len(y), float(y.mean()), float(y.std(ddof=1)), r, within[name]) for name, y in scores.items()}
    tail = _tail(bulk, long)
    return {name: spread._replace(**tail._asdict()) for name, spread in bulk.items()}


def rare_tail_of(surprises: Mapping[str, Floats]) -> Tail:
    """The tail of exact tests, from the surprises of each signal's windows in order of time; pooled over the signals."""
    if not surprises:
        return NO_TAIL
    return tail_of(np.concatenate(list(surprises.values())), _autocorrelation(surprises.values()))


def _tail(bulk: Mapping[str, Spread], excesses: Mapping[str, Excesses]) -> Tail:
    """The tail of all scores of all signals under the laws of their bulk."""
    if not bulk:
        return Tail()
    own = [Spreads.of([spread]).surprises(excesses[name]) for name, spread in bulk.items()]
    r = next(iter(bulk.values())).autocorrelation
    return tail_of(np.concatenate(own), r)


def _scores(excesses: Excesses, within: Floats | float) -> Floats:
    found: Floats = np.cbrt(np.maximum(excesses.ratio, 0.0) / (1.0 + (excesses.events - 1) * within))
    return found


def within_of(counts: Counts, events: Counts) -> float:
    """The correlation, within a window, between events of a kind, from how many of each window's `events` are of it.
    0 where each is as likely as any other, whatever the window."""
    p = counts.sum() / max(int(events.sum()), 1)
    pairs = int((events - 1).sum())
    if not 0.0 < p < 1.0 or pairs <= 0 or len(counts) < LEAST_WINDOWS:
        return 0.0
    variance = np.maximum(events, 1) * p * (1.0 - p)
    ratios = (counts - events * p) ** 2 / variance
    return min(max(0.0, float((ratios - 1.0).sum()) / pairs), 1.0)


def _within(series: Excesses) -> float:
    """By moments: the mean ratio is 1 + (n - 1) rho."""
    pairs = int((series.events - 1).sum())
    return max(0.0, float((series.ratio - 1.0).sum()) / pairs) if pairs else 0.0


def _autocorrelation(series: Iterable[Floats]) -> float:
    """Pooled over the series; one that chance explains counts as none."""
    products = squares = 0.0
    pairs = 0
    for y in series:
        d = y - y.mean()
        products += float((d[1:] * d[:-1]).sum())
        squares += float((d * d).sum())
        pairs += len(d) - 1
    r = products / squares if squares else 0.0
    return min(r, _MOST_CORRELATION) if r > 2.0 / np.sqrt(max(pairs, 1)) else 0.0
