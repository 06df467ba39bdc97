"""Cross-products: whatever the order and the grouping the same bytes, and the correlations that NumPy and SciPy find."""

import zlib
from itertools import permutations
from random import Random

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from detectors.groups.cross_wire import decode_cross, encode_cross
from detectors.lenses.cross import ROWS_TOGETHER, CrossProducts
from detectors.lenses.lens import CLIP, GREATEST, STEPS, Lens, why_unfit
from detectors.profiles.column import MISSING, Column
from detectors.profiles.profile import FINE
from detectors.profiles.vocabulary import Vocabulary
from schemas.errors import WireError
from tests.detectors import strategies as some

LENS = Lens(("a", "b", "c"), (0.0, 1.5, -2.0), (1.0, 0.25, 1e-300))
rows = st.lists(st.tuples(some.values, some.values, some.values), max_size=30)


def cross_of(events: list[tuple[object, ...]], lens: Lens = LENS) -> CrossProducts:
    columns = {
        name: Column.of([event[at] for event in events], Vocabulary()) for at, name in enumerate(lens.names) if events
    }
    return CrossProducts.of(lens, columns, slice(0, len(events)))


def cross_of_numbers(values: np.ndarray) -> tuple[Lens, CrossProducts]:
    """Of values, shape (n, p), through a lens of their medians and deviations."""
    names = tuple(f"s{at:02}" for at in range(values.shape[1]))
    lens = Lens(names, tuple(np.median(values, axis=0).tolist()), tuple(values.std(axis=0).tolist()))
    columns = {name: Column(len(values), None, values[:, at].copy(), None) for at, name in enumerate(names)}
    return lens, CrossProducts.of(lens, columns, slice(0, len(values)))


@given(rows, st.randoms(use_true_random=False))
def test_any_order_and_grouping_gives_the_same_bytes(events: list[tuple[object, ...]], random: Random) -> None:
    parts = [cross_of(part) for part in some.split(events, random)]
    while len(parts) > 1:
        parts.append(parts.pop(random.randrange(len(parts))).merge(parts.pop(random.randrange(len(parts)))))
    assert encode_cross(parts[0]) == encode_cross(cross_of(events))


@given(rows)
def test_the_sums_are_those_of_whole_numbers(events: list[tuple[object, ...]]) -> None:
    """By Python's integers, row by row."""
    found = cross_of(events)
    seen = [[_whole(value, at) for at, value in enumerate(event)] for event in events]
    for i in range(3):
        for j in range(3):
            both = [(row[i], row[j]) for row in seen if row[i] is not None and row[j] is not None]
            assert found.counts[i, j] == len(both)
            assert found.sums[i, j] == sum(x for x, _ in both)
            assert found.squares[i, j] == sum(x * x for x, _ in both)
            assert found.products[i, j] == sum(x * y for x, y in both)


def _whole(value: object, at: int) -> int | None:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        number = float(value)
    except OverflowError:
        return None
    if not np.isfinite(number):
        return None
    with np.errstate(over="ignore"):
        away = (np.float64(number) - LENS.centres[at]) / LENS.scales[at]
    return round(min(max(float(away), -CLIP), CLIP) * STEPS)


@given(rows)
def test_what_is_written_is_read(events: list[tuple[object, ...]]) -> None:
    data = encode_cross(cross_of(events))
    assert encode_cross(decode_cross(data)) == data


@given(st.data())
def test_what_was_not_written_here_is_refused_or_read_to_the_same_bytes(data: st.DataObject) -> None:
    good = bytearray(encode_cross(cross_of([(1.0, 2.0, None), (0.5, None, 3.0), (1, 2, 3)])))
    for _ in range(data.draw(st.integers(1, 3))):
        good[data.draw(st.integers(0, len(good) - 1))] = data.draw(st.integers(0, 255))
    try:
        found = decode_cross(bytes(good))
    except WireError:
        return
    assert encode_cross(found) == bytes(good)


def test_golden_bytes() -> None:
    data = encode_cross(cross_of([(1.0, 2.0, None), (0.5, None, 3.0), (1, 1, "x"), (-9, 1.75, 1)]))
    assert (len(data), f"{zlib.crc32(data):08x}") == GOLDEN


GOLDEN = (63, "c015dbaf")


