"""Unsigned LEB128 over whole arrays: seven bits a byte, low bits first, as Protocol Buffers have it."""

import numpy as np
import numpy.typing as npt

from detectors.profiles.ordering import Keys
from schemas.errors import WireError

_MOST_BYTES = 10
_LOW, _SEVEN, _MORE = np.uint64(127), np.uint64(7), np.uint8(128)


def varint(number: int) -> bytes:
    """The bytes of one number."""
    out = bytearray()
    while number > 127:
        out.append(number & 127 | 128)
        number >>= 7
    return bytes([*out, number])


def encode_varints(numbers: Keys) -> bytes:
    """The bytes of `numbers`, shape (n,), one after the other. O(n)."""
    return varints_of(numbers)[0].tobytes()


def varints_of(numbers: Keys) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.intp]]:
    """The bytes of `numbers`, shape (n,), one after the other, and where each number ends, shape (n,). O(n)."""
    firsts = numbers.astype(np.uint8)
    longer = (numbers > _LOW).nonzero()[0]
    if not len(longer):
        return firsts, np.arange(1, len(numbers) + 1)
    firsts[longer] |= _MORE
    further, rests, at = np.zeros(len(longer), np.intp), numbers[longer] >> _SEVEN, np.arange(len(longer))
    columns = []
    while len(at):
        further[at] += 1
        low, more = rests.astype(np.uint8), (rests > _LOW).nonzero()[0]
        low[more] |= _MORE
        columns.append((at, low))
        at, rests = at[more], rests[more] >> _SEVEN
    lengths = np.ones(len(numbers), np.intp)
    lengths[longer] += further
    ends = lengths.cumsum()
    out = firsts.repeat(lengths)
    places = ends[longer] - further
    for i, (at, low) in enumerate(columns):
        out[places[at] + i] = low
    return out, ends


def decode_varints(data: bytes) -> Keys:
    """The numbers that `data` holds, all of it. Raises WireError where it does not end at a number's end, or holds a
    number that is too long or was not written in the fewest bytes. O(n)."""
    raw = np.frombuffer(data, np.uint8)
    if not len(raw):
        return np.empty(0, np.uint64)
    ends = np.flatnonzero(raw < 128)
    if not len(ends) or ends[-1] != len(raw) - 1:
        raise WireError("profile: a number is cut off")
    starts = np.concatenate([np.zeros(1, np.intp), ends[:-1] + 1])
    lengths = ends - starts + 1
    if lengths.max() > _MOST_BYTES or (raw[ends[lengths == _MOST_BYTES]] > 1).any():
        raise WireError("profile: a number is too long")
    if (raw[ends[lengths > 1]] == 0).any():
        raise WireError("profile: a number has more bytes than it needs")
    low = raw & np.uint8(127)
    numbers: Keys = low[starts].astype(np.uint64)
    byte, longer = 1, (lengths > 1).nonzero()[0]
    while len(longer):
        numbers[longer] |= low[starts[longer] + byte].astype(np.uint64) << np.uint64(7 * byte)
        byte += 1
        longer = longer[lengths[longer] > byte]
    return numbers


def zigzag(numbers: npt.NDArray[np.int64]) -> Keys:
    """Signed to unsigned, small magnitudes to small numbers."""
    return ((numbers << np.int64(1)) ^ (numbers >> np.int64(63))).view(np.uint64)


def unzigzag(numbers: Keys) -> npt.NDArray[np.int64]:
    """The inverse of `zigzag`."""
    return ((numbers >> np.uint64(1)) ^ (~(numbers & np.uint64(1)) + np.uint64(1))).view(np.int64)
