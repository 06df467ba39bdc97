"""Every value is typed before it is converted."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from detectors.profiles.column import MISSING, Column, Kind, concatenated
from detectors.profiles.vocabulary import Vocabulary, hash_of
from tests.detectors import strategies as some


def kinds_of(*values: object) -> list[Kind]:
    column = Column.of(values, Vocabulary())
    return [Kind.NUMBER] * column.rows if column.kinds is None else [Kind(k) for k in column.kinds.tolist()]


@pytest.mark.parametrize(
    ("value", "kind"),
    [
        (1.5, Kind.NUMBER),
        (2, Kind.NUMBER),
        (2**80, Kind.NUMBER),
        (10**400, Kind.OTHER),
        ("1.5", Kind.STRING),
        ("", Kind.STRING),
        (True, Kind.TRUE),
        (False, Kind.FALSE),
        (None, Kind.NULL),
        (MISSING, Kind.MISSING),
        (float("nan"), Kind.NOT_FINITE),
        (float("inf"), Kind.NOT_FINITE),
        (float("-inf"), Kind.NOT_FINITE),
        ([1.0], Kind.OTHER),
        ({}, Kind.OTHER),
        (b"x", Kind.OTHER),
    ],
)
def test_a_value_keeps_the_type_it_came_with(value: object, kind: Kind) -> None:
    assert kinds_of(value) == [kind]
    assert kinds_of(value, value) == [kind, kind]
    assert kinds_of(value, "a string beside it", 7)[0] == kind
    assert kinds_of(3.0, value)[1] == kind


def test_a_column_of_finite_numbers_needs_no_kinds() -> None:
    column = Column.of([1, 2.5, -0.0], Vocabulary())
    assert column.kinds is None
    assert column.numbers is not None
    assert column.numbers.tolist() == [1.0, 2.5, 0.0]


def test_strings_are_entered_in_the_vocabulary() -> None:
    vocabulary = Vocabulary()
    column = Column.of(["a", "b", "a"], vocabulary)
    assert column.hashes is not None
    assert column.hashes.tolist() == [hash_of("a"), hash_of("b"), hash_of("a")]
    assert vocabulary.labels == {hash_of("a"): "a", hash_of("b"): "b"}


def test_a_long_string_is_held_by_its_hash_and_label() -> None:
    vocabulary = Vocabulary()
    texts = [str(i) + "x" * 100_000 for i in range(50)]
    column = Column.of([*texts, *texts], vocabulary)
    assert rows_of(column) == [(Kind.STRING, hash_of(text)) for text in [*texts, *texts]]
    assert vocabulary.labels == {hash_of(text): text[:80] for text in texts}
    assert not len(vocabulary)
    assert 50 * 80 < vocabulary.size_bytes < 50 * 500
    vocabulary.clear()
    assert vocabulary.size_bytes == 0


def test_integers_round_to_the_nearest_float() -> None:
    column = Column.of([2**53 + 1, 2**70 + 1], Vocabulary())
    assert column.numbers is not None
    assert column.numbers.tolist() == [float(2**53), float(2**70)]


@given(st.lists(some.values, max_size=20), st.lists(some.values, max_size=20))
def test_columns_one_after_the_other_are_the_column_of_all(first: list[object], second: list[object]) -> None:
    vocabulary = Vocabulary()
    joined = concatenated([Column.of(first, vocabulary), Column.of(second, vocabulary)])
    assert rows_of(joined) == rows_of(Column.of([*first, *second], vocabulary))


@given(st.lists(some.values, min_size=1, max_size=20), st.randoms(use_true_random=False))
def test_rows_are_taken_in_the_order_named(values: list[object], random: object) -> None:
    vocabulary = Vocabulary()
    column = Column.of(values, vocabulary)
    order = list(range(len(values)))
    random.shuffle(order)  # type: ignore[attr-defined]  # Hypothesis draws a Random
    assert rows_of(column.take(np.array(order))) == [rows_of(column)[at] for at in order]


def rows_of(column: Column) -> list[tuple[int, float | int | None]]:
    """What a reader of the column sees: each row's kind, and its number or hash where it has one."""
    kinds = [0] * column.rows if column.kinds is None else column.kinds.tolist()
    rows: list[tuple[int, float | int | None]] = []
    for at, kind in enumerate(kinds):
        value: float | int | None = None
        if kind == Kind.NUMBER and column.numbers is not None:
            value = float(column.numbers[at])
        if kind == Kind.STRING and column.hashes is not None:
            value = int(column.hashes[at])
        rows.append((kind, value))
    return rows


def test_a_missing_column_has_no_values() -> None:
    assert Column.of([MISSING, MISSING], Vocabulary()).kinds is not None
    assert rows_of(Column.missing(2)) == rows_of(Column.of([MISSING, MISSING], Vocabulary()))
