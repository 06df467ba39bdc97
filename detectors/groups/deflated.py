"""The wire form of a profile that is kept for long: deflated (zlib) where that is worth while.

It begins with 0x78, which is no version of a profile. Numbers of few digits take a third, counts a sixth.
"""

import zlib

from detectors.groups.group import GroupProfile
from detectors.groups.wire import UNSLICED, decode_group, encode_group
from schemas.errors import WireError

_MARK = b"\x78"
_LEAST = 1024
_LEVEL = 1
_MOST = 1 << 28


def deflated(wire: bytes) -> bytes:
    """A wire form as it is kept."""
    if len(wire) < _LEAST:
        return wire
    found = zlib.compress(wire, _LEVEL)
    return found if len(found) < len(wire) else wire


def inflated(kept: bytes) -> bytes:
    """The wire form. Raises WireError where it is damaged."""
    if kept[:1] != _MARK:
        return kept
    reader = zlib.decompressobj()
    try:
        wire = reader.decompress(kept, _MOST)
    except zlib.error as error:
        raise WireError(f"profile: {error}") from error
    if not reader.eof or reader.unused_data:
        raise WireError(f"profile: what was deflated is cut off, goes on, or has more than {_MOST:,} bytes")
    return wire


def kept_form(profile: GroupProfile) -> bytes:
    """What is kept of a profile without time slices."""
    return deflated(encode_group(profile))


def decode_kept(kept: bytes) -> GroupProfile:
    """The profile that was kept. Raises WireError where it is damaged."""
    return decode_group(inflated(kept), UNSLICED)
