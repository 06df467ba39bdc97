"""CUSUM from a reference, with a run length that is set: how many values pass, on average, before a false alarm.

Page, "Continuous inspection schemes", Biometrika 41, 1954. The run length by a Markov chain: Brook and Evans,
Biometrika 59, 1972; of both sides together: Kemp, Applied Statistics 10, 1961.
"""

import math
from functools import lru_cache

import numpy as np
from scipy.optimize import brentq
from scipy.special import ndtr

from detectors.sequence.detector import mean_of
from detectors.sequence.sums import SUMS, Sums
from schemas.verdict import State, Verdict

_CELLS = 401
_LEAST_SPREAD = 1e-9
_LEAST_LIMIT = 0.01


def one_sided_run_length(limit: float, slack: float) -> float:
    """The average number of standard normal values before `S = max(0, S + x - slack)`, from 0, exceeds `limit`. The
    chain's states are `_CELLS` cells of [0, limit], the first half as wide; to 1 %. O(_CELLS**3)."""
    width = 2.0 * limit / (2 * _CELLS - 1)
    centres = width * np.arange(_CELLS)
    upper = ndtr(centres[None, :] + 0.5 * width - centres[:, None] + slack)
    moves = np.diff(upper, axis=1, prepend=0.0)
    return float(np.linalg.solve(np.eye(_CELLS) - moves, np.ones(_CELLS))[0])


@lru_cache(maxsize=64)
def limit_for(run_length: float, slack: float) -> float:
    """The limit that the greater of two sums, one for each side, first exceeds after `run_length` standard normal values
    on average: each alone takes twice as many, since both are never far from 0 together. By root finding over
    `one_sided_run_length`; some 50 ms, once for each pair."""
    wanted = 2.0 * run_length
    near = brentq(lambda limit: math.log(_near_run_length(limit, slack) / wanted), 0.0, 60.0 / slack)
    low, high = max(_LEAST_LIMIT, near - 1.0), near + 1.0
    return float(brentq(lambda limit: math.log(one_sided_run_length(limit, slack) / wanted), low, high))


def _near_run_length(limit: float, slack: float) -> float:
    """Siegmund 1985: the same in closed form, to some percent."""
    twice = 2.0 * slack * (limit + 1.166)
    return (math.expm1(twice) - twice) / (2.0 * slack * slack)


class Cusum:
    """Two-sided CUSUM against a reference whose mean and standard deviation are known, or learned from the first
    `reference` values: the fastest way to see a shift of `shift` standard deviations. Moustakides 1986.

        up = max(0, up + z - shift / 2),   down = max(0, down - z - shift / 2),   z = (x - mean) / spread

    Drift where one of them exceeds the limit, which is solved for so that steady values alarm falsely once in
    `run_length` values: exact for independent normal values of a known reference. Both sums then begin anew. A slice
    moves them by all its values at once, so on slices the run length is at least that. The statistic is the greater
    sum, the threshold the limit. Learning while the reference is. 3 µs an update.

    >>> detector = Cusum(run_length=1000, mean=0, spread=1)
    >>> states = [detector.update(x).state.value for x in [0.5, -0.5] * 50 + [1.5, 0.5] * 50]
    >>> states.index("drift")
    110
    """

    def __init__(
        self,
        run_length: float = 1_000_000.0,
        shift: float = 1.0,
        mean: float | None = None,
        spread: float | None = None,
        reference: int = 1_000,
    ) -> None:
        """`run_length`: values before a false alarm, on average. `shift`: what is looked for, in units of `spread`, the
        standard deviation of a value. `reference`: how many values to learn `mean` and `spread` from, unless both are
        given. Raises ValueError for what is out of bounds."""
        if not 10.0 <= run_length <= 1e9:
            raise ValueError(f"run_length must be in [10, 1e9], got {run_length}")
        if not 0.25 <= shift <= 4.0:
            raise ValueError(f"shift must be in [0.25, 4], got {shift}")
        if spread is not None and not 0.0 < spread < math.inf:
            raise ValueError(f"spread must be above 0 and finite, got {spread}")
        if (mean is None) != (spread is None):
            raise ValueError(f"mean and spread must be given both or neither, got {mean} and {spread}")
        if reference < 2:
            raise ValueError(f"reference must be at least 2, got {reference}")
        self._shift, self._reference = shift, reference
        self._limit = limit_for(run_length, 0.5 * shift)
        self._mean, self._spread = mean, spread
        self._sums, self._read = Sums(), np.zeros(SUMS)
        self._up = self._down = 0.0
        self._values = 0

    def update(self, total: float, count: int = 1, squares: float | None = None) -> Verdict:
        """See `SequenceDetector`."""
        mean_of(total, count)
        self._values += count
        if self._mean is None or self._spread is None:
            self._learn(total, count, squares)
            return Verdict("cusum", State.LEARNING, n_current=self._values)
        z, slack = (total - count * self._mean) / self._spread, 0.5 * self._shift * count
        self._up, self._down = max(0.0, self._up + z - slack), max(0.0, self._down - z - slack)
        greater = max(self._up, self._down)
        if greater > self._limit:
            self._up = self._down = 0.0
        state = State.DRIFT if greater > self._limit else State.OK
        return Verdict("cusum", state, statistic=greater, threshold=self._limit, n_current=self._values)

    def _learn(self, total: float, count: int, squares: float | None) -> None:
        self._read += self._sums.of(total, count, squares)
        n, off, own, freedom = self._read.tolist()
        if n < self._reference or freedom < 2.0:
            return
        origin = self._sums.origin or 0.0
        self._mean = origin + off / n
        spread = math.sqrt(max(0.0, own - off * off / n) / (freedom - 1.0))
        self._spread = max(spread, _LEAST_SPREAD * abs(self._mean), _LEAST_SPREAD)
