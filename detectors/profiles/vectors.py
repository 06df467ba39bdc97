"""Vectors: lists of as many finite numbers, one in each row, as a matrix. As in columns, what is no such list is typed."""

from collections.abc import Sequence
from itertools import chain

import numpy as np

from detectors.profiles.column import Kind, Kinds, Missing, packed
from detectors.profiles.ordering import Floats

_NUMBERS = frozenset({int, float})


def vectors_of(values: Sequence[object], dimension: int) -> tuple[Kinds | None, Floats]:
    """The kind of each row, shape (n,), NUMBER where it is a vector, None where all are; and the vectors, shape (n, dimension),
    0 where there is none. `NOT_FINITE` is a list of the right length with a number that is not finite among its numbers, and
    `OTHER` whatever else it may be: a list of another length, or with something that is no number. O(n dimension)."""
    if set(map(type, values)) == {list}:
        lists: Sequence[list[object]] = values  # type: ignore[assignment]  # the type of each was just looked at
        if set(map(len, lists)) == {dimension}:
            numbers = packed(list(chain.from_iterable(lists)))
            if numbers is not None:
                return None, numbers.reshape(-1, dimension)
    kinds = np.empty(len(values), np.uint8)
    matrix = np.zeros((len(values), dimension))
    for row, value in enumerate(values):
        kinds[row], vector = _one(value, dimension)
        if vector is not None:
            matrix[row] = vector
    return (None if (kinds == Kind.NUMBER).all() else kinds), matrix


def _one(value: object, dimension: int) -> tuple[Kind, Floats | None]:
    if value is None:
        return Kind.NULL, None
    if isinstance(value, Missing):
        return Kind.MISSING, None
    if type(value) is not list or len(value) != dimension:
        return Kind.OTHER, None
    vector = packed(value)
    if vector is not None:
        return Kind.NUMBER, vector
    return (Kind.NOT_FINITE if set(map(type, value)) <= _NUMBERS and _fit(value) else Kind.OTHER), None


def _fit(numbers: Sequence[float]) -> bool:
    """Whether each is a float, if not a finite one: integers may be too large."""
    try:
        return len([float(number) for number in numbers]) > 0
    except OverflowError:
        return False
