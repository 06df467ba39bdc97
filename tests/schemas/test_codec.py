"""JSON: strict in general, lenient for events."""

import json
import math
import tracemalloc
from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas import codec
from schemas.errors import DriftlineError, WireError

VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(1 << 63), (1 << 64) - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=["Cs"])),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text("abé", max_size=3), inner, max_size=4),
)


@given(VALUES)
def test_decode_takes_back_what_every_encoder_gives(value: Any) -> None:
    for data in (codec.encode(value), codec.encode_canonical(value), codec.encode_event(value)):
        assert codec.decode(data) == value
    assert codec.encode_text(value).encode() == codec.encode(value)


@given(st.dictionaries(st.text("abé", max_size=3), st.integers(0, 9)))
def test_canonical_bytes_do_not_depend_on_the_order_of_keys(value: dict[str, int]) -> None:
    backwards = dict(reversed(value.items()))
    assert codec.encode_canonical(value) == codec.encode_canonical(backwards)


def test_golden_bytes() -> None:
    value = {"b": [1, 2.5, None, True], "a": "é", "n": math.nan}
    assert codec.encode(value) == '{"b":[1,2.5,null,true],"a":"é","n":null}'.encode()
    assert codec.encode_canonical(value) == '{"a":"é","b":[1,2.5,null,true],"n":null}'.encode()


@pytest.mark.parametrize("data", [b"", b"{", b"NaN", b"\xff", b'"\\ud800"', b"[" * 5000])
def test_decode_refuses_what_is_not_json(data: bytes) -> None:
    with pytest.raises(WireError, match=r"^not JSON: "):
        codec.decode(data)


def test_a_wire_error_is_ours_and_a_value_error() -> None:
    assert issubclass(WireError, DriftlineError)
    assert issubclass(WireError, ValueError)


@given(VALUES)
def test_lenient_reading_agrees_with_strict_reading(value: Any) -> None:
    data = codec.encode(value)
    assert repr(codec.loads_lenient(data)) == repr(codec.loads(data))


@given(VALUES)
def test_lenient_reading_reads_the_same_beside_something_not_finite(value: Any) -> None:
    """The rest of an event must not change its meaning because one number in it is NaN."""
    data = codec.encode(value)
    assert repr(codec.loads_lenient(b"[NaN," + data + b"]")[1]) == repr(codec.loads(data))


@pytest.mark.parametrize(
    "digits", ["18446744073709551615", "18446744073709551616", "-9223372036854775809", "-0", "1" * 40]
)
def test_lenient_reading_has_the_integers_of_strict_reading(digits: str) -> None:
    strict = codec.loads(digits.encode())
    assert repr(codec.loads_lenient(f"[NaN,{digits}]".encode())[1]) == repr(strict)


@pytest.mark.parametrize(("text", "expected"), [("Infinity", math.inf), ("-Infinity", -math.inf), ("1e400", math.inf)])
def test_lenient_reading_takes_what_is_not_finite(text: str, expected: float) -> None:
    assert codec.loads_lenient(f'{{"x":{text}}}'.encode()) == {"x": expected}
    assert math.isnan(codec.loads_lenient(b'{"x":NaN}')["x"])
    assert codec.loads_lenient(b"1" * 5000) == math.inf


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"{",
        b"\xff",
        b"\xef\xbb\xbf{}",
        '{"a":1}'.encode("utf-16"),
        b'["\\ud800"]',
        b'{"a":nan}',
        b"[1,]",
        b'"' * 999,
    ],
)
def test_lenient_reading_refuses_the_rest(data: bytes) -> None:
    with pytest.raises(ValueError):  # noqa: PT011  # any ValueError: its text is shown to nobody
        codec.loads_lenient(data)


def test_depth_is_bounded_the_same_everywhere() -> None:
    deep, limit = b"[" * 5000 + b"]" * 5000, codec.LENIENT_DEPTH
    with pytest.raises(RecursionError):
        codec.loads_lenient(deep)
    with pytest.raises(RecursionError):
        codec.loads_lenient(b"[" * (limit + 1) + b"NaN" + b"]" * (limit + 1))
    assert codec.loads_lenient(b"[" * limit + b"NaN" + b"]" * limit)


def test_brackets_in_strings_are_not_depth() -> None:
    text = '[{\\"' * 1000
    assert codec.loads_lenient(f'["{text}", NaN, "{{"]'.encode())[0] == '[{"' * 1000


@pytest.mark.timeout(20)
def test_a_long_string_without_an_end_takes_no_longer_than_one_with() -> None:
    with pytest.raises(ValueError):  # noqa: PT011  # any of them will do, as long as it comes soon
        codec.loads_lenient(b'"' + b'\\"[' * 1_000_000)


def test_an_event_from_a_table_keeps_what_json_lacks() -> None:
    row = {"ts": datetime(2026, 1, 31, 12, tzinfo=UTC), "x": Decimal("1.5"), "nan": math.nan, "raw": b"\x00"}
    data = codec.encode_event(row)
    assert data == b'{"ts":"2026-01-31T12:00:00+00:00","x":1.5,"nan":NaN,"raw":"b\'\\\\x00\'"}'
    assert json.loads(data).keys() == codec.loads_lenient(data).keys()


@pytest.mark.parametrize("encode", [codec.encode, codec.encode_canonical])
def test_what_is_kept_of_an_encoded_value_is_its_bytes_alone(encode: Callable[[Any], bytes]) -> None:
    """Hundreds of thousands of keys are kept, of some 40 bytes each."""
    tracemalloc.start()
    try:
        before, _ = tracemalloc.get_traced_memory()
        keys = [encode([0, 7, "window", number, "loan"]) for number in range(1000)]
        after, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert (after - before) / len(keys) < 200
