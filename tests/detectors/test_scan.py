"""Slices of a window, read after those of the windows before."""

import numpy as np
import pytest

from detectors.profiles.ordering import Floats
from detectors.sequence.adwin import Adwin
from detectors.sequence.page_hinkley import PageHinkley, page_hinkley_changes
from detectors.sequence.scan import LEAST_EARLIER, MOST_EARLIER, Slice, scan, scan_all
from detectors.sequence.screen import adwin_may_change
from detectors.sequence.slices import Rows
from schemas.verdict import State

EARLIER, NEW = 120, 60


def slices(seed: int, n: int, mean: float = 0.0, spread: float = 1.0) -> list[Slice]:
    """Slices of 1 to 99 normal values each."""
    rng = np.random.default_rng(seed)
    counts = rng.integers(1, 100, n)
    return [
        (float(x), int(c)) for x, c in zip(mean + spread * rng.normal(size=n) / np.sqrt(counts), counts, strict=True)
    ]


def states(earlier: list[Slice], new: list[Slice]) -> dict[str, State]:
    return {verdict.detector: verdict.state for verdict in scan(earlier, new)}


def test_a_steady_series_is_ok() -> None:
    found = [states(slices(seed, EARLIER), slices(seed + 1_000, NEW)) for seed in range(50)]
    assert all(state is State.OK for each in found for state in each.values())


@pytest.mark.parametrize("sign", [1.0, -1.0])
def test_a_change_within_the_new_slices_is_a_warning(sign: float) -> None:
    verdicts = {v.detector: v for v in scan(slices(1, EARLIER), slices(2, NEW, sign))}
    assert {v.state for v in verdicts.values()} == {State.WARNING}
    assert (verdicts["page_hinkley"].statistic or 0.0) * sign > 0.0
    assert verdicts["page_hinkley"].note.startswith("at slice ")


def test_a_change_before_the_new_slices_is_old_news() -> None:
    earlier = [*slices(1, EARLIER // 2), *slices(2, EARLIER // 2, 1.0)]
    assert set(states(earlier, slices(3, NEW, 1.0)).values()) == {State.OK}


@pytest.mark.parametrize("scale", [1e-9, 1.0, 1e9, 1e300])
@pytest.mark.parametrize("offset", [0.0, 1_000.0])
def test_units_do_not_matter(scale: float, offset: float) -> None:
    def scaled(some: list[Slice]) -> list[Slice]:
        return [((x + offset) * scale, n) for x, n in some]

    for new in (slices(4, NEW), slices(4, NEW, 1.0)):
        assert states(scaled(slices(3, EARLIER)), scaled(new)) == states(slices(3, EARLIER), new)


def test_one_odd_slice_is_no_change() -> None:
    new = slices(5, NEW)
    new[30] = (1e6, 50)
    assert set(states(slices(6, EARLIER), new).values()) == {State.OK}


def test_a_constant_series_has_no_changes_but_real_ones() -> None:
    constant = [(0.1, n) for n in range(1, EARLIER + 1)]
    assert set(states(constant, [(0.1 + 1e-17, 7)] * NEW).values()) == {State.OK}
    assert set(states(constant, [(0.2, 7)] * NEW).values()) == {State.WARNING}


def test_only_the_last_slices_are_remembered() -> None:
    earlier = slices(7, EARLIER)
    assert scan([*slices(8, 500, 9.0), *earlier], slices(9, NEW)) == scan(earlier, slices(9, NEW))
    assert len(earlier) == MOST_EARLIER


def test_without_history_it_is_learning_and_without_slices_there_is_no_data() -> None:
    assert set(states(slices(1, LEAST_EARLIER - 1), slices(2, NEW)).values()) == {State.LEARNING}
    assert set(states(slices(1, EARLIER), []).values()) == {State.NO_DATA}
    assert set(states([], []).values()) == {State.NO_DATA}
    assert scan_all(Rows.of([], 0), Rows.of([], 0)) == []


def test_slices_whose_sum_no_float_holds_are_passed_over() -> None:
    new = slices(2, NEW)
    infinite: list[Slice] = [(float("inf"), 3), (float("-inf"), 1)]
    assert states([*slices(1, EARLIER), *infinite], [*new, *infinite]) == states(slices(1, EARLIER), new)


def series(n: int) -> tuple[Floats, np.ndarray]:
    """Standardised series in columns, shape (180, n): steady, shifted, wandering, constant; and their lengths."""
    rng = np.random.default_rng(10)
    values = rng.normal(size=(180, n))
    at = np.arange(180)[:, None]
    values += rng.uniform(0.0, 5.0, n) * (at >= rng.integers(20, 170, n)) * (np.arange(n) % 3 == 0)
    wandering = np.arange(n) % 5 == 0
    values[:, wandering] = 0.2 * np.cumsum(values[:, wandering], axis=0)
    values[:, np.arange(n) % 11 == 0] = 0.0
    return np.clip(values, -4.0, 4.0), rng.integers(1, 181, n)


def test_a_screened_series_is_one_that_river_finds_no_change_in() -> None:
    values, lengths = series(600)
    unit = np.clip(0.5 + 0.25 * values, 0.0, 1.0)
    may = adwin_may_change(unit, lengths, 0.002, 4)
    read = zip(unit.T.tolist(), lengths.tolist(), strict=True)
    found = [Adwin(clock=4).first_change(column[:length], 0) >= 0 for column, length in read]
    assert may.tolist() == found
    assert 20 < sum(found) < 400


def test_page_hinkley_finds_in_columns_what_river_finds_value_by_value() -> None:
    values, lengths = series(600)
    after = np.random.default_rng(12).integers(0, 180, 600)
    found = page_hinkley_changes(values, lengths, after, 0.5, 15.0, 30)
    for column, length, begin, first in zip(values.T.tolist(), lengths.tolist(), after.tolist(), found, strict=True):
        detector = PageHinkley(0.5, 15.0, 30, 1.0)
        warned = [at for at, x in enumerate(column[:length]) if detector.update(2.0 * x, 2).state is State.WARNING]
        assert first == next((at for at in warned if at >= begin), -1)
    assert 20 < (found >= 0).sum() < 400


def test_what_is_found_in_a_series_does_not_depend_on_those_beside_it() -> None:
    rng = np.random.default_rng(11)
    earlier = [slices(seed, int(rng.choice([0, 29, 30, 100, 120]))) for seed in range(200)]
    new = [slices(seed + 500, int(rng.choice([0, 1, 30, 60])), 1.0 * (seed % 3 == 0)) for seed in range(200)]
    together = scan_all(Rows.of(earlier, MOST_EARLIER), Rows.of(new, NEW))
    assert together == [scan(*pair) for pair in zip(earlier, new, strict=True)]
    assert {v.state for each in together for v in each} == {State.NO_DATA, State.LEARNING, State.OK, State.WARNING}
