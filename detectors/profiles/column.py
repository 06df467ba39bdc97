"""A column: the values of one signal, row by row, each with the type it came with.

Every value is typed before it is converted: numpy would take True for 1.0, "1.5" for 1.5 and None for NaN.
"""

import math
import struct
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import Any

import numpy as np
import numpy.typing as npt

from detectors.profiles.ordering import Floats, Keys
from detectors.profiles.vocabulary import NO_HASH, Vocabulary


class Kind(IntEnum):
    """What a value is."""

    NUMBER = 0
    STRING = 1
    FALSE = 2
    TRUE = 3
    NULL = 4
    MISSING = 5
    NOT_FINITE = 6
    OTHER = 7


class Missing:
    """The type of `MISSING`, which stands where an event does not have the signal at all."""

    def __float__(self) -> float:
        """As numpy takes None."""
        return math.nan


MISSING = Missing()
Kinds = npt.NDArray[np.uint8]


class _KindOfType(dict[type, int]):
    def __missing__(self, _: type) -> int:
        return Kind.OTHER


_KIND_OF = _KindOfType(
    {
        float: Kind.NUMBER,
        int: Kind.NUMBER,
        str: Kind.STRING,
        bool: Kind.FALSE,
        type(None): Kind.NULL,
        Missing: Kind.MISSING,
    }
)
_NUMBERS = frozenset({float, int})
_GAPS = frozenset({type(None), Missing})
_GAP_KINDS = frozenset({Kind.NULL, Kind.MISSING, Kind.NOT_FINITE})


