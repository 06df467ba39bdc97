"""How unusual each row of a series is, given the rows before it."""

from collections.abc import Iterable
from math import inf, isfinite, sqrt

import numpy as np
import numpy.typing as npt

from detectors.series.nearest import NearestAtPhase, NearestStretch
from detectors.series.past import RecentPeak, SortedPast

Floats = npt.NDArray[np.float64]

HISTORY = 4096
ALARM = 0.5

_DAY_MS, _DAY_BINS, _DAY_REACH = 86_400_000, 96, 2
_STRETCH = 4
_WEIGHTS = (0.4, 0.4, 0.2)  # of the value, of the stretch, of the value at its time of day

_SKIPPED, _FEWEST = 48, 64
_HIGH, _HIGHEST, _SHARE = 0.99, 0.999, 2 / 3
_NOVELTY_CAP = 10.0
_BURST_ROWS, _BURST_RISE, _BURST_SCORE = 100, 1.5, 0.1
_ONSETS, _ALIKE, _DAMPING = 256, 0.75, 0.5
_ALARM_NOVELTY = 0.25

_LARGEST = 1e300  # beyond it, sums of distances would overflow
_DUST = 1e-9  # of the greatest value so far: less is rounding


class AnomalyScorer:
    """Scores a series row by row; each score is a function of the rows up to its own.

    1. Three distances: from the value to the nearest of the last 4,096 values; from the last four values to the nearest
       stretch of four among them; from the value to the nearest at the same time of day.
    2. Each becomes a novelty r, its ratio to the tail of its own past: `r = d / (q99^(2/3) q999^(1/3))`, with the
       quantiles of the last 4,096 distances, the first 48 left out. 10 at most; 0 until there are 64 to compare with.
    3. Together, so that one alone counts for less than several: `r = (sum of w sqrt(r))^2`.
    4. A burst is reported once: a row of which r is not above 1.5 times the peak of the 100 rows before gets a tenth.
    5. What recurs is less of an anomaly: r is divided by `1 + k / 2`, where k of the earlier onsets of bursts were at
       least three quarters as high.
    6. The score is `r / (r + 0.25)`: 0.5, `ALARM`, is where an alarm is worth its while on the series it was tried on.

    Scores do not change where all values are multiplied by a number, save for rounding. A value that is not finite
    scores 0 and is otherwise passed over. About 25 us a row, and 0.5 MB. `history` rows are remembered, 4,096 if not
    said otherwise; with fewer it takes less of both.
    """

    def __init__(self, history: int = HISTORY) -> None:
        self._values = SortedPast(history)
        self._stretch = NearestStretch(_STRETCH, history)
        self._phase = NearestAtPhase(_DAY_MS, _DAY_BINS, _DAY_REACH, history)
        self._novelties = [_Novelty(history) for _ in _WEIGHTS]
        self._bursts = _Bursts()
        self._greatest = 0.0

    def update(self, time_ms: int, value: float) -> float:
        """The score of a further row, in [0, 1]. Of `time_ms`, epoch milliseconds, only the time of day counts."""
        if not isfinite(value):
            return 0.0
        value = min(max(value, -_LARGEST), _LARGEST)
        self._greatest = max(self._greatest, abs(value))
        dust = _DUST * self._greatest
        distances = (self._values.nearest(value), self._stretch.update(value), self._phase.update(time_ms, value))
        self._values.add(value)
        roots = [sqrt(novelty.update(d, dust)) for novelty, d in zip(self._novelties, distances, strict=True)]
        return self._bursts.update(sum(w * root for w, root in zip(_WEIGHTS, roots, strict=True)) ** 2)

    def update_many(self, times_ms: Iterable[int], values: Iterable[float]) -> Floats:
        """The scores of further rows, in order: those that `update` gives."""
        return np.array([self.update(t, v) for t, v in zip(times_ms, values, strict=True)], np.float64)


class _Novelty:
    """A distance on the scale of the tail of its own past."""

    def __init__(self, history: int) -> None:
        self._seen = 0
        self._past = SortedPast(history)

    def update(self, distance: float, dust: float) -> float:
        """The novelty of a further distance; 0 where it is dust."""
        if distance == inf:
            return 0.0
        novelty = 0.0
        if distance > dust and len(self._past) >= _FEWEST:
            high, highest = self._past.quantile(_HIGH), self._past.quantile(_HIGHEST)
            scale = max(high, dust) ** _SHARE * max(highest, dust) ** (1 - _SHARE)
            novelty = min(distance / scale, _NOVELTY_CAP) if scale else _NOVELTY_CAP
        self._seen += 1
        if self._seen > _SKIPPED:
            self._past.add(distance)
        return novelty


class _Bursts:
    """Scores novelties: the onsets of bursts in full, the less the more often the like has been."""

    def __init__(self) -> None:
        self._peak = RecentPeak(_BURST_ROWS)
        self._onsets = SortedPast(_ONSETS)

    def update(self, novelty: float) -> float:
        is_onset = novelty > _BURST_RISE * self._peak.value
        self._peak.add(novelty)
        if not is_onset:
            return _BURST_SCORE * _score(novelty)
        alike = self._onsets.count_from(_ALIKE * novelty)
        self._onsets.add(novelty)
        return _score(novelty / (1 + _DAMPING * alike))


def _score(novelty: float) -> float:
    return novelty / (novelty + _ALARM_NOVELTY)
