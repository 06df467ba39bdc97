"""The wire form of a group's profile: a version, names as JSON, integers as varints, floats, a checksum.

    version (1 byte) | length of names (varint) | names | length of integers (varint) | integers | floats | CRC-32

Names are the signals', each with the labels of its categories. The bytes are canonical: equal profiles have equal
bytes. A grid is written as its regions (distance, shift, buckets) and the distances between its buckets.
"""

import zlib
from typing import Any

import numpy as np

from detectors.decoder import checked_counts, read_profiles
from detectors.encoder import HEAD, VERSION, encode_group, encode_groups
from detectors.grid import Caps
from detectors.group import GroupProfile
from detectors.profile import Resolution
from detectors.trace import SLICES
from detectors.varint import decode_varints
from schemas import codec
from schemas.errors import WireError

__all__ = ["decode_group", "encode_group", "encode_groups"]


def decode_group(data: bytes, slices: int | None = None) -> GroupProfile:
    """The group's profile that `data` is the wire form of. Raises WireError on anything else, and where a signal has not
    `slices` time slices, if that is given."""
    if len(data) < 5:
        raise WireError(f"profile: {len(data)} bytes are too few")
    if data[0] != VERSION:
        raise WireError(f"profile: version {data[0]} is not known here, only {VERSION}: upgrade this reader")
    if zlib.crc32(data[:-4]) != int.from_bytes(data[-4:], "big"):
        raise WireError("profile: the checksum does not match")
    try:
        group = _decoded(data)
        _check_slices(group, slices)
        return group
    except (IndexError, TypeError, OverflowError, ValueError) as error:
        raise WireError(f"profile: {error}") from error


def _check_slices(group: GroupProfile, slices: int | None) -> None:
    """Profiles merge only where all have the same slices, so others would be an error far from here."""
    found = {profile.trace.slices for profile in group.signals.values()}
    if not found <= ({1, SLICES} if slices is None else {slices}) or len(found) > 1:
        raise ValueError(f"time slices: {', '.join(map(str, sorted(found)))}")


def _decoded(data: bytes) -> GroupProfile:
    names_at, names_end = _section(data, 1)
    integers_at, integers_end = _section(data, names_end)
    names: Any = codec.decode(data[names_at:names_end])
    floats = np.frombuffer(data[integers_end:-4], "<f8").astype(np.float64).reshape(-1, 2)
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
    return GroupProfile(count, signals, Resolution(Caps(regions, buckets), categories, most_signals))


def _section(data: bytes, at: int) -> tuple[int, int]:
    end = at
    while data[end] & 128:
        end += 1
    start = end + 1
    length = int(decode_varints(data[at:start])[0])
    if length > len(data) - 4 - start:
        raise ValueError("a section is cut off")
    return start, start + length
