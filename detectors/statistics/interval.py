"""Between what bounds an effect lies: 95 % for each side's chance, and what a grid may hide."""

import numpy as np
from scipy import special

from detectors.profiles.grid import Counts
from detectors.profiles.ordering import Floats
from detectors.statistics.tables import Tables

CONFIDENCE = 0.95
_QUANTILE = float(special.ndtri(0.5 + 0.5 * CONFIDENCE))
_BAND = float(np.sqrt(0.5 * np.log(2.0 / (1.0 - CONFIDENCE))))


def total_variation_bounds(tables: Tables, effect: Floats, alike: Floats) -> tuple[Floats, Floats]:
    """The bounds of the total variation of tables, shape (t,), of which `effect` was found; `alike` events of a window
    count as one. From the delta method, and below less what chance alone adds to absolute differences, cell by cell, at
    differences one deviation nearer to none than those found. O(cells)."""
    n, m = np.maximum(tables.n, 1), np.maximum(tables.m, 1)
    before, after = tables.reference / tables.spread(n), tables.current / tables.spread(m)
    sign = np.sign(after - before)
    moved = 1.0 - tables.sums(sign * before) ** 2, 1.0 - tables.sums(sign * after) ** 2
    width = 0.5 * _QUANTILE * np.sqrt(alike * (np.maximum(moved[0], 0.0) / n + np.maximum(moved[1], 0.0) / m))
    variance = before * (1.0 - before) / tables.spread(n) + after * (1.0 - after) / tables.spread(m)
    deviation = np.sqrt(tables.spread(alike) * variance)
    away = np.maximum(np.abs(after - before) / np.maximum(deviation, 1e-12) - 1.0, 0.0)
    folded = np.exp(-0.5 * away * away) * np.sqrt(2.0 / np.pi) - 2.0 * away * special.ndtr(-away)
    added = 0.5 * tables.sums(deviation * folded)
    return np.maximum(effect - added - width, 0.0), np.minimum(effect + width, 1.0)


def ks_bounds(ks: Floats, resolution: Floats, n: Counts, m: Counts, alike: Floats) -> tuple[Floats, Floats]:
    """The bounds of a Kolmogorov-Smirnov distance found on a grid, `resolution` below the true one at most. From the
    band of Dvoretzky, Kiefer and Wolfowitz, with Massart's constant (1990). O(1) each."""
    width = _BAND * np.sqrt(alike * (1.0 / np.maximum(n, 1) + 1.0 / np.maximum(m, 1)))
    return np.maximum(ks - width, 0.0), np.minimum(ks + resolution + width, 1.0)
