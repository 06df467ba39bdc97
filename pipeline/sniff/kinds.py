"""What kind of signal the values of a path are."""

import re
from enum import StrEnum
from itertools import chain, pairwise

from pipeline.sniff.clock import clock_of
from pipeline.sniff.leaves import Leaf

_MOST_CATEGORIES = 64
_MOST_CODES = 20
_LEAST_CODE = 100  # below it, numbers with gaps between them are rather counts and levels
_ENOUGH = 20
_LEAST_DIMENSION, _MOST_DIMENSION = 16, 16_384  # a shorter list may be anything
_WORDS = 4
_DECIMAL = re.compile(r"[+-]?(\d+\.\d*|\.?\d+)([eE][+-]?\d+)?")
_NAMES_ONE = re.compile(r"(^|_)(id|ids|uuid|guid|key|hash|token)$", re.IGNORECASE)
_CALENDAR = re.compile(
    r"(hour|day|week|month|quarter|year)(_of_(day|week|month|year))?|day_?of_?(week|month|year)|weekday|dow|doy"
)
_CAMEL = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")


class Kind(StrEnum):
    """Those of `UNFIT` are no signals: they differ in every event, or move with time, or are no scalars, or are the truth, which
    comes when it comes."""

    NUMERIC = "numeric"
    NUMERIC_TEXT = "numbers as text"
    CODES = "codes"
    CATEGORICAL = "categorical"
    BOOLEAN = "boolean"
    CONSTANT = "constant"
    EMPTY = "null"
    MIXED = "mixed types"
    IDENTIFIER = "identifier"
    TEXT = "free text"
    TIME = "time"
    LIST = "list"
    EMBEDDING = "embedding"
    LABEL = "label"
    CALENDAR = "calendar"


UNFIT = frozenset({Kind.IDENTIFIER, Kind.TEXT, Kind.TIME, Kind.LIST, Kind.LABEL, Kind.CALENDAR})


def snake(name: str) -> str:
    """The name in lower case with underscores between its words."""
    return re.sub(r"[^a-z0-9]+", "_", _CAMEL.sub("_", name).lower()).strip("_")


def kind_of(leaf: Leaf) -> Kind:
    """O(values)."""
    if not leaf.known:
        return Kind.EMPTY
    if any(isinstance(value, list) for value in leaf.known):
        return Kind.EMBEDDING if dimension_of(leaf) else Kind.LIST
    if clock_of(leaf) is not None:
        return Kind.TIME
    if all(isinstance(value, bool) for value in leaf.known):
        return Kind.BOOLEAN
    if leaf.distinct == 1 and len(leaf.known) > 1:
        return Kind.CONSTANT
    if leaf.all_numbers:
        return _of_numbers(leaf)
    return _of_texts(leaf) if leaf.all_texts else Kind.MIXED


def dimension_of(leaf: Leaf) -> int:
    """How many numbers each of the lists has, where all are as long, and mostly no whole numbers; else 0. O(values)."""
    lists = [value for value in leaf.known if isinstance(value, list)]
    lengths = set(map(len, lists))
    if len(lists) < len(leaf.known) or len(lengths) != 1 or not _LEAST_DIMENSION <= min(lengths) <= _MOST_DIMENSION:
        return 0
    numbers = list(chain.from_iterable(lists))
    if not set(map(type, numbers)) <= {int, float}:
        return 0
    whole = sum(type(number) is int or number.is_integer() for number in numbers)
    return 0 if 2 * whole > len(numbers) else len(lists[0])


def _of_numbers(leaf: Leaf) -> Kind:
    whole = all(number == int(number) for number in leaf.numbers if abs(number) < 1 << 53)
    if not whole:
        return Kind.NUMERIC
    if _CALENDAR.fullmatch(snake(leaf.name)) and all(0 <= number <= 366 for number in leaf.numbers):
        return Kind.CALENDAR
    n, named = len(leaf.numbers), bool(_NAMES_ONE.search(snake(leaf.name)))
    if n >= _ENOUGH and leaf.distinct >= 0.9 * n and (named or _counts_up(leaf.numbers)):
        return Kind.IDENTIFIER
    span = max(leaf.numbers) - min(leaf.numbers) + 1
    few = n >= 5 * leaf.distinct and 2 < leaf.distinct <= _MOST_CODES
    long = min(leaf.numbers) >= _LEAST_CODE and not _round(leaf.numbers)
    return Kind.CODES if few and long and span > 10 * leaf.distinct else Kind.NUMERIC


def _counts_up(numbers: list[float]) -> bool:
    """Whether hardly a number is below the one before it, as in what is counted from event to event."""
    falls = sum(a >= b for a, b in pairwise(numbers))
    return falls <= 0.1 * len(numbers)


def _round(numbers: list[float]) -> bool:
    """Amounts that people choose: tens and hundreds, not codes."""
    return sum(number % 10 == 0 for number in numbers) > 0.8 * len(numbers)


def _of_texts(leaf: Leaf) -> Kind:
    texts, n = leaf.texts, len(leaf.texts)
    if all(map(_DECIMAL.fullmatch, texts)) and leaf.distinct > 2:
        fractions = any("." in text for text in texts)
        padded = any(len(text) > 1 and text[0] == "0" and text.isdigit() for text in texts)
        even = len(set(map(len, texts))) == 1 and len(texts[0]) > _WORDS
        if fractions or not (padded or even):
            return Kind.NUMERIC_TEXT
    if leaf.distinct <= _MOST_CATEGORIES and (n < _ENOUGH or leaf.distinct <= 0.5 * n):
        return Kind.CATEGORICAL
    if sum(len(text.split()) for text in texts) >= _WORDS * n:
        return Kind.TEXT
    many = n >= _ENOUGH and leaf.distinct > 0.8 * n
    return Kind.IDENTIFIER if many else Kind.CATEGORICAL
