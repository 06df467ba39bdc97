"""Sums and steps of many traces at once."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from detectors.profiles.ordering import Floats
from detectors.profiles.trace import SLICES, Trace, traces_of
from detectors.sequence.slices import LEAST_REMEMBERED, Remembered, Rows, Slice, sums_of
from schemas import codec
from tests.detectors import strategies as some


def trace_of(values: Floats, seed: int) -> Trace:
    return traces_of(values, np.random.default_rng(seed).integers(0, SLICES, len(values)), 1)[0]


def some_values(seed: int) -> Floats:
    rng = np.random.default_rng(seed)
    n = int(rng.integers(1, 400))
    kinds = (
        rng.normal(size=n),
        rng.lognormal(10.0, 5.0, n),
        rng.integers(-9, 9, n).astype(float),
        rng.normal(size=n) * 1e300,
        rng.normal(size=n) * 1e-300,
        rng.choice([1e16, 1.0, -1e16, 0.5, 2.0**-30], n),
        rng.random(n).round(2),
        np.append(rng.normal(size=n), [1e200, -1e200]),
        np.full(n, 1.7e308),
        np.ldexp(rng.normal(size=n), rng.integers(-200, 200, n)),
    )
    return kinds[seed % len(kinds)]


def test_every_sum_is_the_nearest_float_as_one_by_one() -> None:
    traces = [*(trace_of(some_values(seed), seed) for seed in range(120)), Trace.empty()]
    sums = sums_of(traces)
    assert sums.slices.tolist() == [trace.sums.values().tolist() for trace in traces]
    assert sums.totals.tolist() == [float(trace.sums.total().values()[0]) for trace in traces]
    assert sums.counts.tolist() == [trace.counts.tolist() for trace in traces]


@given(st.lists(st.lists(some.finite, max_size=8), min_size=1, max_size=4))
def test_sums_of_any_numbers_are_the_nearest_floats(lists: list[list[float]]) -> None:
    traces = [traces_of(np.array(values), np.arange(len(values)) // 4, 1)[0] for values in lists]
    sums = sums_of(traces)
    assert sums.slices.tolist() == [trace.sums.values().tolist() for trace in traces]
    assert sums.totals.tolist() == [float(trace.sums.total().values()[0]) for trace in traces]


def test_steps_are_the_slices_that_have_values_and_a_finite_sum() -> None:
    values = np.array([1.0, 2.0, 1.7e308, 1.7e308, 4.0])
    traces = [traces_of(values, np.array([0, 0, 3, 3, 59]), 1)[0], Trace.empty(), trace_of(np.arange(900.0), 1)]
    steps = Rows.of_sums(sums_of(traces)).steps()
    assert steps[:2] == [((1.5, 2), (4.0, 1)), ()]
    assert len(steps[2]) == SLICES
    assert sum(n for _, n in steps[2]) == 900


slices = st.lists(st.tuples(st.floats(-1e3, 1e3), st.integers(1, 99)), max_size=7)


@given(st.lists(st.dictionaries(st.sampled_from("abcd"), slices), max_size=9))
def test_what_is_remembered_is_the_last_steps_of_each_however_it_was_kept(
    windows: list[dict[str, list[Slice]]],
) -> None:
    kept = read_back = Remembered.nothing()
    every: dict[str, list[Slice]] = {}
    for window in (*windows, *windows[:1] * 20):
        names = sorted(window)
        new = Rows.of([window[name] for name in names], 7)
        kept = kept.after(names, new)
        written = codec.decode(codec.encode(read_back.to_json()))
        read_back = Remembered.of({name: tuple(zip(*some, strict=True)) for name, some in written.items()})
        read_back = read_back.after(names, new)
        for name in names:
            every[name] = [*every.get(name, []), *window[name]]
        expected = {name: tuple(steps[-LEAST_REMEMBERED:]) for name, steps in sorted(every.items())}
        assert dict(kept) == dict(read_back) == expected
        assert {name: tuple(zip(*some, strict=True)) for name, some in kept.to_json().items()} == expected
    rows = [past.rows_of(["a", "nobody", "d"]) for past in (kept, Remembered.of(dict(kept)))]
    width = max(r.means.shape[1] for r in rows)
    for mine, theirs in zip(*((r.means, r.counts, r.lengths) for r in (r.last(width) for r in rows)), strict=True):
        assert mine.tolist() == theirs.tolist()


def test_traces_of_no_signals_have_no_sums() -> None:
    assert sums_of([]).slices.shape[0] == 0


@pytest.mark.parametrize("n", [0, 1, 5])
def test_rows_take_the_last_steps(n: int) -> None:
    rows = Rows.of([[(float(i), 1) for i in range(n)]], 3)
    assert rows.steps() == [tuple((float(i), 1) for i in range(n))[-3:]]


def test_a_whole_remembers_two_windows_and_a_segment_three() -> None:
    kept = {slices: Remembered.nothing() for slices in (60, 12)}
    for _ in range(5):
        for slices in kept:
            kept[slices] = kept[slices].after(["x"], Rows.of([[(1.0, 2)] * slices], slices))
    assert {slices: len(some["x"]) for slices, some in kept.items()} == {60: 120, 12: 36}
    assert len(kept[60].after([], Rows.of([], 0))["x"]) == 120