def test_lenses_that_differ_do_not_mix_whatever_the_order() -> None:
    other = Lens(LENS.names, (0.0, 1.5, -1.0), LENS.scales)
    events: list[tuple[object, ...]] = [(1.0, 2.0, 3.0), (2.0, 1.0, 3.0)]
    parts = [cross_of(events), cross_of(events, other), cross_of(events[:1]), cross_of(events[:1], other)]
    kept = cross_of([*events, events[0]], min(LENS, other, key=lambda lens: lens.digest))
    assert {encode_cross(a.merge(b).merge(c.merge(d))) for a, b, c, d in permutations(parts)} == {encode_cross(kept)}


def test_correlations_are_those_of_the_clipped_values() -> None:
    rng = np.random.default_rng(1)
    values = rng.standard_t(4, (2 * ROWS_TOGETHER + 17, 6)) @ rng.normal(size=(6, 6))
    lens, cross = cross_of_numbers(values)
    clipped = np.clip((values - lens.centres) / lens.scales, -CLIP, CLIP)
    found = cross.correlations(2)
    assert np.allclose(found, np.corrcoef(np.rint(clipped * STEPS), rowvar=False), atol=1e-12)
    assert found[1, 2] == pytest.approx(stats.pearsonr(clipped[:, 1], clipped[:, 2]).statistic, abs=1e-3)


def test_correlations_with_gaps_are_over_the_rows_that_have_both() -> None:
    rng = np.random.default_rng(2)
    values = rng.normal(size=(500, 3)) @ rng.normal(size=(3, 3))
    gaps = rng.random((500, 3)) < [0.3, 0.0, 0.6]
    events = [
        tuple(MISSING if gap else value for value, gap in zip(row, gone, strict=True))
        for row, gone in zip(values.tolist(), gaps.tolist(), strict=True)
    ]
    lens = Lens(("a", "b", "c"), (0.0, 0.0, 0.0), (2.0, 2.0, 2.0))
    found = cross_of(list(events), lens).correlations(2)
    for i, j in ((0, 1), (0, 2), (1, 2)):
        both = ~gaps[:, i] & ~gaps[:, j]
        seen = np.rint(np.clip(values[both] / 2.0, -CLIP, CLIP) * STEPS)
        assert found[i, j] == pytest.approx(stats.pearsonr(seen[:, i], seen[:, j]).statistic, abs=1e-12)


def test_a_pair_without_enough_events_or_that_does_not_vary_has_no_correlation() -> None:
    found = cross_of([(1.0, 2.0, None), (2.0, 2.0, 1.0), (3.0, 2.0, None)]).correlations(2)
    assert np.isnan(found[0, 1])
    assert np.isnan(found[0, 2])
    assert found[0, 0] == 1.0


def test_values_too_far_away_to_be_subtracted_are_clipped() -> None:
    lens = Lens(("a",), (-1e308,), (5e-324,))
    assert lens.see(np.array([[1e308, -1e308, -np.inf]]))[0].tolist() == [GREATEST, 0.0, -GREATEST]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((("a",), (0.0,), (0.0,)), "above 0, got 0.0"),
        ((("a",), (float("inf"),), (1.0,)), "finite .* got inf"),
        ((("b", "a"), (0.0, 0.0), (1.0, 1.0)), "in order"),
        ((("a", "b"), (0.0,), (1.0,)), "2 names, 1 centres"),
    ],
)
def test_a_lens_that_cannot_be_is_refused(arguments: tuple[tuple[object, ...], ...], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Lens(*arguments)  # type: ignore[arg-type]  # the mistakes are the point


def test_a_lens_has_medians_and_spreads_and_a_digest_of_its_own() -> None:
    rng = np.random.default_rng(3)
    profiles = {name: some.profile_of_numbers(rng.normal(at, 2.0, 5_000), FINE) for at, name in enumerate("abc")}
    lens = Lens.of(profiles, "cab")
    assert lens.names == ("a", "b", "c")
    assert np.allclose(lens.centres, [0.0, 1.0, 2.0], atol=0.15)
    assert np.allclose(lens.scales, 2.0, rtol=0.1)
    assert lens.take("ca") == Lens.of(profiles, "ac")
    assert len({lens.digest, lens.take("ab").digest, LENS.digest}) == 3


@pytest.mark.parametrize(
    ("values", "why"),
    [
        ([1.0, 2.0, 3.0, 4.0], ""),
        (["a", "b", 1.0], "not numbers"),
        ([3.0] * 9, "one value"),
        ([0] * 99 + [1], "rare values"),
        ([0] * 80 + [1] * 20, ""),
    ],
)
def test_what_a_lens_cannot_take_in(values: list[object], why: str) -> None:
    assert why_unfit(some.profile_of(values, FINE)) == why
