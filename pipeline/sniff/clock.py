"""Whether the values of a path are times, and of which unit."""

import re
from collections.abc import Sequence
from statistics import median
from typing import NamedTuple

from pipeline.sniff.leaves import Leaf
from schemas.event import UNITS_PER_SECOND, TsUnit, parse_timestamp_ms

_EARLIEST_S, _LATEST_S = 946_684_800, 4_102_444_800  # 2000 to 2100, so that no number is a time in two units
_MOST_WRONG = 0.1
_DATE = re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d")
_DIGITS = re.compile(r"\d{10}(\d{3}){0,3}")


class Clock(NamedTuple):
    """Times in epoch milliseconds by event. `unit` is that of numbers, None of strings; `fault` says why such times are
    not read, and is empty where they are."""

    rows: Sequence[int]
    times_ms: Sequence[int]
    unit: TsUnit | None = None
    fault: str = ""

    @property
    def median_ms(self) -> float:
        return median(self.times_ms)


def clock_of(leaf: Leaf) -> Clock | None:
    """The times that nearly all values of the leaf are; None where they are none. O(values)."""
    if leaf.all_numbers:
        return _of_numbers(leaf)
    return _of_texts(leaf) if leaf.all_texts else None


def _of_numbers(leaf: Leaf) -> Clock | None:
    for unit, per_second in UNITS_PER_SECOND.items():
        low, high = _EARLIEST_S * per_second, _LATEST_S * per_second
        good = [
            (row, parse_timestamp_ms(value, unit))
            for row, value in zip(leaf.rows, leaf.values, strict=True)
            if value is not None and low <= value < high
        ]
        if len(good) >= (1 - _MOST_WRONG) * len(leaf.known):
            return Clock([row for row, _ in good], [time for _, time in good], unit)
    return None


def _of_texts(leaf: Leaf) -> Clock | None:
    good, naive = [], 0
    for row, value in zip(leaf.rows, leaf.values, strict=True):
        if value is None:
            continue
        if _DIGITS.fullmatch(value):
            naive += 1
        elif _DATE.match(value):
            try:
                good.append((row, parse_timestamp_ms(value)))
            except ValueError:
                naive += 1
    if len(good) + naive < (1 - _MOST_WRONG) * len(leaf.known):
        return None
    if naive > len(good):
        digits = _DIGITS.fullmatch(leaf.texts[0]) is not None
        why = "numbers in quotes" if digits else "no ISO 8601 with a zone, as in 2026-01-31T12:00:00Z"
        return Clock(leaf.rows, [0] * len(leaf.rows), None, f"its times are {why}")
    return Clock([row for row, _ in good], [time for _, time in good])
