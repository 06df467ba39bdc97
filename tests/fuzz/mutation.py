"""What happens to bytes on their way: valid messages changed in a few places."""

import zlib
from collections.abc import Callable, Sequence
from random import Random

CHECKSUM = 4
_ODD = (0, 1, 7, 10, 34, 58, 91, 92, 123, 125, 127, 128, 191, 192, 254, 255)
_LENGTHS = (0, 1, 127, 128, 255, 256, 65_535, 65_536, (1 << 31) - 1, 1 << 31, (1 << 32) - 1)
_VARINTS = (
    b"\x80\x00",
    b"\xff\x7f",
    b"\x80\x80\x80\x80\x10",
    b"\xff" * 9 + b"\x01",
    b"\xff" * 9 + b"\x7f",
    b"\x80" * 10 + b"\x01",
)
_DIGITS = (b"0", b"-1", b"1e400", b"-0.0", b"9223372036854775807", b"9223372036854775808", b"1" + b"0" * 400)


def mutated(random: Random, data: bytes, others: Sequence[bytes]) -> bytes:
    """`data` changed in one to four places; `others` are messages that it may be spliced with."""
    for _ in range(random.choice((1, 1, 1, 2, 2, 3, 4))):
        data = random.choice(_CHANGES)(random, data, others)
    return data


def noise(random: Random, most: int = 200) -> bytes:
    """Random bytes, often few."""
    return random.randbytes(random.choice((0, 1, 2, 4, 5, 12, random.randrange(most))))


def sealed(body: bytes) -> bytes:
    """The body with the checksum that is right for it."""
    return body + zlib.crc32(body).to_bytes(CHECKSUM, "big")


def resealed(random: Random, data: bytes) -> bytes:
    """Nine times in ten with the checksum corrected, so that what lies behind it is reached."""
    return data if random.random() < 0.1 else sealed(data[:-CHECKSUM])


def _flip(random: Random, data: bytes, _: Sequence[bytes]) -> bytes:
    at = random.randrange(len(data) + 1)
    return data[:at] + bytes(byte ^ 1 << random.randrange(8) for byte in data[at : at + 1]) + data[at + 1 :]


def _set(random: Random, data: bytes, _: Sequence[bytes]) -> bytes:
    at = random.randrange(len(data) + 1)
    return data[:at] + bytes([random.choice(_ODD)]) + data[at + 1 :]


def _truncate(random: Random, data: bytes, _: Sequence[bytes]) -> bytes:
    return data[: random.randrange(len(data) + 1)]


def _remove(random: Random, data: bytes, _: Sequence[bytes]) -> bytes:
    start, stop = _span(random, data)
    return data[:start] + data[stop:]


def _duplicate(random: Random, data: bytes, _: Sequence[bytes]) -> bytes:
    start, stop = _span(random, data)
    return data[:stop] + data[start:]


def _swap(random: Random, data: bytes, _: Sequence[bytes]) -> bytes:
    start, stop = _span(random, data)
    return data[stop:] + data[start:stop] + data[:start]


def _insert(random: Random, data: bytes, _: Sequence[bytes]) -> bytes:
    at = random.randrange(len(data) + 1)
    piece = random.choice((random.randbytes(random.randrange(1, 9)), random.choice(_VARINTS), random.choice(_DIGITS)))
    return data[:at] + piece + data[at:]


def _overwrite(random: Random, data: bytes, _: Sequence[bytes]) -> bytes:
    at = random.randrange(len(data) + 1)
    piece = random.choice(_LENGTHS).to_bytes(4, random.choice(("big", "little")))
    return data[:at] + piece + data[at + 4 :]


def _splice(random: Random, data: bytes, others: Sequence[bytes]) -> bytes:
    other = random.choice(others)
    return data[: random.randrange(len(data) + 1)] + other[random.randrange(len(other) + 1) :]


def _span(random: Random, data: bytes) -> tuple[int, int]:
    start = random.randrange(len(data) + 1)
    return start, min(len(data), start + random.randrange(1, 17))


_CHANGES: tuple[Callable[[Random, bytes, Sequence[bytes]], bytes], ...] = (
    _flip,
    _set,
    _truncate,
    _remove,
    _duplicate,
    _swap,
    _insert,
    _overwrite,
    _splice,
)
