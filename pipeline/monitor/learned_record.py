"""The record of a baseline that is learned: the profile of all its windows, and what they said.

version (1 byte) | length of the JSON (4 bytes) | JSON | profile | CRC-32 (4 bytes)

A profile of a megabyte or more is deflated (zlib): it begins with 0x78, which is no version of a profile.
"""

import zlib

from detectors.baselines.baseline import BaselineGroup
from detectors.baselines.measured import Measured
from detectors.groups.packed import packed_group, wire_of
from detectors.groups.wire import UNSLICED, decode_group
from schemas import codec
from schemas.errors import StateError, WireError

VERSION = 1
_LARGE, _DEFLATED = 1 << 20, b"\x78"
_HEAD, _CHECKSUM = 5, 4


def encode_learned(group: BaselineGroup) -> bytes:
    """The record of a baseline whose windows were measured."""
    assert group.measured is not None, "its windows are still held"
    text = codec.encode_canonical(group.measured.to_json())
    body = bytes([VERSION]) + len(text).to_bytes(_HEAD - 1, "big") + text + packed(wire_of(group.total))
    return body + zlib.crc32(body).to_bytes(_CHECKSUM, "big")


def decode_learned(data: bytes) -> BaselineGroup:
    """Raises WireError where the record is damaged, StateError where its version is not known here."""
    if data[:1] != bytes([VERSION]):
        raise StateError(f"a learned baseline has version {data[:1].hex()}, this worker reads 01: upgrade it")
    if zlib.crc32(data[:-_CHECKSUM]) != int.from_bytes(data[-_CHECKSUM:], "big"):
        raise WireError("its checksum does not match")
    end = _HEAD + int.from_bytes(data[1:_HEAD], "big")
    try:
        measured = Measured.from_json(codec.decode(data[_HEAD:end]))
    except (LookupError, TypeError, ValueError, AttributeError, OverflowError) as error:
        raise WireError(f"what its windows said: {error}") from error
    profile = unpacked(data[end:-_CHECKSUM])
    return BaselineGroup(packed_group(decode_group(profile, UNSLICED), profile), measured=measured)


def packed(profile: bytes) -> bytes:
    """A profile as the table has it."""
    return zlib.compress(profile, 1) if len(profile) >= _LARGE else profile


def unpacked(value: bytes) -> bytes:
    """The profile that the table has. Raises WireError where it is damaged."""
    if value[:1] != _DEFLATED:
        return value
    try:
        return zlib.decompress(value)
    except zlib.error as error:
        raise WireError(f"profile: {error}") from error
