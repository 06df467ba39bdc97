"""Varints: whole arrays have the bytes of their numbers one by one, and come back."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from detectors.groups.varint import decode_varints, encode_varints, varint, varints_of

NUMBERS = st.lists(st.integers(0, 70).flatmap(lambda bits: st.integers(0, min(1 << bits, (1 << 64) - 1))))


@given(NUMBERS)
def test_an_array_has_the_bytes_of_its_numbers(numbers: list[int]) -> None:
    parts = [varint(number) for number in numbers]
    written, ends = varints_of(np.array(numbers, np.uint64))
    assert written.tobytes() == b"".join(parts) == encode_varints(np.array(numbers, np.uint64))
    assert ends.tolist() == np.cumsum([len(part) for part in parts]).tolist()


@given(NUMBERS)
def test_numbers_come_back(numbers: list[int]) -> None:
    assert decode_varints(encode_varints(np.array(numbers, np.uint64))).tolist() == numbers
