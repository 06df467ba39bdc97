"""Signals of which a rate alone says that they drift: of nulls, types, unseen categories, values out of range. There the
effect is the change of that rate, and not the distance of values that are as they were."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from detectors.comparisons.watch import rate_told_by
from detectors.profiles.alignment import Flags
from detectors.profiles.ordering import Floats
from detectors.statistics.bar import Codes
from detectors.statistics.verdicts import Verdicts

_TWO_SIDED_95 = 1.959963984540054


@dataclass(frozen=True, slots=True)
class Rated:
    """`rows`, shape (n,), are true for these signals; `names` says which rate it is, the one that is least likely, as
    `detectors.comparisons.watch` names it, and `effect`, `low` and `high` are its own, empty and NaN for the others."""

    rows: Flags
    names: list[str]
    effect: Floats
    low: Floats
    high: Floats

    @classmethod
    def of(cls, verdicts: Sequence[Verdicts], worst: Codes, alone: Flags, effects: Floats) -> "Rated":
        """Of n signals whose worst state is `worst`, and whose distributions are `effects` apart, NaN where they are not known to
        be, those where rates `alone` have it and changed by more. The bounds are those of a difference of two shares, normal,
        of independent events. O(n)."""
        n = len(worst)
        found = cls(np.zeros(n, np.bool_), [""] * n, *(np.full(n, np.nan) for _ in range(3)))
        least = np.full(n, np.inf)
        for one in verdicts:
            if one.p_value is None:
                continue
            better = alone[one.rows] & (one.states == worst[one.rows]) & (one.p_value < least[one.rows])
            better &= one.effect > np.nan_to_num(effects[one.rows], nan=-1.0)
            places = np.flatnonzero(better)
            rows = one.rows[places]
            least[rows] = one.p_value[places]
            effect, width = one.effect[places], _width(one)[places]
            found.rows[rows] = True
            for place, row in zip(places.tolist(), rows.tolist(), strict=True):
                found.names[row] = rate_told_by(one.detector, one.notes[place] if one.notes else "")
            found.effect[rows] = effect
            found.low[rows] = np.maximum(effect - width, 0.0)
            found.high[rows] = np.minimum(effect + width, 1.0)
        return found

    def bounds(self, low: Floats, high: Floats) -> tuple[Floats, Floats]:
        """These bounds, and where there is none the others."""
        return np.where(self.rows, self.low, low), np.where(self.rows, self.high, high)


def _width(one: Verdicts) -> Floats:
    after = np.clip(one.statistic, 0.0, 1.0)
    before = np.clip(np.where(after >= one.effect, after - one.effect, after + one.effect), 0.0, 1.0)
    n, m = np.maximum(one.n_reference, 1), np.maximum(one.n_current, 1)
    found: Floats = _TWO_SIDED_95 * np.sqrt(after * (1.0 - after) / m + before * (1.0 - before) / n)
    return found
