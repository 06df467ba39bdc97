"""The record of an hour's total, of a baseline that is being learned.

version (1 byte) | the baseline's first window (8 bytes) | how many windows it merges (4 bytes) | profile | CRC-32 (4 bytes)

A baseline that is learned anew has another first window, so it takes no hour of the one before.
"""

import zlib

from detectors.baselines.baseline_group import HourTotal
from detectors.groups.deflated import decode_kept
from detectors.groups.packed import kept_of_packed, packed_group
from schemas.errors import StateError, WireError

VERSION = 1
_FIRST, _WINDOWS, _CHECKSUM = 8, 4, 4


def encode_hour(first_ms: int, total: HourTotal) -> bytes:
    numbers = first_ms.to_bytes(_FIRST, "big", signed=True) + total.windows.to_bytes(_WINDOWS, "big")
    body = bytes([VERSION]) + numbers + kept_of_packed(total.profile)
    return body + zlib.crc32(body).to_bytes(_CHECKSUM, "big")


def decode_hour(data: bytes) -> tuple[int, HourTotal]:
    """The start of the baseline's first window, and the total. Raises WireError where the record is damaged, StateError
    where its version is not known here."""
    if data[:1] != bytes([VERSION]):
        raise StateError(f"the hour of a baseline has version {data[:1].hex()}, this worker reads 01: upgrade it")
    if zlib.crc32(data[:-_CHECKSUM]) != int.from_bytes(data[-_CHECKSUM:], "big"):
        raise WireError("its checksum does not match")
    at = 1 + _FIRST
    first_ms, windows = int.from_bytes(data[1:at], "big", signed=True), int.from_bytes(data[at : at + _WINDOWS], "big")
    kept = data[at + _WINDOWS : -_CHECKSUM]
    return first_ms, HourTotal(windows, packed_group(decode_kept(kept), kept))
