"""The wire form of a group's profile: a version, names as JSON, integers as varints, floats, a checksum.

    version (1 byte) | length of names (varint) | names | length of integers (varint) | integers | floats | CRC-32

Version 2 has cross-products (`detectors.groups.cross_wire`) before the floats, with their length (varint).

Names are the signals', each with the labels of its categories. The bytes are canonical: equal profiles have equal
bytes. A grid is written as its regions (distance, shift, buckets) and the distances between its buckets.
"""

import zlib
from collections.abc import Container, Iterable
from typing import Any

import numpy as np

from detectors.groups.cross_wire import decode_cross
from detectors.groups.decoder import checked_counts, read_profiles
from detectors.groups.encoder import CROSS_VERSION, HEAD, VERSION, encode_group, encode_groups
from detectors.groups.group import GroupProfile
from detectors.groups.varint import decode_varints
from detectors.lenses.cross import CrossProducts
from detectors.profiles.grid import Caps
from detectors.profiles.profile import Profile, Resolution
from detectors.profiles.trace import SLICES
from schemas import codec
from schemas.errors import WireError

__all__ = [
    "CROSS_VERSION",
    "SLICED",
    "UNSLICED",
    "VERSION",
    "cross_of",
    "decode_group",
    "encode_group",
    "encode_groups",
]

UNSLICED = frozenset({1})
SLICED = frozenset(n for n in range(2, SLICES + 1) if SLICES % n == 0)
"""How many time slices a profile of one window may have."""


def decode_group(data: bytes, slices: Container[int] = SLICED | UNSLICED) -> GroupProfile:
    """The group's profile that `data` is the wire form of. Raises WireError on anything else, and where a signal has not
    one of `slices` time slices, if they are given. The resolution's slices are those of the trace."""
    _check(data)
    try:
        return _decoded(data, slices)
    except (IndexError, TypeError, OverflowError, ValueError) as error:
        raise WireError(f"profile: {error}") from error


def cross_of(data: bytes) -> CrossProducts | None:
    """The cross-products in a group's wire form, which costs less than all of it; None where it has none. Raises
    WireError where they are damaged."""
    _check(data)
    if data[0] != CROSS_VERSION:
        return None
    try:
        return decode_cross(_cross_and_floats(data, _integers(data)[1])[0])
    except (IndexError, OverflowError, ValueError) as error:
        raise WireError(f"profile: {error}") from error


def _check(data: bytes) -> None:
    if len(data) < 5:
        raise WireError(f"profile: {len(data)} bytes are too few")
    if data[0] not in (VERSION, CROSS_VERSION):
        raise WireError(
            f"profile: version {data[0]} is not known here, only {VERSION} and {CROSS_VERSION}: upgrade this reader"
        )
    if zlib.crc32(data[:-4]) != int.from_bytes(data[-4:], "big"):
        raise WireError("profile: the checksum does not match")


def _slices(profiles: Iterable[Profile], allowed: Container[int]) -> int:
    """How many time slices all have. Profiles merge only where that is so, so others would be an error far from here."""
    found = {profile.trace.slices for profile in profiles}
    if len(found) > 1 or not all(slices in allowed for slices in found):
        raise ValueError(f"time slices: {', '.join(map(str, sorted(found)))}")
    return found.pop() if found else SLICES


def _decoded(data: bytes, allowed: Container[int]) -> GroupProfile:
    names_at, names_end = _section(data, 1)
    integers_at, integers_end = _section(data, names_end)
    crossed, floats_at = _cross_and_floats(data, integers_end) if data[0] == CROSS_VERSION else (b"", integers_end)
    names: Any = codec.decode(data[names_at:names_end])
    floats = np.frombuffer(data[floats_at:-4], "<f8").astype(np.float64).reshape(-1, 2)
    if not np.isfinite(floats).all() or (floats[:, 0] > floats[:, 1]).any() or np.signbit(floats[floats == 0]).any():
        raise ValueError("extremes that no numbers have")
    numbers = decode_varints(data[integers_at:integers_end])
    count, regions, buckets, categories, most_signals = checked_counts(numbers[:HEAD]).tolist()
    if categories < 1 or most_signals < 1:
        raise ValueError("a resolution of nothing")
    rows = [(name, tuple(labels)) for name, *labels in names]
    profiles = read_profiles(numbers, HEAD, [labels for _, labels in rows], floats.tolist())
    signals = {name: profile for (name, _), profile in zip(rows, profiles, strict=True)}
    if any(not isinstance(text, str) for row in names for text in row) or list(signals) != sorted(signals):
        raise ValueError("names must be strings in order")
    if codec.encode([[name, *p.labels] for name, p in signals.items()]) != data[names_at:names_end]:
        raise ValueError("names are not as they are written here")
    cross = decode_cross(crossed) if data[0] == CROSS_VERSION else None
    slices = _slices(profiles, allowed)
    return GroupProfile(count, signals, Resolution(Caps(regions, buckets), categories, most_signals, slices), cross)


def _integers(data: bytes) -> tuple[int, int]:
    return _section(data, _section(data, 1)[1])


def _cross_and_floats(data: bytes, at: int) -> tuple[bytes, int]:
    """The cross-products' bytes, and where the floats begin."""
    start, end = _section(data, at)
    return data[start:end], end


def _section(data: bytes, at: int) -> tuple[int, int]:
    end = at
    while data[end] & 128:
        end += 1
    start = end + 1
    length = int(decode_varints(data[at:start])[0])
    if length > len(data) - 4 - start:
        raise ValueError("a section is cut off")
    return start, start + length
