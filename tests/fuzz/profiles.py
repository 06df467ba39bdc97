"""Profiles and the varints in them: what is read has one form, and is written in it."""

from functools import cache
from random import Random

import numpy as np

from detectors.groups.group import GroupProfile
from detectors.groups.varint import decode_varints, encode_varints
from detectors.groups.wire import decode_group, encode_group
from detectors.profiles.grid import Caps
from detectors.profiles.profile import COARSE, FINE, Resolution
from schemas import codec
from schemas.errors import WireError
from tests.detectors import strategies as some
from tests.fuzz.decoder import Decoder, same
from tests.fuzz.documents import changed, text_of
from tests.fuzz.mutation import CHECKSUM, mutated, noise, resealed, sealed

_SMALL = Resolution(Caps(2, 4), 2)
_SMALL_ONES = 6
_MIXED: list[object] = [1.0, 1.5, -2, 0.0, 1e6, -1e300, "DE", "FR", "UK", True, None, float("nan"), []]
_NUMBERS = (0, 1, 2, 51, 52, 53, 60, 63, 64, 65, 200, 255, 256, 1 << 20, 1 << 31, 1 << 33, 1 << 40, 1 << 62, 1 << 63)


@cache
def valid_profiles() -> tuple[bytes, ...]:
    """Wire forms of small and large groups, with and without slices."""
    random = Random(7)
    numbers = [(i % 60, random.gauss(0.0, 10.0 ** random.randrange(-3, 9))) for i in range(90)]
    words = [(i % 60, f"word {random.randrange(50)}") for i in range(90)]
    whole = {
        name: some.profile_of(values, FINE)
        for name, values in (("a", _MIXED), ("b", _MIXED[:4]), ("ä", ["x"]), ("n", [None, True]))
    }
    groups = [
        GroupProfile.empty(FINE),
        some.group_of([(at % 3, value) for at, value in enumerate(_MIXED)], _SMALL),
        some.group_of([(0, 1.0)], COARSE),
        some.group_of(numbers, COARSE),
        some.group_of(words, COARSE),
        GroupProfile.of(len(_MIXED), whole, FINE),
    ]
    return tuple(encode_group(g) for group in groups for g in (group, group.collapsed()))


def changed_profile(random: Random) -> bytes:
    """A profile whose bytes, integers, names or floats were changed, nearly always with the right checksum."""
    data = random.choice(valid_profiles()[: None if random.random() < 0.5 else _SMALL_ONES])
    choice = random.random()
    if choice < 0.1:
        return sealed(b"\x01" + noise(random))
    if choice < 0.4:
        return resealed(random, mutated(random, data, valid_profiles()))
    names, integers, floats = _sections(data)
    if choice < 0.8:
        integers = _other_numbers(random, integers)
    elif choice < 0.9:
        names = _other_names(random, names)
    else:
        floats = mutated(random, floats, [np.array([np.nan, -0.0, np.inf, 5.0]).tobytes()])
    return sealed(data[:1] + _lengthy(names) + _lengthy(encode_varints(integers)) + floats)


def _sections(data: bytes) -> tuple[bytes, np.ndarray, bytes]:
    """Names, integers and floats."""
    names, rest = _first(data[1:-CHECKSUM])
    integers, floats = _first(rest)
    return names, decode_varints(integers), floats


def _first(data: bytes) -> tuple[bytes, bytes]:
    start = next(at for at, byte in enumerate(data) if byte < 128) + 1
    length = int(decode_varints(data[:start])[0])
    return data[start : start + length], data[start + length :]


def _lengthy(section: bytes) -> bytes:
    return encode_varints(np.array([len(section)], np.uint64)) + section


def _other_numbers(random: Random, numbers: np.ndarray) -> np.ndarray:
    numbers = numbers.copy()
    for _ in range(random.choice((1, 1, 2, 3))):
        at = random.randrange(len(numbers) + 1)
        kind = random.random()
        if kind < 0.35 and at < len(numbers):
            numbers[at] = random.choice(_NUMBERS)
        elif kind < 0.5 and at < len(numbers):  # a length is often said twice
            numbers[[at, random.randrange(len(numbers))]] = random.choice(_NUMBERS)
        elif kind < 0.7 and at < len(numbers):
            numbers[at] ^= np.uint64(random.choice((1, 2, 128, 1 << 32)))
        elif kind < 0.85:
            numbers = np.delete(numbers, slice(at, at + random.choice((1, 1, 8))))
        else:
            numbers = np.insert(numbers, at, random.choice(_NUMBERS))
    return numbers


def _other_names(random: Random, names: bytes) -> bytes:
    if random.random() < 0.5:
        return mutated(random, names, [b'[["a","b"],["a"]]', b'{"a":1}', b'["ab","c"]'])
    return text_of(changed(random, [["a", "DE"], ["b"]] if random.random() < 0.3 else codec.decode(names)))


def _read_profile(data: bytes) -> int:
    try:
        group = decode_group(data)
    except WireError:
        return 0
    same(encode_group(group), data, "a profile read and written again")
    same(group.merge(group).count, 2 * group.count, "the count of a profile merged with itself")
    return 1


def _varints(random: Random) -> bytes:
    numbers = np.array([random.getrandbits(random.randrange(1, 65)) for _ in range(random.randrange(1, 12))], np.uint64)
    data = encode_varints(numbers)
    return data if random.random() < 0.1 else mutated(random, data, [data, b"\xff" * 12])


def _read_varints(data: bytes) -> int:
    try:
        numbers = decode_varints(data)
    except WireError:
        return 0
    same(encode_varints(numbers), data, "numbers read and written again")
    return 1


DECODERS = (
    Decoder("varints", 1500, _varints, _read_varints),
    Decoder("profiles", 1300, changed_profile, _read_profile),
)
