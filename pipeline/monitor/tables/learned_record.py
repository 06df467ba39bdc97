"""The record of a baseline that is learned: the profile of all its windows, and what they said.

version (1 byte) | length of the JSON (4 bytes) | JSON, deflated where it is large | profile (`detectors.groups.deflated`) | CRC-32 (4 bytes)

Version 1 did not say how events of a signal's minority come together; it is read.
"""

import zlib

from detectors.baselines.baseline_group import BaselineGroup
from detectors.baselines.measured import Measured
from detectors.groups.deflated import decode_kept, inflated
from detectors.groups.packed import kept_of_packed, packed_group
from schemas import codec
from schemas.errors import StateError, WireError

VERSION = 2
_READ = (1, VERSION)
_HEAD, _CHECKSUM = 5, 4
_LARGE = 1 << 16


def encode_learned(group: BaselineGroup) -> bytes:
    """The record of a baseline whose windows were measured."""
    assert group.measured is not None, "its windows are still held"
    text = codec.encode_canonical(group.measured.to_json())
    text = zlib.compress(text, 1) if len(text) >= _LARGE else text
    body = bytes([VERSION]) + len(text).to_bytes(_HEAD - 1, "big") + text + kept_of_packed(group.total)
    return body + zlib.crc32(body).to_bytes(_CHECKSUM, "big")


def decode_learned(data: bytes) -> BaselineGroup:
    """Raises WireError where the record is damaged, StateError where its version is not known here."""
    if not data or data[0] not in _READ:
        raise StateError(
            f"a learned baseline has version {data[:1].hex()}, this worker reads up to {VERSION:02x}: upgrade it"
        )
    if zlib.crc32(data[:-_CHECKSUM]) != int.from_bytes(data[-_CHECKSUM:], "big"):
        raise WireError("its checksum does not match")
    end = _HEAD + int.from_bytes(data[1:_HEAD], "big")
    try:
        measured = Measured.from_json(codec.decode(inflated(data[_HEAD:end])))
    except (LookupError, TypeError, ValueError, AttributeError, OverflowError) as error:
        raise WireError(f"what its windows said: {error}") from error
    total = data[end:-_CHECKSUM]
    return BaselineGroup(packed_group(decode_kept(total), total), measured=measured)
