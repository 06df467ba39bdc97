"""A column: the values of one signal, row by row, each with the type it came with.

Every value is typed before it is converted: numpy would take True for 1.0, "1.5" for 1.5 and None for NaN.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import IntEnum

import numpy as np
import numpy.typing as npt

from detectors.ordering import Floats, Keys
from detectors.vocabulary import Vocabulary


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
_STRINGS = frozenset({str})


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
        types = set(map(type, values))
        if types <= _NUMBERS:
            return _of_numbers(values)
        if types == _STRINGS:
            hashes = np.fromiter(map(vocabulary.__getitem__, values), np.uint64, len(values))  # type: ignore[arg-type]  # all are str
            return cls(len(values), np.full(len(values), Kind.STRING, np.uint8), None, hashes)
        return _of_mixed(values, types, vocabulary)

    @classmethod
    def missing(cls, rows: int) -> "Column":
        return cls(rows, np.full(rows, Kind.MISSING, np.uint8), None, None)

    def take(self, rows: npt.NDArray[np.intp]) -> "Column":
        """The rows named, in the order named."""
        return Column(
            len(rows),
            None if self.kinds is None else self.kinds[rows],
            None if self.numbers is None else self.numbers[rows],
            None if self.hashes is None else self.hashes[rows],
        )


def _of_numbers(values: Sequence[object]) -> Column:
    try:
        numbers = np.fromiter(values, np.float64, len(values))
    except OverflowError:
        return _of_mixed([_within_range(v) for v in values], {float, Missing, list}, Vocabulary())
    if np.isfinite(numbers).all():
        return Column(len(values), None, numbers, None)
    return Column(
        len(values), np.where(np.isfinite(numbers), Kind.NUMBER, Kind.NOT_FINITE).astype(np.uint8), numbers, None
    )


def _within_range(value: object) -> object:
    try:
        return float(value)  # type: ignore[arg-type]  # an int or a float
    except OverflowError:
        return [value]


def _of_mixed(values: Sequence[object], types: Iterable[type], vocabulary: Vocabulary) -> Column:
    n = len(values)
    kinds = np.fromiter(map(_KIND_OF.__getitem__, map(type, values)), np.uint8, n)
    if bool in types:
        for row in np.flatnonzero(kinds == Kind.FALSE).tolist():
            kinds[row] = Kind.TRUE if values[row] else Kind.FALSE
    numbers = hashes = None
    rows = np.flatnonzero(kinds == Kind.NUMBER)
    if len(rows):
        some = _of_numbers([values[row] for row in rows.tolist()])
        numbers = np.zeros(n)
        numbers[rows] = 0.0 if some.numbers is None else some.numbers
        kinds[rows] = Kind.NUMBER if some.kinds is None else some.kinds
    rows = np.flatnonzero(kinds == Kind.STRING)
    if len(rows):
        hashes = np.zeros(n, np.uint64)
        hashes[rows] = [vocabulary[str(values[row])] for row in rows.tolist()]
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
