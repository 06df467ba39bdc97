"""What moved is split among segments exactly: nothing is left over, whatever the counts."""

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from detectors.profiles.grid import Counts
from detectors.statistics import distances
from detectors.statistics.decomposition import decompose
from detectors.statistics.tables import Tables


@st.composite
def tables(draw: st.DrawFn) -> tuple[Counts, Counts]:
    """Counts of segments in cells, shape (s, k), before and after; segments may be new or gone."""
    s, k = draw(st.integers(1, 6)), draw(st.integers(1, 5))
    cell = st.one_of(st.just(0), st.integers(0, 20), st.integers(0, 10**9))
    before, after = (np.array(draw(st.lists(cell, min_size=s * k, max_size=s * k))).reshape(s, k) for _ in "ab")
    before[0, 0] += 1
    after[-1, -1] += 1
    return before, after


def total_variation(before: Counts, after: Counts) -> float:
    return float(distances.total_variation_of(Tables.of([before], [after]))[0])


@given(tables())
def test_the_parts_of_all_segments_sum_to_the_total_variation_of_the_whole(counts: tuple[Counts, Counts]) -> None:
    before, after = counts
    found = decompose(before, after)
    assert found.moved == pytest.approx(total_variation(before.sum(axis=0), after.sum(axis=0)), abs=1e-12)
    assert found.parts.sum() == pytest.approx(found.moved, abs=1e-12)
    assert found.rest == pytest.approx(0.0, abs=1e-12)


@given(tables())
def test_each_part_is_what_kitagawa_says_in_fractions(counts: tuple[Counts, Counts]) -> None:
    before, after = counts
    n, m = int(before.sum()), int(after.sum())
    grown = [after[:, c].sum() * n > before[:, c].sum() * m for c in range(before.shape[1])]

    def rate(rows: Counts, others: Counts) -> Fraction:
        own = rows if rows.sum() else others
        return Fraction(sum(int(x) for x, yes in zip(own, grown, strict=True) if yes), max(1, int(own.sum())))

    found = decompose(before, after)
    whole = rate(before.sum(axis=0), after.sum(axis=0)) + rate(after.sum(axis=0), before.sum(axis=0))
    for at in range(len(before)):
        p0, p1 = rate(before[at], after[at]), rate(after[at], before[at])
        w0, w1 = Fraction(int(before[at].sum()), n), Fraction(int(after[at].sum()), m)
        assert found.mix[at] == pytest.approx(float((w1 - w0) * (p0 + p1 - whole) / 2), abs=1e-12)
        assert found.within[at] == pytest.approx(float((w0 + w1) * (p1 - p0) / 2), abs=1e-12)


@given(tables(), st.integers(0, 10**6))
def test_what_segments_do_not_add_up_to_is_the_rest(counts: tuple[Counts, Counts], more: int) -> None:
    before, after = counts
    whole = before.sum(axis=0)
    whole[0] += more
    found = decompose(before, after, whole)
    assert found.moved == pytest.approx(total_variation(whole, after.sum(axis=0)), abs=1e-12)
    assert found.parts.sum() + found.rest == pytest.approx(found.moved, abs=1e-12)


@given(tables(), st.randoms())
def test_the_order_of_segments_changes_no_part(counts: tuple[Counts, Counts], random: object) -> None:
    before, after = counts
    order = list(range(len(before)))
    random.shuffle(order)  # type: ignore[attr-defined]  # it is a Random
    assert decompose(before[order], after[order]).parts.tolist() == decompose(before, after).parts[order].tolist()


def test_a_segment_that_changed_alone_explains_all_of_it_from_within() -> None:
    before = np.array([[500, 500], [500, 500]])
    after = np.array([[50, 50], [20, 80]])
    found = decompose(before, after)
    assert found.moved == pytest.approx(0.15)
    assert found.mix == pytest.approx([0.0, 0.0])
    assert found.within == pytest.approx([0.0, 0.15])


def test_segments_of_which_there_are_more_explain_it_by_the_mix() -> None:
    before = np.array([[900, 100], [100, 900]]) * 10
    after = np.array([[180, 20], [80, 720]])
    found = decompose(before, after)
    assert found.moved == pytest.approx(0.24)
    assert found.within == pytest.approx([0.0, 0.0])
    assert found.mix.sum() == pytest.approx(0.24)
    assert (found.mix > 0).all()


def test_a_segment_that_went_against_the_change_has_a_part_below_nothing() -> None:
    found = decompose(np.array([[50, 50], [50, 50]]), np.array([[10, 90], [60, 40]]))
    assert found.within[0] > found.moved > 0.0 > found.within[1]


def test_a_new_segment_is_mix() -> None:
    found = decompose(np.array([[100, 0], [0, 0]]), np.array([[50, 0], [0, 50]]))
    assert found.within.tolist() == [0.0, 0.0]
    assert found.parts.sum() == pytest.approx(0.5)


@pytest.mark.parametrize(
    ("before", "after", "message"),
    [
        (np.ones((2, 2), int), np.ones((2, 3), int), r"one shape \(s, k\), got \(2, 2\) and \(2, 3\)"),
        (np.ones(3, int), np.ones(3, int), "one shape"),
        (np.zeros((2, 2), int), np.ones((2, 2), int), "both sides must have events, got 0 and 4"),
    ],
)
def test_what_cannot_be_decomposed_is_named(before: Counts, after: Counts, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        decompose(before, after)
