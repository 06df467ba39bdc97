"""The wire form: what is read is what was written, and nothing else is read."""

import contextlib
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from detectors.groups.group import GroupProfile
from detectors.groups.wire import CROSS_VERSION, decode_group, encode_group
from detectors.profiles.column import MISSING
from detectors.profiles.grid import Caps
from detectors.profiles.profile import FINE, Resolution
from schemas.errors import WireError
from tests.detectors import strategies as some

SMALL = Resolution(Caps(2, 4), 2)
VALUES: list[object] = [1.0, 1.5, -2, 0.0, 1e6, "DE", "FR", "UK", True, None, MISSING, float("nan"), []]
GOLDEN = (
    "01165b5b227369676e616c222c22554b222c224445225d5d620d020402d00f000101000101053f02000100000104ffffffff"
    "ffffffff3f0080808080808080f83f8080808080808004808080808090a19b010101010101024001003e0200030102010601"
    "02ffffffff0f84897a01038080808008efbfd7b505d20300000000000000c00000000080842e416072c5e6"
)


def small_group() -> GroupProfile:
    return some.group_of([(at % 3, value) for at, value in enumerate(VALUES)], SMALL)


@given(some.events(), some.resolutions)
def test_what_is_read_is_what_was_written(events: list[some.Event], resolution: Resolution) -> None:
    data = encode_group(some.group_of(events, resolution))
    assert encode_group(decode_group(data)) == data


@given(some.events(), some.resolutions, st.booleans())
def test_a_group_read_again_answers_alike(events: list[some.Event], resolution: Resolution, collapsed: bool) -> None:
    group = some.group_of(events, resolution)
    group = group.collapsed() if collapsed else group
    read = decode_group(encode_group(group))
    mine, theirs = group.profile(some.SIGNAL), read.profile(some.SIGNAL)
    assert read.count == group.count
    assert theirs.count == mine.count
    assert theirs.labels == mine.labels
    assert theirs.numbers.keys.tolist() == mine.numbers.keys.tolist()
    assert theirs.numbers.shifts.tolist() == mine.numbers.shifts.tolist()
    assert theirs.trace.sums.values().tolist() == mine.trace.sums.values().tolist()
    assert (theirs.least, theirs.greatest) == (mine.least, mine.greatest)


def test_the_bytes_of_a_small_profile_are_what_they_always_were() -> None:
    """Without time slices, for brevity."""
    assert encode_group(small_group().collapsed()).hex() == GOLDEN
    assert encode_group(decode_group(bytes.fromhex(GOLDEN))).hex() == GOLDEN


def test_several_signals_are_written_by_name() -> None:
    profiles = {name: some.profile_of(VALUES[at:], FINE) for at, name in enumerate(("b", "a", "ä"))}
    group = GroupProfile.of(len(VALUES), profiles, FINE)
    read = decode_group(encode_group(group))
    assert list(read.signals) == ["a", "b", "ä"]
    assert encode_group(read) == encode_group(group)


def test_every_flipped_byte_is_an_error() -> None:
    data = encode_group(small_group())
    for at in range(len(data)):
        for flip in (1, 128, 255):
            with pytest.raises(WireError):
                decode_group(data[:at] + bytes([data[at] ^ flip]) + data[at + 1 :])


def test_every_truncation_is_an_error() -> None:
    data = encode_group(small_group())
    for length in range(len(data)):
        with pytest.raises(WireError):
            decode_group(data[:length])
    with pytest.raises(WireError):
        decode_group(data + b"\0")


def test_an_unknown_version_is_named() -> None:
    data = encode_group(small_group())
    with pytest.raises(WireError, match=f"version {CROSS_VERSION + 1} is not known"):
        decode_group(bytes([CROSS_VERSION + 1]) + data[1:])


@pytest.mark.parametrize("extra", [-16, -8, 8, 16])
def test_extremes_must_be_as_many_as_numeric_signals(extra: int) -> None:
    body = encode_group(small_group())[:-4]
    body = body[:extra] if extra < 0 else body + bytes(extra)
    with pytest.raises(WireError):
        decode_group(body + zlib.crc32(body).to_bytes(4, "big"))


@given(st.data())
def test_bytes_with_a_right_checksum_are_read_or_refused(data: st.DataObject) -> None:
    body = bytearray(encode_group(small_group())[:-4])
    for _ in range(data.draw(st.integers(1, 3))):
        at = data.draw(st.integers(1, len(body) - 1))
        body[at : at + data.draw(st.integers(0, 1))] = data.draw(st.binary(max_size=2))
    with contextlib.suppress(WireError):
        decode_group(bytes(body) + zlib.crc32(body).to_bytes(4, "big"))
