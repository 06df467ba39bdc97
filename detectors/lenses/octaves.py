"""Bins of a standardised number: eighths of an octave on either side of a centre.

A bin is read off the bits of a float: sign, exponent and three digits of the mantissa of `(x - centre) / scale`, rounded to
single precision. Every step is one that IEEE 754 rounds the same way everywhere, so a value has the same bin on every
machine, alone or among others. The middle bin holds what is less than a sixteenth from the centre, the outermost ones all
that is 240 scales away or more.
"""

from collections.abc import Sequence

import numpy as np

from detectors.profiles.grid import Counts, Indices
from detectors.profiles.ordering import Floats

DIGITS = 3
LEAST_EXPONENT, GREATEST_EXPONENT = -4, 8
HALF = (GREATEST_EXPONENT - LEAST_EXPONENT) << DIGITS
BINS = 2 * HALF + 1
CODES = 1 << (1 + 8 + DIGITS)
"""How many codes there are: what is left of a float in single precision."""

_DROPPED = np.uint32(23 - DIGITS)
_FIRST = (127 + LEAST_EXPONENT) << DIGITS


def codes_of(values: Floats, centre: float, scale: float) -> Indices:
    """The code of each of the finite `values`, shape (n,): `by_code` has a place for each. O(n)."""
    with np.errstate(over="ignore", under="ignore"):
        away = np.subtract(values, centre)
        np.divide(away, scale, out=away)
        single = away.astype(np.float32)
    codes = np.empty(len(values), np.intp)
    np.right_shift(single.view(np.uint32), _DROPPED, out=codes, casting="unsafe")
    return codes


def _bins_of_codes() -> Indices:
    codes = np.arange(CODES)
    steps = np.clip((codes & (CODES // 2 - 1)) - _FIRST + 1, 0, HALF)
    found: Indices = np.where(codes < CODES // 2, HALF + steps, HALF - steps)
    return found


BIN_OF_CODE = _bins_of_codes()
"""Shape (CODES,): the bin of each code."""


def by_code(by_bin: Sequence[int]) -> Counts:
    """Shape (CODES,): what each code stands for, of what each bin does."""
    found: Counts = np.array(by_bin, np.int64)[BIN_OF_CODE]
    return found


def _edges() -> Floats:
    """The distances from the centre at which the bins on one side begin, and that at which the last is taken to end."""
    steps = np.arange(HALF + 1)
    found: Floats = np.ldexp(1.0 + (steps % (1 << DIGITS)) / (1 << DIGITS), LEAST_EXPONENT + (steps >> DIGITS))
    return found


def _mirrored(one_side: Floats, middle: float) -> Floats:
    return np.concatenate([one_side[::-1], [middle], one_side])


WIDTHS = _mirrored(np.diff(_edges()), 2.0 * float(_edges()[0]))
"""Shape (BINS,), in scales; the outermost bins are taken to end where the next one would begin."""

MIDDLES = _mirrored(_edges()[:-1] + np.diff(_edges()) / 2.0, 0.0)
"""Shape (BINS,): how far the middle of each is from the centre, in scales."""
