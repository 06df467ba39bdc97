"""Onset: weighs every past moment at which the level may have changed against none. Driftline's own detector.

A generalised Shiryaev-Roberts procedure: the sum over candidate onsets of the likelihood ratio of a change there, the
level after it integrated out and the one before it estimated. Shiryaev 1963; Roberts, Technometrics 8, 1966; windows:
Lai, IEEE Trans. Information Theory 44, 1998; the two-sample statistic: Siegmund, Venkatraman, Annals of Statistics 23, 1995.
"""

import math
from bisect import bisect_left, bisect_right
from dataclasses import dataclass

import numpy as np
from scipy.special import ndtr

from detectors.profiles.ordering import Floats
from detectors.sequence.checkpoints import MOST_KEPT, Checkpoints
from detectors.sequence.detector import mean_of
from detectors.sequence.evidence import least_shift, likeliest, mixed, of_bits, of_numbers
from detectors.sequence.regime import Change, Regime
from detectors.sequence.sums import Sums, are_bits, shift
from schemas.verdict import State, Verdict

FAMILIES = ("auto", "bits", "numbers")
YOUTH = 10_000
"""A regime of n values is taken to end, at each further value, with odds in proportion to `1 + YOUTH / n`."""
ROUNDING = 1e-12
"""Rates may differ by exactly the least effect, up to rounding, and their complements must be judged alike."""
LEAST_STEPS = 15
"""What is counted in values is never less than so many steps, or a multiple of it: slices may have any size."""


@dataclass(frozen=True, slots=True)
class OnsetSettings:
    """What `Onset` and `OnsetColumns` go by; see `Onset`. Raises ValueError for what is out of bounds."""

    run_length: float = 700_000.0
    effect: float = 0.05
    memory: int = 4_000
    learning: int = 300
    settle: int = 10_000
    family: str = "auto"

    def __post_init__(self) -> None:
        if not self.run_length > 1.0:
            raise ValueError(f"run_length must be above 1, got {self.run_length}")
        if not 0.0 < self.effect < 1.0:
            raise ValueError(f"effect must be in (0, 1), got {self.effect}")
        if self.learning < 2:
            raise ValueError(f"learning must be at least 2, got {self.learning}")
        if self.memory < 2 * self.learning:
            raise ValueError(f"memory must be at least 2 learning = {2 * self.learning}, got {self.memory}")
        if self.settle < self.learning:
            raise ValueError(f"settle must be at least learning = {self.learning}, got {self.settle}")
        if self.family not in FAMILIES:
            raise ValueError(f"family must be one of {', '.join(FAMILIES)}, got {self.family!r}")

    @property
    def threshold(self) -> float:
        return math.log(self.run_length)

    @property
    def horizon(self) -> float:
        """The oldest onset that is looked at, in values."""
        return self.memory / 2

    def regime(self, bits: bool) -> Regime:
        return Regime(self.effect if bits else least_shift(self.effect), self.settle)


