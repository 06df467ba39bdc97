"""Durations: what is read, what is refused, and that writing and reading agree."""

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.duration import UNITS_MS, format_duration, parse_duration

HUNDRED_YEARS_MS = 5_200 * UNITS_MS["w"]


@pytest.mark.parametrize(
    ("text", "expected_ms"),
    [
        ("250ms", 250),
        ("30s", 30_000),
        ("5m", 300_000),
        ("1h", 3_600_000),
        ("30d", 2_592_000_000),
        ("2w", 1_209_600_000),
        ("0s", 0),
        (" 5 m ", 300_000),
        ("1.5h", 5_400_000),
        ("0.001s", 1),
    ],
)
def test_a_number_and_a_unit_are_milliseconds(text: str, expected_ms: int) -> None:
    assert parse_duration(text) == expected_ms


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (300, "300 has no unit; write a number and a unit, as in 30s, 5m, 1h"),
        (0, "0 has no unit; write a number and a unit, as in 30s, 5m, 1h"),
        (1.5, "1.5 has no unit; write a number and a unit, as in 30s, 5m, 1h"),
        ("300", "'300' has no unit; write a number and a unit, as in 30s, 5m, 1h"),
        ("5 parsecs", "'5 parsecs' is not a duration; write a number and a unit, as in 30s, 5m, 1h"),
        ("-5m", "'-5m' is not a duration; write a number and a unit, as in 30s, 5m, 1h"),
        ("5M", "'5M' is not a duration; write a number and a unit, as in 30s, 5m, 1h"),
        ("1h30m", "'1h30m' is not a duration; write a number and a unit, as in 30s, 5m, 1h"),
        ("５m", "'５m' is not a duration; write a number and a unit, as in 30s, 5m, 1h"),
        ("", "'' is not a duration; write a number and a unit, as in 30s, 5m, 1h"),
        (True, "must be a duration; write a number and a unit, as in 30s, 5m, 1h"),
        (None, "must be a duration; write a number and a unit, as in 30s, 5m, 1h"),
        (["5m"], "must be a duration; write a number and a unit, as in 30s, 5m, 1h"),
        ("0.5ms", "'0.5ms' is not a whole number of milliseconds"),
        ("5201w", "must be at most 5200w, got '5201w'"),
    ],
)
def test_anything_else_is_refused(value: object, message: str) -> None:
    with pytest.raises(ValueError) as caught:  # noqa: PT011  # the whole text is compared below
        parse_duration(value)
    assert str(caught.value) == message


@pytest.mark.parametrize(
    ("duration_ms", "text"),
    [(0, "0s"), (1, "1ms"), (1_500, "1500ms"), (90_000, "90s"), (300_000, "5m"), (604_800_000, "1w")],
)
def test_a_duration_is_written_in_its_largest_exact_unit(duration_ms: int, text: str) -> None:
    assert format_duration(duration_ms) == text


@given(st.integers(0, HUNDRED_YEARS_MS))
def test_what_is_written_is_read_back(duration_ms: int) -> None:
    assert parse_duration(format_duration(duration_ms)) == duration_ms


@given(st.text())
def test_no_text_raises_anything_but_value_error(text: str) -> None:
    with suppress(ValueError):
        assert 0 <= parse_duration(text) <= HUNDRED_YEARS_MS
