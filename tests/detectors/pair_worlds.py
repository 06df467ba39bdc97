"""Windows of several signals, of many kinds, all through one lens."""

from collections.abc import Callable

import numpy as np
from scipy import stats

from detectors.lenses.cross import CrossProducts
from detectors.lenses.lens import Lens
from detectors.profiles.column import Column
from detectors.profiles.ordering import Floats

Draw = Callable[[np.random.Generator, int], Floats]
"""A window's values, shape (n, p)."""


def blocks(p: int, size: int, r: float) -> Floats:
    """Correlations of r within blocks of signals, 0 between."""
    block = np.kron(np.eye(-(-p // size)), np.ones((size, size)))[:p, :p]
    found: Floats = np.where(np.eye(p) > 0, 1.0, r * block)
    return found


def normal(correlations: Floats) -> Draw:
    root = np.linalg.cholesky(correlations)
    return lambda rng, n: rng.standard_normal((n, len(root))) @ root.T


def common_scale(correlations: Floats) -> Draw:
    """Student's t on 4 degrees of freedom, with one scale for all signals of an event."""
    draw = normal(correlations)
    return lambda rng, n: draw(rng, n) / np.sqrt(rng.chisquare(4, (n, 1)) / 4.0)


def mapped(of: Callable[[Floats], Floats], draw: Draw) -> Draw:
    return lambda rng, n: of(draw(rng, n))


def restless(p: int, size: int) -> Draw:
    """Blocks whose correlation is another in each window."""
    return lambda rng, n: normal(blocks(p, size, float(np.clip(rng.normal(0.4, 0.1), 0.0, 0.9))))(rng, n)


def restless_apart(p: int, size: int) -> Draw:
    """Blocks whose correlations are others in each window, each its own."""

    def draw(rng: np.random.Generator, n: int) -> Floats:
        return np.hstack([restless(size, size)(rng, n) for _ in range(p // size)])

    return draw


def worlds(p: int) -> dict[str, Draw]:
    apart, together = np.eye(p), blocks(p, 5, 0.8)
    return {
        "normal": normal(apart),
        "normal in blocks": normal(together),
        "normal, all alike": normal(blocks(p, p, 0.9)),
        "t on 4": lambda rng, n: rng.standard_t(4, (n, p)),
        "t on 4, one scale for all": common_scale(apart),
        "t on 4, one scale for all, in blocks": common_scale(together),
        "lognormal": mapped(np.exp, normal(apart)),
        "lognormal in blocks": mapped(np.exp, normal(together)),
        "counts": lambda rng, n: rng.poisson(0.3, (n, p)).astype(np.float64),
        "counts in blocks": mapped(lambda x: np.floor(np.exp(0.8 * x)), normal(together)),
        "restless blocks": restless(p, 5),
        "restless blocks, each apart": restless_apart(p, 5),
    }


def lens_of(values: Floats) -> Lens:
    """Medians and spreads, as `detectors.profiles.points.spread` has them."""
    low, centre, high = np.quantile(values, [0.25, 0.5, 0.75], axis=0)
    robust = (high - low) / 1.349
    names = tuple(f"s{at:02}" for at in range(values.shape[1]))
    scales = np.where(robust > 0, robust, values.std(axis=0))
    return Lens(names, tuple(centre.tolist()), tuple(scales.tolist()))


def skewness_of(lens: Lens, values: Floats) -> list[float]:
    """Of each signal, seen through the lens."""
    found: list[float] = stats.skew(lens.see(values.T), axis=1).tolist()
    return found


def cross_of(lens: Lens, values: Floats) -> CrossProducts:
    columns = {name: Column(len(values), None, values[:, at], None) for at, name in enumerate(lens.names)}
    return CrossProducts.of(lens, columns, slice(0, len(values)))
