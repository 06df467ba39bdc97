"""Events: timestamps, refusals, and the form promised to producers."""

import math
from contextlib import suppress
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from schemas.event import Event, Refusal, parse_timestamp_ms
from tests.schemas.golden import BAD_EVENTS, GOOD_EVENTS

NOON_MS = 1_769_860_800_000
ZONES = st.integers(-14 * 60, 14 * 60).map(lambda minutes: timezone(timedelta(minutes=minutes)))


@pytest.mark.parametrize(
    ("value", "expected_ms"),
    [
        (NOON_MS, NOON_MS),
        (0, 0),
        (-1, -1),
        (1 << 70, 1 << 70),
        (1_769_860_800_000.9, NOON_MS),
        (-0.5, -1),
        ("2026-01-31T12:00:00Z", NOON_MS),
        ("2026-01-31T12:00:00+00:00", NOON_MS),
        ("2026-01-31 13:00:00+01:00", NOON_MS),
        ("2026-01-31T12:00:00.123Z", NOON_MS + 123),
        ("2026-01-31T12:00:00.123999999Z", NOON_MS + 123),
        ("1969-12-31T23:59:59.9995Z", -1),
        ("0001-01-01T00:00:00+14:00", -62_135_647_200_000),
    ],
)
def test_a_timestamp_is_epoch_milliseconds_rounded_down(value: object, expected_ms: int) -> None:
    assert parse_timestamp_ms(value) == expected_ms


@pytest.mark.parametrize(
    "value",
    [
        True,
        False,
        None,
        math.nan,
        math.inf,
        -math.inf,
        "",
        "noon",
        "2026-01-31",
        "2026-01-31T12:00:00",
        "2026-02-30T12:00:00Z",
        "1769860800000",
        "\ud800",
        [NOON_MS],
        {"ms": NOON_MS},
    ],
)
def test_anything_else_is_no_timestamp(value: object) -> None:
    with pytest.raises(ValueError):  # noqa: PT011  # its text is shown to nobody; that it is a ValueError is the promise
        parse_timestamp_ms(value)


@given(st.datetimes(datetime(1800, 1, 1), datetime(2200, 1, 1), timezones=ZONES))
def test_iso_strings_agree_with_exact_arithmetic(time: datetime) -> None:
    exact = (time - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(milliseconds=1)
    assert parse_timestamp_ms(time.isoformat()) == exact


@given(st.text())
def test_no_text_raises_anything_but_value_error(text: str) -> None:
    with suppress(ValueError):
        parse_timestamp_ms(text)


def test_refusals_are_these_words() -> None:
    assert [str(reason) for reason in Refusal] == [
        "invalid_json",
        "not_an_object",
        "too_deep",
        "too_large",
        "bad_form",
        "unmatched",
        "no_timestamp",
        "bad_timestamp",
        "timestamp_too_old",
        "timestamp_ahead",
        "no_model",
        "bad_model",
        "bad_version",
        "bad_features",
        "too_many_models",
        "too_many_versions",
    ]


@pytest.mark.parametrize("event", GOOD_EVENTS.values(), ids=GOOD_EVENTS.keys())
def test_good_events_are_events(event: dict[str, object]) -> None:
    assert Event.model_validate(event).ts == NOON_MS


@pytest.mark.parametrize("event", BAD_EVENTS.values(), ids=BAD_EVENTS.keys())
def test_bad_events_are_not(event: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        Event.model_validate(event)


@pytest.mark.parametrize("text", ["2026-01-01T00:00:010Z", "2026-01-01T00:00:00.Z", "2026-01-01T00:00:00 Z"])
def test_what_only_some_versions_of_python_take_for_a_time_is_none(text: str) -> None:
    with pytest.raises(ValueError, match=r"ISO 8601|isoformat"):
        parse_timestamp_ms(text)


@pytest.mark.parametrize(
    "text", ["20260101T000000Z", "2026-01-01T00Z", "2026-01-01 00:00:00,5+05:30", "2026-W01-4T00:00Z"]
)
def test_other_forms_of_iso_8601_are_taken(text: str) -> None:
    assert parse_timestamp_ms(text) == pytest.approx(1_767_225_600_000, abs=20_000_000)