@dataclass(frozen=True, slots=True)
class Column:
    """`kinds`, shape (n,); `numbers`, shape (n,), read where the kind is NUMBER; `hashes`, shape (n,), read where it
    is STRING. `kinds` None: all numbers. The other two are None where no row needs them."""

    rows: int
    kinds: Kinds | None
    numbers: Floats | None
    hashes: Keys | None

    @classmethod
    def of(cls, values: Sequence[object], vocabulary: Vocabulary) -> "Column":
        """The column of Python values; the strings' hashes are entered in `vocabulary`. O(n)."""
        numbers = packed(values)
        if numbers is not None:
            return cls(len(values), None, numbers, None)
        types = set(map(type, values))
        if types - _GAPS <= _NUMBERS:
            return _of_numbers_and_gaps(values)
        return _of_strings(values, vocabulary) if types - _GAPS == {str} else _of_mixed(values, types, vocabulary)

    @classmethod
    def missing(cls, rows: int) -> "Column":
        return cls(rows, np.full(rows, Kind.MISSING, np.uint8), None, None)

    @property
    def present(self) -> bool:
        """Whether any row has the signal."""
        return self.kinds is None or bool((self.kinds != Kind.MISSING).any())

    @property
    def sort(self) -> frozenset[Kind]:
        """What kinds of values it has; gaps and numbers that are not finite are left out, and true stands as false."""
        return frozenset((Kind.NUMBER,)) if self.kinds is None else _sorts(self.kinds)

    def spread(self, width: int) -> list["Column"]:
        """The columns of a table whose values are here row by row, `width` to a row."""
        return [
            Column(self.rows // width, kinds, numbers, hashes)
            for kinds, numbers, hashes in zip(
                *(_transposed(part, width) for part in (self.kinds, self.numbers, self.hashes)), strict=True
            )
        ]

    def take(self, rows: npt.NDArray[np.intp]) -> "Column":
        """The rows named, in the order named."""
        return Column(
            len(rows),
            None if self.kinds is None else self.kinds[rows],
            None if self.numbers is None else self.numbers[rows],
            None if self.hashes is None else self.hashes[rows],
        )

    def part(self, begin: int, end: int) -> "Column":
        """Consecutive rows, as a copy."""
        return Column(
            end - begin,
            None if self.kinds is None else self.kinds[begin:end].copy(),
            None if self.numbers is None else self.numbers[begin:end].copy(),
            None if self.hashes is None else self.hashes[begin:end].copy(),
        )


def _sorts(kinds: Kinds) -> frozenset[Kind]:
    met = np.bincount(kinds, minlength=len(Kind))
    met[Kind.FALSE], met[Kind.TRUE] = met[Kind.FALSE] + met[Kind.TRUE], 0
    return frozenset(kind for kind in Kind if met[kind] and kind not in _GAP_KINDS)


def _transposed(part: npt.NDArray[Any] | None, width: int) -> list[Any]:
    return [None] * width if part is None else list(np.ascontiguousarray(part.reshape(-1, width).T))


def packed(values: Sequence[object]) -> Floats | None:
    """The values as floats where all are finite numbers; None where one is not, or may not be."""
    try:
        numbers = np.frombuffer(struct.pack(f"{len(values)}d", *values))
    except (struct.error, OverflowError):
        return None
    if not np.isfinite(numbers).all():
        return None
    # A boolean packs as 0 or 1.
    flags = ((numbers == 0.0) | (numbers == 1.0)).nonzero()[0].tolist()
    return None if bool in map(type, map(values.__getitem__, flags)) else numbers


def _of_numbers_and_gaps(values: Sequence[Any]) -> Column:
    """Numbers, `null` and `MISSING`."""
    try:
        numbers = np.fromiter(values, np.float64, len(values))
    except OverflowError:
        values = [_within_range(v) for v in values]
        return _of_mixed(values, set(map(type, values)), Vocabulary())
    rows = (~np.isfinite(numbers)).nonzero()[0].tolist()
    if not rows:
        return Column(len(values), None, numbers, None)
    kinds = np.zeros(len(values), np.uint8)
    gaps = _kinds_of(values, rows)
    kinds[rows] = np.where(gaps == Kind.NUMBER, np.uint8(Kind.NOT_FINITE), gaps)
    return Column(len(values), kinds, numbers, None)


def _kinds_of(values: Sequence[object], rows: list[int]) -> Kinds:
    return np.fromiter(map(_KIND_OF.__getitem__, map(type, map(values.__getitem__, rows))), np.uint8, len(rows))


def _within_range(value: object) -> object:
    """The value, or, for an integer beyond the range of floats, something that is no number."""
    try:
        return float(value) if type(value) is int else value
    except OverflowError:
        return [value]


def _of_strings(values: Sequence[Any], vocabulary: Vocabulary) -> Column:
    """Strings, and gaps between them."""
    hashes = np.fromiter(map(vocabulary.__getitem__, values), np.uint64, len(values))
    kinds = np.full(len(values), Kind.STRING, np.uint8)
    rows = (hashes == NO_HASH).nonzero()[0].tolist()
    if rows:
        kinds[rows] = _kinds_of(values, rows)
    return Column(len(values), kinds, None, hashes)


def _of_mixed(values: Sequence[Any], types: Iterable[type], vocabulary: Vocabulary) -> Column:
    n = len(values)
    kinds = np.fromiter(map(_KIND_OF.__getitem__, map(type, values)), np.uint8, n)
    if bool in types:
        rows = np.flatnonzero(kinds == Kind.FALSE)
        kinds[rows] += np.fromiter(map(values.__getitem__, rows.tolist()), np.uint8, len(rows))
    numbers = hashes = None
    rows = np.flatnonzero(kinds == Kind.NUMBER)
    if len(rows):
        some = _of_numbers_and_gaps([values[row] for row in rows.tolist()])
        numbers = np.zeros(n)
        numbers[rows] = 0.0 if some.numbers is None else some.numbers
        kinds[rows] = Kind.NUMBER if some.kinds is None else some.kinds
    rows = np.flatnonzero(kinds == Kind.STRING)
    if len(rows):
        hashes = np.zeros(n, np.uint64)
        hashes[rows] = [vocabulary[values[row]] for row in rows.tolist()]
    return Column(n, kinds, numbers, hashes)


def concatenated(columns: Sequence[Column]) -> Column:
    """The rows of all, one after the other."""
    if len(columns) == 1:
        return columns[0]
    plain = all(c.kinds is None for c in columns)
    return Column(
        sum(c.rows for c in columns),
        None if plain else np.concatenate([_filled(c.kinds, c.rows, np.uint8) for c in columns]),
        None
        if all(c.numbers is None for c in columns)
        else np.concatenate([_filled(c.numbers, c.rows, np.float64) for c in columns]),
        None
        if all(c.hashes is None for c in columns)
        else np.concatenate([_filled(c.hashes, c.rows, np.uint64) for c in columns]),
    )


def _filled(part: npt.NDArray[np.generic] | None, rows: int, dtype: type) -> npt.NDArray[np.generic]:
    return np.zeros(rows, dtype) if part is None else part
