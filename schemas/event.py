"""The inference event: its default form, and the reasons for which one is refused.

Ingest does not build `Event`s, it reads columns; the model here is the promise made to producers. Where an event's
fields stand can be set in the configuration, `event.paths`.
"""

import math
import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, WithJsonSchema

EVENT_SCHEMA_VERSION = 1

TsUnit = Literal["ms", "s", "us", "ns"]
UNITS_PER_SECOND: Mapping[TsUnit, int] = {"s": 1, "ms": 1_000, "us": 1_000_000, "ns": 1_000_000_000}

_ISO = re.compile(
    r"(\d{4}-?\d\d-?\d\d|\d{4}-?W\d\d(-?\d)?)(.\d\d(:?\d\d(:?\d\d([.,]\d+)?)?)?(Z|[+-]\d\d(:?\d\d(:?\d\d(\.\d+)?)?)?)?)?"
)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND = timedelta(milliseconds=1)
_AFTER_SECONDS = frozenset("Z+-")


class Refusal(StrEnum):
    """Why an event is refused. `timestamp_too_old` is before 1971: a zero, or seconds taken for milliseconds
    (`event.ts_unit`);
    `unmatched` is a half whose other half did not come within `event.pairs`;
    `timestamp_ahead` is more than `window.max_skew` ahead of its record, or beyond the year 9999: microseconds taken for
    milliseconds; `too_many_models` and `too_many_versions` are
    names beyond what `limits` allows in a window."""

    INVALID_JSON = "invalid_json"
    NOT_AN_OBJECT = "not_an_object"
    TOO_DEEP = "too_deep"
    TOO_LARGE = "too_large"
    BAD_FORM = "bad_form"
    UNMATCHED = "unmatched"
    NO_TIMESTAMP = "no_timestamp"
    BAD_TIMESTAMP = "bad_timestamp"
    TIMESTAMP_TOO_OLD = "timestamp_too_old"
    TIMESTAMP_AHEAD = "timestamp_ahead"
    NO_MODEL = "no_model"
    BAD_MODEL = "bad_model"
    BAD_VERSION = "bad_version"
    BAD_FEATURES = "bad_features"
    TOO_MANY_MODELS = "too_many_models"
    TOO_MANY_VERSIONS = "too_many_versions"


def parse_timestamp_ms(value: object, unit: TsUnit = "ms") -> int:
    """Epoch milliseconds of a finite number of such units, or of an ISO 8601 string with a zone. Rounds down; parts of a
    second that are a float are first rounded to the microsecond, so that 0.123 s are 123 ms.

    Raises ValueError for anything else, booleans and strings without a zone among them.
    """
    if isinstance(value, bool):
        raise ValueError("a timestamp must be a number or a string, got a boolean")
    if isinstance(value, int):
        return value * 1000 // UNITS_PER_SECOND[unit]
    if isinstance(value, float):
        return _from_float(value, unit)
    if isinstance(value, str):
        return _from_iso(value)
    raise ValueError(f"a timestamp must be a number or a string, got {type(value).__name__}")


def _from_float(value: float, unit: TsUnit) -> int:
    if not math.isfinite(value):
        raise ValueError(f"a timestamp must be finite, got {value}")
    if unit == "s":
        whole = math.floor(value)
        return whole * 1000 + round((value - whole) * 1_000_000) // 1000
    return math.floor(value) * 1000 // UNITS_PER_SECOND[unit]


def _from_iso(value: str) -> int:
    # Python 3.11 takes a second of three digits for one of two, and later ones do not. Most texts need no pattern.
    usual = value[19:20] in _AFTER_SECONDS or (value[19:20] == "." and value[20:21].isdigit())
    if not usual and not _ISO.fullmatch(value):
        raise ValueError(f"{value!r} is not ISO 8601")
    time = datetime.fromisoformat(value)
    if time.tzinfo is None:
        raise ValueError(f"a timestamp must have a zone, as in 2026-01-31T12:00:00Z, got {value!r}")
    return (time - _EPOCH) // _MILLISECOND


TimestampMs = Annotated[
    int,
    BeforeValidator(parse_timestamp_ms),
    WithJsonSchema({"anyOf": [{"type": "number"}, {"type": "string", "format": "date-time"}]}),
]
Scalar = float | str | bool | None


class Event(BaseModel):
    """One inference. Fields beyond these are allowed, and profiled where the configuration names their paths."""

    model_config = ConfigDict(frozen=True, extra="allow", use_attribute_docstrings=True)

    event_id: str
    """Names the event, so that a label that comes later can find it."""

    ts: TimestampMs
    """When it happened: epoch milliseconds, or ISO 8601 with a zone."""

    model: Annotated[str, Field(min_length=1, max_length=200)]
    """The model that answered."""

    version: Annotated[str, Field(max_length=200)] = ""
    """The model's version; profiles of versions are kept apart."""

    features: dict[str, Any]
    """The inputs by name. One that is missing or null is counted as such."""

    prediction: Scalar
    """The answer: a number, a category, or null."""

    label: Scalar = None
    """The truth, where it is known already."""

    latency_ms: float | None = None
    """How long the answer took."""

    tags: dict[str, Any] = {}
    """What segments are made of: country, channel, customer."""
