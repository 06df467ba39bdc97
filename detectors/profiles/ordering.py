"""Order-preserving integer keys of float64, and how far apart two keys are.

A float64 read as an integer keeps its order once negative numbers are flipped, so bucket boundaries made by
dropping low bits are exact floats and the same on every platform.
"""

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Keys = npt.NDArray[np.uint64]
Bits = npt.NDArray[np.uint8]

_SIGN = np.uint64(1 << 63)
_SIXTY_THREE = np.uint64(63)
_ONE = np.uint64(1)
_MOST_GAP = 64


def keys_of(values: Floats) -> Keys:
    """Keys, shape (n,), in the order of `values`, shape (n,), finite. -0.0 and 0.0 share a key. O(n)."""
    bits = (values + 0.0).view(np.uint64)
    negative = (bits >> _SIXTY_THREE).astype(bool)
    return np.where(negative, ~bits, bits | _SIGN)


def values_of(keys: Keys) -> Floats:
    """The floats whose keys these are: the inverse of `keys_of`. Keys beyond infinity give NaN. O(n)."""
    positive = (keys >> _SIXTY_THREE).astype(bool)
    return np.where(positive, keys ^ _SIGN, ~keys).view(np.float64)


def bit_length(numbers: Keys) -> Bits:
    """Bits needed to write each number: 0 for 0, 64 for 2**63 and above. O(n).

    Read off the exponent of the number as a float. The second highest bit is cleared first, because rounding
    could otherwise carry 2**k - 1 up to 2**k.
    """
    exponents = (numbers & ~(numbers >> _ONE)).astype(np.float64).view(np.int64) >> 52
    bits: Bits = np.maximum(exponents - 1022, 0).astype(np.uint8)
    return bits


def gaps_of(keys: Keys) -> Bits:
    """Shape (n - 1,): the least shift at which each two neighbours share a bucket. Neighbours with gap g are in
    different buckets at every shift below g. O(n)."""
    return bit_length(keys[1:] ^ keys[:-1])


def least_shift(gaps: Bits, cap: int) -> int:
    """The least shift at which keys with these gaps fill at most `cap` buckets. O(n)."""
    if len(gaps) < cap:
        return 0
    return int(np.partition(gaps, len(gaps) - cap)[len(gaps) - cap])


def least_shifts(gaps: Bits, starts: npt.NDArray[np.intp], ends: npt.NDArray[np.intp], cap: int) -> Bits:
    """Shape (m,): the same for each of m runs of the gaps, `[start, end)`, in one pass. O(n + m)."""
    lengths = ends - starts
    run = np.repeat(np.arange(len(starts)), lengths)
    at = np.repeat(starts - (np.cumsum(lengths) - lengths), lengths) + np.arange(len(run))
    met = np.bincount(run * (_MOST_GAP + 1) + gaps[at], minlength=len(starts) * (_MOST_GAP + 1))
    beyond = lengths[:, None] - np.cumsum(met.reshape(-1, _MOST_GAP + 1), axis=1)
    least: Bits = np.argmax(beyond < cap, axis=1).astype(np.uint8)
    return least
