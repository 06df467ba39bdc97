"""Drift that no single window shows: the mean score of the last windows, held against what such means are among the
baseline's own.

A change of three standard deviations in every window is missed at a level of one in 100,000 and seen by anyone who looks
at a day of it. A score is taken standard: less the baseline's mean, over its deviation (see `detectors.statistics.spread`). The mean
of k of them, of lag-1 autocorrelation r, has the variance `v = (k + 2 sum (k - j) r**j) / k**2`, j from 1 to k - 1, and is
Student's t on W_e - 1 degrees of freedom after division by `sqrt((v + g/W) / (1 - g/W))`. Its tail is measured as that of
single scores is, over the running means of the baseline's windows: where windows drift slowly, means fall off slowly, too.
"""

from collections.abc import Iterable, Mapping, Sequence

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from detectors.profiles.ordering import Floats
from detectors.statistics.spread import Excesses, Spread, Spreads
from detectors.statistics.tail import Tail, tail_of

LENGTHS = (3, 12)
REMEMBERED = max(LENGTHS) - 1
# A window whose own score is lower, or that ends windows whose mean is, is like the baseline, whatever those before it
# were: an alert can resolve.
LEAST_SCORE = 1.0
# What one window shows is told by it alone; here it counts for no more than so much.
MOST_SCORE = 5.0
_MOST_CORRELATION = 0.99

Tails = tuple[Tail, ...]
"""The tail of means of each of `LENGTHS`."""

NO_TAILS: Tails = tuple(Tail() for _ in LENGTHS)
"""Means that are as their law says."""


def tails_of(spreads: Mapping[str, Spread], excesses: Mapping[str, Excesses]) -> Tails:
    """The tails of a group, whose signals have these spreads and baseline windows, in order of time. O(windows)."""
    standard = [
        np.minimum(Spreads.of([spread]).standard(excesses[name]), MOST_SCORE) for name, spread in spreads.items()
    ]
    return tuple(_tail(list(spreads.values()), standard, length) for length in LENGTHS)


def _tail(spreads: Sequence[Spread], standard: Sequence[Floats], length: int) -> Tail:
    surprises, products, squares = [], 0.0, 0.0
    for spread, scores in zip(spreads, standard, strict=True):
        if len(scores) < 2 * length:
            continue
        means = sliding_window_view(scores, length).mean(axis=1)
        surprises.append(Spreads.of([spread]).surprises_of_means(means, length))
        away = means - means.mean()
        products += float((away[1:] * away[:-1]).sum())
        squares += float((away * away).sum())
    if not surprises:
        return Tail()
    return tail_of(np.concatenate(surprises), min(max(products / squares if squares else 0.0, 0.0), _MOST_CORRELATION))


def sustained(spreads: Spreads, tails: Sequence[Tails], past: Floats, now: Floats) -> tuple[Floats, Floats]:
    """Of n signals the mean score that surprises most, shape (n,), and its p-value: the least over `LENGTHS`, times their
    number. `past`, shape (n, `REMEMBERED`), are the scores before, the last one last, NaN where there are none; `now`,
    shape (n,), those of the window. The p-value is 1 where there are too few, and where the last ones are low."""
    rows = np.minimum(np.column_stack([past, now]), MOST_SCORE)
    means, p_values = np.full(len(now), np.nan), np.ones(len(now))
    for at, length in enumerate(LENGTHS):
        mean = rows[:, -length:].mean(axis=1)
        tail = Tail(*np.array([some[at] for some in tails], np.float64).reshape(-1, 3).T)
        surprises = tail.surprises(spreads.surprises_of_means(np.nan_to_num(mean), length))
        p_value = np.where(np.isnan(mean), 1.0, np.minimum(1.0, len(LENGTHS) * np.exp(-surprises)))
        better = np.isnan(means) | (p_value < p_values)
        means[better], p_values[better] = mean[better], p_value[better]
    last = rows[:, -min(LENGTHS) :].mean(axis=1)
    return means, np.where((now >= LEAST_SCORE) & (last >= LEAST_SCORE), p_values, 1.0)


class Scores:
    """The last standard scores of each signal of a group, and how many events the baseline has that they are measured on:
    against another they say nothing."""

    def __init__(self, baseline_events: int = 0, scores: Mapping[str, Sequence[float]] | None = None) -> None:
        self.baseline_events = baseline_events
        self._scores = {name: tuple(some) for name, some in (scores or {}).items()}

    def on(self, baseline_events: int) -> "Scores":
        """These, or none if they are measured on another baseline."""
        return self if self.baseline_events == baseline_events else Scores(baseline_events)

    def rows_of(self, names: Sequence[str]) -> Floats:
        """Shape (n, `REMEMBERED`), the last one last, NaN where there are none."""
        rows = np.full((len(names), REMEMBERED), np.nan)
        for row, name in zip(rows, names, strict=True):
            if some := self._scores.get(name):
                row[-len(some) :] = some
        return rows

    def after(self, names: Sequence[str], new: Iterable[float | None]) -> "Scores":
        """What is remembered after a window. A signal without a score keeps those that it had; to three decimals, which
        is as much as matters."""
        scores = {}
        for name, score in zip(names, new, strict=True):
            kept = self._scores.get(name, ())
            if score is not None:
                kept = (*kept, round(min(score, MOST_SCORE), 3))[-REMEMBERED:]
            if kept:
                scores[name] = kept
        return Scores(self.baseline_events, scores)

    def without(self, names: Iterable[str]) -> "Scores":
        """Those of the other signals."""
        gone = set(names)
        if not gone & self._scores.keys():
            return self
        kept = {name: some for name, some in self._scores.items() if name not in gone}
        return Scores(self.baseline_events, kept)

    def to_json(self) -> list[object]:
        return [self.baseline_events, self._scores]

    @classmethod
    def from_json(cls, data: Sequence[object]) -> "Scores":
        """Raises ValueError or TypeError where that is not what `to_json` gave."""
        events, scores = data
        if not isinstance(events, int) or not isinstance(scores, dict):
            raise TypeError("scores without their baseline")
        found = {str(name): tuple(map(float, some)) for name, some in scores.items()}
        if any(len(some) > REMEMBERED for some in found.values()):
            raise ValueError("more scores than are remembered")
        return cls(events, found)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Scores) and self.to_json() == other.to_json()

    __hash__ = None  # type: ignore[assignment]  # it is compared, and never a key
