"""What is kept of a profile: smaller, and the same."""

import zlib

import numpy as np
import pytest

from detectors.groups.deflated import decode_kept, deflated, inflated, kept_form
from detectors.groups.group import GroupProfile
from detectors.groups.wire import encode_group
from detectors.profiles.profile import COARSE
from schemas.errors import WireError
from tests.detectors.strategies import profile_of_numbers


def group(signals: int, digits: int) -> GroupProfile:
    rng = np.random.default_rng(0)
    some = {f"s{n}": profile_of_numbers(rng.lognormal(2.0, 1.0, 100).round(digits), COARSE) for n in range(signals)}
    return GroupProfile.of(100, some, COARSE).collapsed()


@pytest.mark.parametrize(("digits", "share"), [(15, 0.9), (2, 0.5), (0, 0.3)])
def test_a_profile_comes_back_and_takes_the_less_the_fewer_digits_it_has(digits: int, share: float) -> None:
    profile = group(50, digits)
    kept = kept_form(profile)
    assert encode_group(decode_kept(kept)) == encode_group(profile) == inflated(kept)
    assert len(kept) < share * len(encode_group(profile))


def test_a_small_one_is_kept_as_it_is() -> None:
    wire = encode_group(group(1, 0))
    assert deflated(wire) is wire
    assert inflated(wire) is wire


def test_what_is_damaged_is_a_wire_error() -> None:
    kept = kept_form(group(50, 2))
    for damaged in (kept[:-1], kept + b"x", kept[:100], kept[:50] + b"ruined" + kept[56:], b"\x78"):
        with pytest.raises(WireError, match="profile"):
            inflated(damaged)


def test_what_would_take_all_memory_is_refused() -> None:
    bomb = zlib.compressobj(9)
    data = b"".join(bomb.compress(bytes(1 << 24)) for _ in range(17)) + bomb.flush()
    with pytest.raises(WireError, match="more than"):
        inflated(data)
