"""Two samples from one distribution: no test exceeds its stated level beyond binomial error.

Samples of up to 1,000 are drawn as values. Those of 100,000 are drawn as counts over the buckets of a grid that a
sample of that size has, which is the same but for which buckets are occupied at all, and much faster.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

import numpy as np
import pytest

from detectors.comparisons.comparison import compare_all
from detectors.profiles.grid import Grid
from detectors.profiles.points import midpoints
from detectors.profiles.profile import FINE, Profile
from detectors.references.reference import Reference
from detectors.statistics.settings import Settings
from tests.detectors import strategies as some

REPETITIONS, TOGETHER = 1_000, 50
LEVELS = (0.05, 0.01)
SIZES = [(100, 100), (1_000, 1_000), (100_000, 100_000), (100_000, 100), (100, 100_000)]
LARGE = 100_000
NULLS = 0.1
SETTINGS = Settings()

Draw = Callable[[np.random.Generator, int], list[object]]


def words(rng: np.random.Generator, n: int, kinds: int, exponent: float) -> list[object]:
    shares = np.arange(1.0, kinds + 1.0) ** -exponent
    return [f"w{at}" for at in rng.choice(kinds, n, p=shares / shares.sum()).tolist()]


DISTRIBUTIONS: dict[str, Draw] = {
    "normal": lambda rng, n: rng.normal(size=n).tolist(),
    "lognormal": lambda rng, n: rng.lognormal(10.0, 2.0, n).tolist(),
    "discrete": lambda rng, n: rng.poisson(3.0, n).astype(float).tolist(),
    "categorical": lambda rng, n: words(rng, n, 12, 1.0),
    "many categories": lambda rng, n: words(rng, n, 200, 0.0),
    "long tail": lambda rng, n: words(rng, n, 250, 1.2),
    "boolean": lambda rng, n: (rng.random(n) < 0.2).tolist(),
}


def values(draw: Draw, rng: np.random.Generator, n: int) -> list[object]:
    """Values of that distribution, a tenth of them null and a few of no type."""
    drawn = draw(rng, n)
    kinds = rng.random(n)
    return [
        [] if kind < 0.002 else None if kind < NULLS else value
        for value, kind in zip(drawn, kinds.tolist(), strict=True)
    ]


@dataclass(frozen=True)
class Source:
    """Draws profiles of one distribution."""

    draw: Draw
    large: Profile

    @classmethod
    def of(cls, draw: Draw) -> "Source":
        return cls(draw, some.profile_of(values(draw, np.random.default_rng(1), LARGE), FINE))

    def profile(self, rng: np.random.Generator, n: int) -> Profile:
        return some.profile_of(values(self.draw, rng, n), FINE) if n < LARGE else redrawn(self.large, rng, n)


def redrawn(profile: Profile, rng: np.random.Generator, n: int) -> Profile:
    """A sample of n from what the profile holds."""
    counts = np.concatenate(
        [profile.numbers.counts, profile.categories.counts, profile.booleans, [profile.null, profile.other]]
    )
    drawn = rng.multinomial(n, counts / counts.sum())
    k, c = len(profile.numbers.keys), len(profile.categories.keys)
    numbers, held = thinned(profile.numbers, drawn[:k])
    categories, named = thinned(profile.categories, drawn[k : k + c])
    points = midpoints(numbers.keys, numbers.shifts)
    return replace(
        profile,
        numbers=numbers,
        least=float(points[0]) if len(held) else np.inf,
        greatest=float(points[-1]) if len(held) else -np.inf,
        categories=categories,
        labels=tuple(profile.labels[at] for at in named.tolist()),
        booleans=(int(drawn[-4]), int(drawn[-3])),
        null=int(drawn[-2]),
        other=int(drawn[-1]),
    )


def thinned(grid: Grid, counts: np.ndarray) -> tuple[Grid, np.ndarray]:
    held = np.flatnonzero(counts)
    return Grid(grid.span, grid.keys[held], grid.shifts[held], counts[held]), held


def p_values(source: Source, n: int, m: int) -> Iterator[dict[str, float]]:
    rng = np.random.default_rng([n, m])
    for _ in range(REPETITIONS // TOGETHER):
        pairs = [(source.profile(rng, n), source.profile(rng, m)) for _ in range(TOGETHER)]
        references = [Reference.of(baseline, SETTINGS) for baseline, _ in pairs]
        for comparison in compare_all(references, [window for _, window in pairs], SETTINGS, 0.01):
            found = {v.detector: v.p_value for v in comparison.verdicts if v.p_value is not None}
            assert comparison.p_value is not None
            yield {**found, "combined": comparison.p_value}


def most(level: float) -> float:
    """The greatest share of `REPETITIONS` that three standard deviations of binomial error allow."""
    return level + 3.0 * float(np.sqrt(level * (1.0 - level) / REPETITIONS))


@pytest.mark.parametrize("name", DISTRIBUTIONS)
def test_no_test_exceeds_its_level(name: str) -> None:
    source = Source.of(DISTRIBUTIONS[name])
    exceeded = []
    for n, m in SIZES:
        found = list(p_values(source, n, m))
        for detector in found[0]:
            for level in LEVELS:
                share = float(np.mean([p[detector] <= level for p in found]))
                if share > most(level):
                    exceeded.append(f"{detector} at {n} and {m}: {share} instead of {level}")
    assert not exceeded
