"""Unsigned LEB128 over whole arrays: seven bits a byte, low bits first, as Protocol Buffers have it."""

import numpy as np
import numpy.typing as npt

from detectors.ordering import Keys, bit_length
from schemas.errors import WireError

_MOST_BYTES = 10


def encode_varints(numbers: Keys) -> bytes:
    """The bytes of `numbers`, shape (n,), one after the other. O(n)."""
    lengths = np.maximum((bit_length(numbers).astype(np.intp) + 6) // 7, 1)
    ends = np.cumsum(lengths)
    out = np.empty(int(ends[-1]) if len(ends) else 0, np.uint8)
    firsts = ends - lengths
    for i in range(int(lengths.max(initial=0))):
        rows = np.flatnonzero(lengths > i) if i else slice(None)
        more = (lengths[rows] > i + 1).astype(np.uint8) << np.uint8(7)
        out[firsts[rows] + i] = (numbers[rows] >> np.uint64(7 * i)).astype(np.uint8) & np.uint8(127) | more
    return out.tobytes()


def decode_varints(data: bytes) -> Keys:
    """The numbers that `data` holds, all of it. Raises WireError where it does not end at a number's end, or holds a
    number that is too long. O(n)."""
    raw = np.frombuffer(data, np.uint8)
    if not len(raw):
        return np.empty(0, np.uint64)
    ends = np.flatnonzero(raw < 128)
    if not len(ends) or ends[-1] != len(raw) - 1:
        raise WireError("profile: a number is cut off")
    starts = np.concatenate([np.zeros(1, np.intp), ends[:-1] + 1])
    lengths = ends - starts + 1
    if lengths.max() > _MOST_BYTES:
        raise WireError("profile: a number is too long")
    places = (np.arange(len(raw)) - np.repeat(starts, lengths)).astype(np.uint64)
    parts = (raw & np.uint8(127)).astype(np.uint64) << places * np.uint64(7)
    return np.add.reduceat(parts, starts)


def zigzag(numbers: npt.NDArray[np.int64]) -> Keys:
    """Signed to unsigned, small magnitudes to small numbers."""
    return ((numbers << np.int64(1)) ^ (numbers >> np.int64(63))).view(np.uint64)


def unzigzag(numbers: Keys) -> npt.NDArray[np.int64]:
    """The inverse of `zigzag`."""
    return ((numbers >> np.uint64(1)) ^ (~(numbers & np.uint64(1)) + np.uint64(1))).view(np.int64)
