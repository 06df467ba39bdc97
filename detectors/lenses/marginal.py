"""How surprising each value of one signal is, frozen with a baseline.

A surprise is `-log2` of how likely the value was in the baseline, less the mean of that: of numbers the density in a bin
(`detectors.lenses.octaves`) beside its neighbours, of strings the share of the category, of null, missing and the rest the share
of events like that. It is a whole number of `1 / STEPS` bits, so that sums of surprises are exact, whatever their order.

A number has a normal score, too: where it stands among the baseline's numbers, as the quantile of a normal distribution, in
steps of 1/32, clipped at 4. Scores of several signals make a correlation that does not depend on how each is distributed.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from scipy import special

from detectors.lenses.lens import CLIP, GREATEST, centre_and_scale
from detectors.lenses.lens import STEPS as NORMAL_STEPS
from detectors.lenses.octaves import BINS, MIDDLES, WIDTHS, by_code, codes_of
from detectors.profiles.column import Kind, Kinds
from detectors.profiles.grid import Counts, Grid, Indices
from detectors.profiles.ordering import Floats, Keys
from detectors.profiles.points import midpoints
from detectors.profiles.profile import Profile

STEPS = 64
MOST_SURPRISE = 1 << 15

# A bin that the baseline left empty counts as having had a third of a number, its neighbours weigh in.
_UNSEEN = 0.3
_NEIGHBOURS = np.array([1.0, 2.0, 3.0, 2.0, 1.0])
# Bits that each bin beyond the baseline's extremes adds: what is further out is stranger.
_BEYOND = 0.5


@dataclass(frozen=True)
class Marginal:
    """Of signal `name`: the surprise of each kind of value, in the order of `Kind`; of numbers by bin, and their normal
    scores, empty where the baseline has none; of strings by category, whose hashes are known down to `shift` bits, and
    `unseen` that of others. Those of numbers and strings are added to that of their kind. Raises ValueError for what
    makes none."""

    name: str
    centre: float
    scale: float
    kinds: tuple[int, ...]
    bins: tuple[int, ...] = ()
    normals: tuple[int, ...] = ()
    shift: int = 0
    categories: tuple[int, ...] = ()
    surprises: tuple[int, ...] = ()
    unseen: int = 0

    def __post_init__(self) -> None:
        if not np.isfinite(self.centre) or not 0.0 < self.scale < np.inf:
            raise ValueError(
                f"{self.name}: the centre must be finite and the scale above 0, got {self.centre}, {self.scale}"
            )
        if len(self.kinds) != len(Kind) or {len(self.bins), len(self.normals)} not in ({0}, {BINS}):
            raise ValueError(f"{self.name}: {len(self.kinds)} kinds, {len(self.bins)} bins, {len(self.normals)} scores")
        if len(self.categories) != len(self.surprises) or list(self.categories) != sorted(set(self.categories)):
            raise ValueError(f"{self.name}: categories must be in order, each once, with a surprise each")
        if not 0 <= self.shift < 64 or not all(0 <= key < 1 << 64 for key in self.categories):
            raise ValueError(f"{self.name}: categories beyond 64 bits")
        if max(map(abs, (*self.kinds, *self.bins, *self.surprises, self.unseen))) > MOST_SURPRISE:
            raise ValueError(f"{self.name}: a surprise must be within {MOST_SURPRISE}")
        if max(map(abs, self.normals), default=0) > GREATEST:
            raise ValueError(f"{self.name}: a normal score must be within {GREATEST}")

    @classmethod
    def of(cls, name: str, profile: Profile) -> "Marginal":
        """That of a baseline's profile, with the events that lack the signal. O(buckets)."""
        counts = _kinds(profile)
        kinds = -np.log2((counts + 0.5) / (counts.sum() + 1.0))
        centre, scale, bins, normals = 0.0, 1.0, np.empty(0), np.empty(0)
        if len(profile.numbers.keys):
            centre, scale = centre_and_scale(profile)
            held = _held(profile.numbers, centre, scale)
            bins, normals = _numbers(held), _normal_scores(held)
        grid = profile.categories
        some = -np.log2((np.append(grid.counts, 0) + 0.5) / (grid.total + 1.0))
        some -= float((some[:-1] * grid.counts).sum() / max(1, grid.total))
        kinds -= float((kinds * counts).sum() / max(1, counts.sum()))
        return cls(
            name,
            centre,
            scale,
            _whole(kinds),
            _whole(bins),
            tuple(np.rint(normals * NORMAL_STEPS).astype(int).tolist()),
            int(grid.shifts[0]) if len(grid.keys) else 0,
            tuple(grid.keys.tolist()),
            _whole(some[:-1]),
            _whole(some[-1:])[0],
        )

    @property
    def varies(self) -> bool:
        """Whether its normal scores tell numbers apart."""
        return len(set(self.normals)) > 1

    def codes(self, numbers: Floats) -> Indices:
        """The codes of numbers, shape (n,)."""
        return codes_of(numbers, self.centre, self.scale)

    def of_kinds(self, kinds: Kinds) -> Counts:
        """The surprises of kinds, shape (n,); of numbers and strings what they have in common."""
        return self._of_kinds.take(kinds)

    def of_codes(self, codes: Indices) -> Counts:
        """What the numbers of these codes add, shape (n,)."""
        return self._of_codes.take(codes) if self.bins else np.zeros(len(codes), np.int64)

    def normals_of(self, codes: Indices) -> Floats:
        """The normal scores of the numbers of these codes, whole numbers, shape (n,)."""
        return self._normals.take(codes) if self.normals else np.zeros(len(codes))

    def of_hashes(self, hashes: Keys) -> Counts:
        """What the strings of these hashes add, shape (n,)."""
        if not self.categories:
            return np.full(len(hashes), self.unseen, np.int64)
        keys, surprises = self._categories
        buckets = hashes >> np.uint64(self.shift)
        at = np.minimum(np.searchsorted(keys, buckets), len(keys) - 1)
        return np.where(keys[at] == buckets, surprises[at], self.unseen)

    @cached_property
    def _of_kinds(self) -> Counts:
        return np.array(self.kinds, np.int64)

    @cached_property
    def _of_codes(self) -> Counts:
        return by_code(self.bins)

    @cached_property
    def _normals(self) -> Floats:
        return by_code(self.normals).astype(np.float64)

    @cached_property
    def _categories(self) -> tuple[Keys, Counts]:
        return np.array(self.categories, np.uint64) >> np.uint64(self.shift), np.array(self.surprises, np.int64)


