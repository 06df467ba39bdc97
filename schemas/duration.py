"""Durations: a number and a unit in the configuration, integer milliseconds everywhere else."""

import re
from fractions import Fraction
from typing import Annotated

from pydantic import BeforeValidator, PlainSerializer, WithJsonSchema

UNITS_MS = {"w": 604_800_000, "d": 86_400_000, "h": 3_600_000, "m": 60_000, "s": 1_000, "ms": 1}

_PATTERN = r"([0-9]{1,15}(?:\.[0-9]{1,9})?) ?(ms|s|m|h|d|w)"
_DURATION = re.compile(_PATTERN)
_BARE_NUMBER = re.compile(r"[+-]?[0-9]+(\.[0-9]+)?")
_MOST_WEEKS = 5_200
_HOW = "write a number and a unit, as in 30s, 5m, 1h"


def parse_duration(value: object) -> int:
    """Milliseconds of a number and one of the units ms, s, m, h, d, w.

    Raises ValueError for anything else: a number without a unit, a negative one, parts of a millisecond,
    more than a hundred years.
    """
    if isinstance(value, int | float) and not isinstance(value, bool):
        raise ValueError(f"{value} has no unit; {_HOW}")
    if not isinstance(value, str):
        raise ValueError(f"must be a duration; {_HOW}")
    if _BARE_NUMBER.fullmatch(value.strip()):
        raise ValueError(f"{value!r} has no unit; {_HOW}")
    found = _DURATION.fullmatch(value.strip())
    if found is None:
        raise ValueError(f"{value!r} is not a duration; {_HOW}")
    exact = Fraction(found[1]) * UNITS_MS[found[2]]
    if exact.denominator != 1:
        raise ValueError(f"{value!r} is not a whole number of milliseconds")
    if exact > _MOST_WEEKS * UNITS_MS["w"]:
        raise ValueError(f"must be at most {_MOST_WEEKS}w, got {value!r}")
    return int(exact)


def format_duration(duration_ms: int) -> str:
    """The duration in the largest unit that it is a whole number of: `parse_duration` takes it back."""
    if duration_ms == 0:
        return "0s"
    return next(f"{duration_ms // ms}{unit}" for unit, ms in UNITS_MS.items() if duration_ms % ms == 0)


DurationMs = Annotated[
    int,
    BeforeValidator(parse_duration),
    PlainSerializer(format_duration, return_type=str),
    WithJsonSchema({"type": "string", "pattern": f"^{_PATTERN}$"}),
]
