"""What speaks for a change of level at each of many onsets: the likelihood ratio of two segments against one.

Segments are sums, so slices of many values cost what single values cost. Arrays end in (k,), one place for each onset,
or (k, n), for n signals as well; sums are stacked in front of that: numbers, totals, squares, degrees of freedom.
"""

import math

import numpy as np
from scipy.special import ndtri

from detectors.profiles.ordering import Floats

SHIFTS = (0.15, 0.3, 0.6, 1.2)
"""The shifts looked for, in standard deviations, each twice the last: to within a factor of 1.4 every shift from 0.1 to
1.7 is among them."""

_SHIFTS = np.array(SHIFTS)[:, None]
_HALVES = 0.5 * _SHIFTS**2
_SIDES = math.log(2.0 * len(SHIFTS))
_SIGNS = np.array([-1.0, 1.0, 1.0, -1.0, 1.0, 1.0])
_LEAST_PART = 1e-18
_ROUNDING = 1e-9
_TINY = np.finfo(np.float64).tiny


def of_bits(after: Floats, before: Floats) -> tuple[Floats, Floats]:
    """How many standard deviations the rates of two segments of 0/1 values differ by, z, and whether they rise: the
    signed root of the deviance, `z**2 = 2 sum n kl(rate, common rate)`; and the change of the rate. A segment before
    without values differs by nothing. Wilks 1938. O(k)."""
    parts = np.empty((6, *after.shape[1:]))
    parts[0:2], parts[3:5] = after[:2], before[:2]
    np.subtract(parts[0:4:3], parts[1:5:3], out=parts[2:6:3])
    common = parts[:3, 0] + parts[3:, 0]
    whole = _SIGNS[3:] @ (common * np.log(np.maximum(common, _TINY)))
    deviance = (_SIGNS @ (parts * np.log(np.maximum(parts, _TINY))).reshape(6, -1)).reshape(parts.shape[1:]) - whole
    change = parts[1] / parts[0] - parts[4] / np.maximum(parts[3], 1.0)
    return np.sqrt(np.maximum(2.0 * deviance, 0.0)), change


def of_numbers(after: Floats, before: Floats) -> tuple[Floats, Floats]:
    """The same of two segments of normal values with one variance that is not known: z is Student's t, brought to the
    normal scale; and the change of the mean in standard deviations, those within the segments. Wallace 1959. O(k)."""
    n, m = after[0], np.maximum(before[0], 1.0)
    change = after[1] / n - before[1] / m
    within = after[2] + before[2] - after[1] ** 2 / n - before[1] ** 2 / m
    freedom = np.maximum(after[3] + before[3] - 2.0, 1.0)
    least = _LEAST_PART * (after[2] + before[2]) + _TINY
    variance = np.maximum(within, least) / freedom
    t2 = change**2 * (n * before[0] / (n + before[0])) / variance
    z = np.sqrt(freedom * np.log1p(t2 / freedom)) * (8.0 * freedom + 1.0) / (8.0 * freedom + 3.0)
    return z, change / np.sqrt(variance)


def least_shift(effect: float) -> float:
    """The shift, in standard deviations, of two normal laws whose total variation is `effect`."""
    return float(2.0 * ndtri(0.5 * (1.0 + effect)))


def likeliest(z: Floats) -> int:
    """The place of the onset with the greatest z, shape (k,); the oldest of those equal up to rounding. O(k)."""
    return int((z >= z.max() * (1.0 - _ROUNDING)).argmax())


def mixed(z: Floats, size: Floats, weights: Floats) -> Floats:
    """The logarithm of the weighted sum over onsets of their likelihood ratios, each the mean over `SHIFTS`, either way:

        log sum_k weights_k  mean_d  exp(z_k d sqrt(size_k) - size_k d**2 / 2) / 2

    with `size = n m / (n + m)` for segments of n and m values. Of n signals, shape (n,); of one, shape (). Minus infinity where all weights are 0. O(k)."""
    shifts, halves = (_SHIFTS, _HALVES) if z.ndim == 1 else (_SHIFTS[..., None], _HALVES[..., None])
    exponents = shifts * (z * np.sqrt(size))
    exponents -= halves * size
    top = exponents.max(axis=(0, 1))
    exponents -= top
    total = (np.exp(exponents, out=exponents).sum(axis=0) * weights).sum(axis=0)
    logs: Floats = np.where(total > 0.0, np.log(np.maximum(total, _TINY)) + (top - _SIDES), -np.inf)
    return logs
