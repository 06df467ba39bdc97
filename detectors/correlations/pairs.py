"""How the correlations of a baseline's windows vary, and whether a window's stand out among them.

Each pair of signals has Fisher's z = atanh r in each window. Its variance is not 1 / (n - 3) where tails are heavy, where
signals of one event share a scale or where traffic changes from hour to hour, so it is taken from the baseline's windows:
a new z is Student's t among them, on W_e - 1 degrees of freedom (`detectors.statistics.spread` has W_e and the correction for the
autocorrelation of windows). Two tests come of a window's t, turned into normal quantiles u: the largest |u|, by
Bonferroni over the pairs, for one pair that changed; and the sum of u squared, for many that changed a little.

The law of the sum is in `detectors.correlations.cumulants`.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from scipy import special

from detectors.correlations.among import LEAST_P, Among, normal_quantiles
from detectors.correlations.cumulants import Cumulants, Places, nearest_correlations
from detectors.groups.group import GroupProfile
from detectors.lenses.cross import CrossProducts
from detectors.lenses.lens import Lens, skewness_of
from detectors.profiles.ordering import Floats
from detectors.statistics.spread import LEAST_WINDOWS
from detectors.statistics.tail import Tail

LEAST_EVENTS = 100

_MOST_R = 0.9999
_PLACES = ("first", "second")
_COLUMNS = ("mean", "variance", "freedom", "weight", "skewness")
_LEAST_SKEWNESS = 1e-3

# The gamma law ends on its short side, where signals that depend on each other may still be.
_MOST_SHARPENED = 1.25


class Pair(NamedTuple):
    """Two signals and their correlation in the baseline and in the window; `score` is how many standard deviations of a
    normal law the change is worth, and `[least, greatest]` holds the change with confidence .95."""

    first: str
    second: str
    before: float
    after: float
    score: float
    least: float
    greatest: float

    @property
    def change(self) -> float:
        return self.after - self.before


class Changes(NamedTuple):
    """What a window's correlations come to against the baseline's. `largest` and `total` are the statistics, with their
    p-values; `ranked` are the pairs, those that stand out most first; `events` is how many the window has."""

    largest: float
    largest_p: float
    total: float
    total_p: float
    pairs: int
    events: int
    ranked: tuple[Pair, ...]

    @property
    def p_value(self) -> float:
        """Of both tests together, by Bonferroni."""
        return min(1.0, 2.0 * min(self.largest_p, self.total_p))

    def threshold(self, level: float) -> float:
        """The `largest` at which `p_value` is `level`."""
        return -float(special.ndtri(level / (4.0 * self.pairs)))


@dataclass(frozen=True, slots=True)
class Pairs:
    """The pairs of a lens's signals that the baseline can tell about: arrays of shape (m,). `mean` of z, `variance` of z
    times the events of a window, `freedom` in it; `weight` is the events that the mean rests on."""

    lens: Lens
    first: Places
    second: Places
    mean: Floats
    variance: Floats
    freedom: Floats
    weight: Floats
    inflation: float
    skewness: Floats
    usual: float
    cumulants: Cumulants

    @classmethod
    def of(cls, lens: Lens, windows: Iterable[CrossProducts], skewness: Sequence[float] = ()) -> "Pairs | None":
        """From the baseline's windows, in order of time, and the skewness of each signal, seen through the lens; None where no pair has `LEAST_WINDOWS` with as many events as it
        takes. O(windows p^2 + p^6 / 8): with 64 signals the latter is about a second."""
        seen = PairScores(lens)
        for window in windows:
            seen.add(window)
        return seen.pairs(skewness)

    @classmethod
    def _of(cls, lens: Lens, scores: Floats, weights: Floats, skewness: Sequence[float]) -> "Pairs | None":
        """From z and its weight in each window, shape (w, m), NaN where there is none."""
        first, second = np.triu_indices(len(lens.names), 1)
        weights = np.where(np.isnan(scores), 0.0, weights)
        kept = np.flatnonzero((weights > 0).sum(axis=0) >= LEAST_WINDOWS)
        if not len(kept):
            return None
        first, second = first[kept], second[kept]
        skewed = np.array(skewness) if len(skewness) else np.zeros(len(lens.names))
        scores, weights = np.nan_to_num(scores[:, kept]), weights[:, kept]
        among = Among.of(scores, weights)
        law = Cumulants.of(nearest_correlations(len(lens.names), first, second, np.tanh(among.mean)), first, second)
        return cls(
            lens,
            first,
            second,
            among.mean,
            among.variance,
            among.freedom,
            weights.sum(axis=0),
            among.inflation,
            skewed[first] * skewed[second],
            float(weights.sum() / (weights > 0).sum()),
            law.widened(
                among.squares(scores, weights),
                among.totals(scores, weights),
                float(among.freedom.mean()),
                among.autocorrelation,
            ),
        )

    def to_json(self) -> dict[str, Any]:
        """All but the lens."""
        columns = {name: getattr(self, name).tolist() for name in (*_PLACES, *_COLUMNS)}
        law = {**self.cumulants._asdict(), "beyond": list(map(float, self.cumulants.beyond))}
        return columns | {"inflation": self.inflation, "usual": self.usual, "cumulants": law}

    @classmethod
    def from_json(cls, lens: Lens, data: Any) -> "Pairs":
        """Raises LookupError, TypeError or ValueError where that is not what `to_json` gave of pairs of this lens."""
        first, second = (np.array(data[name], np.intp) for name in _PLACES)
        columns = {name: np.array(data[name], np.float64) for name in _COLUMNS}
        shapes = {column.shape for column in (first, second, *columns.values())}
        if (
            shapes != {(len(first),)}
            or not len(first)
            or not all(np.isfinite(column).all() for column in columns.values())
        ):
            raise ValueError("columns of pairs that are not alike")
        if first.min() < 0 or (first >= second).any() or second.max() >= len(lens.names):
            raise ValueError("a pair of signals that the lens lacks")
        if min(float(columns[name].min()) for name in ("variance", "freedom", "weight")) <= 0.0:
            raise ValueError("a pair that does not vary, or of no window")
        law = data["cumulants"]
        beyond = Tail(*map(float, law["beyond"]))
        numbers = {name: float(law[name]) for name in ("first", "second", "third", "windows")}
        cumulants = Cumulants(**numbers, beyond=beyond)
        return cls(
            lens,
            first,
            second,
            inflation=float(data["inflation"]),
            usual=float(data["usual"]),
            cumulants=cumulants,
            **columns,
        )

    def compare(self, window: CrossProducts) -> Changes | None:
        """The window's correlations against these. None where it has fewer than `LEAST_EVENTS` events. O(p^2)."""
        if window.rows < LEAST_EVENTS:
            return None
        scores = _scores(window, self.first, self.second)
        known = ~np.isnan(scores)
        scores = np.where(known, scores, self.mean)
        weights = np.where(known, _weights(window, self.first, self.second), np.inf)
        width = self._width(weights)
        u = normal_quantiles((scores - self.mean) / width, self.freedom)
        total = float((u * u).sum())
        u = unskewed(u, self.skewness / np.sqrt(weights))
        largest = float(np.abs(u).max())
        return Changes(
            largest,
            min(1.0, 2.0 * len(u) * float(special.ndtr(-largest))),
            total,
            self.cumulants.tail(total),
            len(u),
            window.rows,
            self._ranked(scores, u, width),
        )

    def _width(self, weights: Floats) -> Floats:
        """The standard deviation of a new z less the mean. A window larger than the baseline's usual one is taken to vary
        as that does, for nobody has seen how much less it would."""
        found: Floats = np.sqrt(self.variance * (1.0 / np.minimum(weights, self.usual) + self.inflation / self.weight))
        return found

    def _ranked(self, scores: Floats, u: Floats, width: Floats) -> tuple[Pair, ...]:
        order = np.argsort(-np.abs(u), kind="stable")[:5]
        before, after = np.tanh(self.mean), np.tanh(scores)
        least, greatest = (np.tanh(scores + sign * 1.96 * width) - before for sign in (-1.0, 1.0))
        names = self.lens.names
        return tuple(
            Pair(
                names[self.first[at]],
                names[self.second[at]],
                *map(float, (before[at], after[at], u[at], least[at], greatest[at])),
            )
            for at in order.tolist()
        )