class Onset:
    """A change of level in single values or slices of any size, two-sided. Of 0/1 values: of their rate, by the binomial
    likelihood; of others: of their mean, by the normal one with a variance that is not known, from the values' squares
    or, on slices without, from the spread of the slices. `family` says which; "auto" takes values for bits until one
    is not 0 or 1.

    The statistic is log R, drift above `log(run_length)`:

        R = sum over onsets k  g_k (1 + YOUTH / a_k) LR_k

    `LR_k` is that of the values after k against those before (`detectors.sequence.evidence`), `g_k` the values between k
    and the onset before it, `a_k` the regime's age at k: young regimes change more often. Onsets are at most
    `memory / 2` values old, and are compared with at most `memory` values, to a quarter more; those with less than `effect`
    of change, the total variation of the two laws (the difference of two rates), do not count.

    Run length: of a stable regime, false alarms in its first n values after `learning`, at most about
    `(n + YOUTH log(n / learning)) / run_length` on average, so one in `run_length` values in the long run
    (measured: docs/detection.md).

    Learning for the first `learning` values. Drift on the value, or slice, that makes a change sure, once: what follows
    is `detectors.sequence.regime`'s to say. Warning while the level has neither returned nor stood for `settle` values;
    the return is a resolution and no second alarm. Memory and time O(log(memory) + log(slices)): 40 µs an update.

    >>> detector = Onset()
    >>> states = [detector.update(x).state.value for x in [0.0, 0.0, 1.0] * 200 + [0.0, 1.0, 1.0] * 200]
    >>> states.index("drift")
    647
    """

    def __init__(
        self,
        run_length: float = 700_000.0,
        effect: float = 0.05,
        memory: int = 4_000,
        learning: int = 300,
        settle: int = 10_000,
        family: str = "auto",
    ) -> None:
        """Raises ValueError for what is out of bounds. `run_length`, `memory`, `learning` and `settle` are in values."""
        self._settings = OnsetSettings(run_length, effect, memory, learning, settle, family)
        self._bits = family != "numbers"
        self._regime = self._settings.regime(self._bits)
        self._threshold = self._settings.threshold
        self._sums = Sums(0.0 if self._bits else None)
        self._checkpoints = Checkpoints()
        self._counts = [0.0]
        self._past = np.zeros((4, MOST_KEPT))
        self._now = np.zeros(4)
        self._start = np.zeros(4)
        self._start_step = 0

    def update(self, total: float, count: int = 1, squares: float | None = None) -> Verdict:
        """See `SequenceDetector`. Also raises ValueError for `squares` that are not finite, and in family "bits" for a
        total that no bits have."""
        mean_of(total, count)
        if self._bits and not are_bits(total, count, squares, self._settings.family):
            self._read_numbers(total / count)
        self._now += self._sums.of(total, count, squares)
        self._forget()
        verdict = self._judged()
        self._keep()
        return verdict

    def _read_numbers(self, origin: float) -> None:
        """What was read so far are numbers, too, counted from `origin` from now on."""
        self._bits = False
        self._sums = Sums(origin)
        self._regime = self._settings.regime(False).after(self._regime)
        for sums in (self._past, self._now, self._start):
            shift(sums, origin)

    def _forget(self) -> None:
        """Moves the start of what onsets are compared with to the youngest checkpoint that is `memory` values old."""
        times = self._checkpoints.times
        at = bisect_right(self._counts, self._now[0] - self._settings.memory) - 1
        at = min(at, bisect_right(times, self._checkpoints.now + 1 - 4 * LEAST_STEPS) - 1)
        if at >= 0 and self._counts[at] > self._start[0]:
            self._start, self._start_step = self._past[:, at].copy(), times[at]

    def _first(self) -> int:
        """The place of the oldest onset that is looked at."""
        oldest = bisect_left(self._counts, self._now[0] - self._settings.horizon)
        recent = bisect_left(self._checkpoints.times, self._checkpoints.now + 1 - 2 * LEAST_STEPS)
        return max(min(oldest, recent), bisect_right(self._counts, self._start[0]))

    def _judged(self) -> Verdict:
        values, known = float(self._now[0]), float(self._now[0] - self._start[0])
        self._regime.at(values)
        steps = self._checkpoints.now + 1 - self._start_step
        first, held = self._first(), len(self._counts)
        if known < self._settings.learning or steps < LEAST_STEPS or first == held:
            return self._verdict(None)
        onsets = self._past[:, first:held]
        after, before = self._now[:, None] - onsets, onsets - self._start[:, None]
        z, sizes = (of_bits if self._bits else of_numbers)(after, before)
        counts = np.abs(sizes) >= self._regime.effect - ROUNDING
        z *= counts
        gaps = onsets[0] - self._past[0, first - 1 : held - 1]
        weights = counts * gaps * (1.0 + YOUTH / (onsets[0] - self._regime.began))
        statistic = float(mixed(z, before[0] * after[0] / known, weights))
        if statistic <= self._threshold:
            return self._verdict(statistic)
        at = likeliest(z)
        return self._changed(statistic, at, onsets, after, before, float(sizes[at]))

    def _changed(
        self, statistic: float, at: int, onsets: Floats, after: Floats, before: Floats, size: float
    ) -> Verdict:
        old, new = before[1, at] / before[0, at], after[1, at] / after[0, at]
        new_incident = self._regime.changed(Change(float(onsets[0, at]), float(old), float(new), size))
        self._start = onsets[:, at].copy()
        self._start_step = self._checkpoints.times[len(self._counts) - onsets.shape[1] + at]
        found = self._verdict(statistic)
        if not new_incident:
            return found
        effect = abs(size) if self._bits else float(2.0 * ndtr(0.5 * abs(size)) - 1.0)
        return found._replace(state=State.DRIFT, effect=effect, n_reference=int(before[0, at]))

    def _keep(self) -> None:
        dropped = self._checkpoints.step()
        if dropped is not None:
            last = len(self._counts)
            self._past[:, dropped : last - 1] = self._past[:, dropped + 1 : last]
            del self._counts[dropped]
        self._past[:, len(self._counts)] = self._now
        self._counts.append(float(self._now[0]))

    def _verdict(self, statistic: float | None) -> Verdict:
        state = self._regime.state(statistic is not None)
        return Verdict(
            "onset",
            state,
            statistic=statistic,
            threshold=self._threshold,
            n_reference=int(self._now[0] - self._start[0]),
            n_current=int(self._now[0]),
            note=self._regime.note,
        )