def _kinds(profile: Profile) -> Counts:
    """How many events have a value of each kind."""
    numbers, strings = profile.numbers.total, profile.categories.total
    rest = (*profile.booleans, profile.null, profile.missing, profile.not_finite, profile.other)
    return np.array([numbers, strings, *rest], np.int64)


def _held(grid: Grid, centre: float, scale: float) -> Counts:
    """How many of the numbers are in each bin."""
    places = by_code(range(BINS))[codes_of(midpoints(grid.keys, grid.shifts), centre, scale)]
    return np.bincount(places, weights=grid.counts, minlength=BINS).astype(np.int64)


def _numbers(held: Counts) -> Floats:
    """Of each bin: -log2 of its density, less the mean over the numbers.

    The density is that of asinh of the distance in scales, which is the distance itself near the centre and its logarithm
    far away: a long tail is then no surprise for being long.
    """
    density = _with_neighbours(held) + _UNSEEN
    density *= np.sqrt(1.0 + MIDDLES**2) / _with_neighbours(WIDTHS)
    met = np.flatnonzero(held)
    places = np.arange(BINS)
    beyond = np.maximum(met[0] - places, 0) + np.maximum(places - met[-1], 0)
    surprise: Floats = _BEYOND * beyond - np.log2(density)
    return surprise - float((surprise * held).sum() / held.sum())


def _with_neighbours(values: Floats | Counts) -> Floats:
    return np.convolve(values, _NEIGHBOURS, "same")


def _normal_scores(held: Counts) -> Floats:
    """Of each bin, of mean 0 and standard deviation 1 over the numbers; 0 where these do not vary."""
    n = int(held.sum())
    ranks = (np.cumsum(held) - held / 2.0) / n
    scores: Floats = special.ndtri(np.clip(ranks, 0.5 / n, 1.0 - 0.5 / n))
    scores -= float((scores * held).sum() / n)
    deviation = float(np.sqrt((scores**2 * held).sum() / n))
    return np.clip(scores / deviation, -CLIP, CLIP) if deviation > 0.0 else np.zeros(BINS)


def _whole(bits: Floats) -> tuple[int, ...]:
    most = MOST_SURPRISE
    return tuple(np.clip(np.rint(bits * STEPS), -most, most).astype(int).tolist())


def digits_of(marginals: Sequence[Marginal]) -> bytes:
    """All that decides how they see, as bytes."""
    return b"".join(
        np.array([m.centre, m.scale], "<f8").tobytes()
        + np.array([*m.kinds, *m.bins, *m.normals, m.shift, *m.surprises, m.unseen], "<i8").tobytes()
        + np.array(m.categories, "<u8").tobytes()
        for m in marginals
    )