class PairScores:
    """What is kept of a baseline's windows, added in order of time, for the pairs of a lens: z and its weight, 16 bytes a
    pair and window, where their cross-products take four times as much and more."""

    def __init__(self, lens: Lens) -> None:
        self._lens = lens
        self._places = np.triu_indices(len(lens.names), 1)
        self._scores: list[Floats] = []
        self._weights: list[Floats] = []

    def add(self, window: CrossProducts) -> None:
        """Takes in a window that was seen through the lens. O(p^2)."""
        self._scores.append(_scores(window, *self._places))
        self._weights.append(_weights(window, *self._places))

    def pairs(self, skewness: Sequence[float] = ()) -> Pairs | None:
        """See `Pairs.of`."""
        shape = (-1, len(self._places[0]))
        scores, weights = (np.array(rows).reshape(shape) for rows in (self._scores, self._weights))
        return Pairs._of(self._lens, scores, weights, skewness)


def skewness_through(lens: Lens, total: GroupProfile) -> list[float]:
    """That of each of a lens's signals in a baseline, seen through it. O(buckets)."""
    seen = zip(lens.names, lens.centres, lens.scales, strict=True)
    return [skewness_of(total.profile(name), centre, scale) for name, centre, scale in seen]


def _scores(window: CrossProducts, first: Places, second: Places) -> Floats:
    r = window.correlations(LEAST_EVENTS)[first, second]
    found: Floats = np.arctanh(np.clip(r, -_MOST_R, _MOST_R))
    return found


def _weights(window: CrossProducts, first: Places, second: Places) -> Floats:
    found: Floats = np.maximum(window.counts[first, second] - 3.0, 1.0)
    return found


def unskewed(u: Floats, skewness: Floats) -> Floats:
    """The normal quantiles of a gamma law of this skewness. Of independent signals r has the product of their skewness
    over the root of n (Edgeworth): two rare values that meet by chance are less news than two that avoid each other."""
    bent = np.abs(skewness) > _LEAST_SKEWNESS
    shape = 4.0 / np.where(bent, skewness, 1.0) ** 2
    at = shape + u * np.sign(skewness) * np.sqrt(shape)
    above = special.gammaincc(shape, np.maximum(at, 0.0))
    below = special.gammainc(shape, np.maximum(at, 0.0))
    upper = above < below
    away = special.ndtri(np.maximum(np.where(upper, above, below), LEAST_P)) * np.where(upper, -1.0, 1.0)
    most = _MOST_SHARPENED * np.abs(u)
    return np.where(bent, np.clip(away * np.sign(skewness), -most, most), u)
