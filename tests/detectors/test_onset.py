"""Onset: the laws it keeps, that the form in columns answers alike, and what it announces."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import norm, t

from detectors.sequence.checkpoints import KEPT, Checkpoints
from detectors.sequence.evidence import SHIFTS, mixed, of_bits, of_numbers
from detectors.sequence.onset import Onset, OnsetSettings
from detectors.sequence.onset_columns import OnsetColumns
from detectors.sequence.regime import Change, Regime
from schemas.verdict import State, Verdict

QUICK = OnsetSettings(run_length=2_000.0, memory=400, learning=40, settle=600)
Slices = list[tuple[float, int, float | None]]


def quick() -> Onset:
    return Onset(run_length=2_000.0, memory=400, learning=40, settle=600)


def read(detector: Onset, slices: Slices) -> list[Verdict]:
    return [detector.update(*one) for one in slices]


def bits(rng: np.random.Generator, rate: float, values: int, size: int = 1) -> Slices:
    sums = rng.binomial(size, rate, values // size)
    return [(float(total), size, float(total)) for total in sums]


def numbers(rng: np.random.Generator, mean: float, steps: int, size: int, squares: bool = True) -> Slices:
    values = rng.normal(mean, 1.0, (steps, size))
    return [(float(v.sum()), size, float(v @ v) if squares else None) for v in values]


def drifts(verdicts: list[Verdict]) -> list[int]:
    return [at for at, verdict in enumerate(verdicts) if verdict.state == State.DRIFT]


def test_kept_checkpoints_are_what_the_rule_says_at_every_step() -> None:
    kept = Checkpoints()
    for now in range(1, 600):
        before = list(kept.times)
        dropped = kept.step()
        assert kept.times == [c for c in range(now + 1) if c == 0 or now - c < KEPT * (c & -c)]
        assert dropped is None or before[dropped] not in kept.times


@given(st.integers(2, 2_000))
def test_kept_checkpoints_are_a_quarter_of_their_age_apart_at_most(steps: int) -> None:
    kept = Checkpoints()
    for _ in range(steps):
        kept.step()
    ages = steps - np.array(kept.times)
    assert (np.diff(-ages) <= np.maximum(1, ages[:-1] / 4 + 1)).sum() >= len(ages) - 2
    assert len(ages) <= KEPT * (2 + math.log2(steps))


@given(st.integers(1, 60), st.integers(1, 60), st.data())
def test_the_evidence_of_bits_is_the_deviance_of_two_rates(n: int, m: int, data: st.DataObject) -> None:
    a, b = data.draw(st.integers(0, n)), data.draw(st.integers(0, m))
    z, change = of_bits(np.array([[n], [a]], float), np.array([[m], [b]], float))

    def log_likelihood(hits: int, of: int) -> float:
        return sum(x * math.log(x / of) for x in (hits, of - hits) if x)

    deviance = 2.0 * (log_likelihood(a, n) + log_likelihood(b, m) - log_likelihood(a + b, n + m))
    assert z[0] ** 2 == pytest.approx(deviance, abs=1e-9)
    assert change[0] == pytest.approx(a / n - b / m, abs=1e-12)


def test_the_evidence_of_numbers_is_students_t_on_the_normal_scale() -> None:
    rng = np.random.default_rng(0)
    for n, m, shift in ((5, 8, 0.5), (30, 200, 0.3), (300, 2_000, 0.2)):
        a, b = rng.normal(shift, 1.0, n), rng.normal(0.0, 1.0, m)
        z, change = of_numbers(*(np.array([[len(v)], [v.sum()], [v @ v], [len(v)]]) for v in (a, b)))
        pooled = math.sqrt((((a - a.mean()) ** 2).sum() + ((b - b.mean()) ** 2).sum()) / (n + m - 2))
        assert change[0] == pytest.approx((a.mean() - b.mean()) / pooled)
        tail = t.sf(abs(change[0]) / math.sqrt(1 / n + 1 / m), n + m - 2)
        assert z[0] == pytest.approx(norm.isf(tail), rel=2e-3)


def test_the_mixture_is_the_weighted_mean_of_likelihood_ratios() -> None:
    z, size, weights = np.array([0.5, 3.0]), np.array([40.0, 250.0]), np.array([2.0, 7.0])
    ratios = [
        np.mean([math.exp(d * math.sqrt(s) * x - s * d * d / 2) / 2 for d in SHIFTS])
        for x, s in zip(z, size, strict=True)
    ]
    assert mixed(z, size, weights) == pytest.approx(math.log(weights @ np.array(ratios)))
    assert mixed(z, size, np.zeros(2)) == -math.inf


@settings(max_examples=30)
@given(st.integers(0, 1 << 30), st.sampled_from([1, 3, 20]))
def test_bits_and_their_complement_alarm_alike(seed: int, size: int) -> None:
    rng = np.random.default_rng(seed)
    some = bits(rng, 0.2, 300, size) + bits(rng, 0.6, 300, size)
    other = [(n - total, n, n - total) for total, n, _ in some]
    one, mirrored = read(quick(), some), read(quick(), other)
    assert [v.state for v in one] == [v.state for v in mirrored]
    for a, b in zip(one, mirrored, strict=True):
        assert a.statistic == b.statistic or a.statistic == pytest.approx(b.statistic, abs=1e-6)


@settings(max_examples=30)
@given(st.integers(0, 1 << 30), st.sampled_from([1, 8]), st.booleans())
def test_numbers_and_their_negatives_alarm_alike(seed: int, size: int, squares: bool) -> None:
    rng = np.random.default_rng(seed)
    some = numbers(rng, 5.0, 80, size, squares) + numbers(rng, 6.5, 80, size, squares)
    other = [(-total, n, q) for total, n, q in some]
    assert [v.state for v in read(quick(), some)] == [v.state for v in read(quick(), other)]


@pytest.mark.parametrize("value", [0.0, 1.0, 0.1, 1e300, -3e-300, 1e9 + 0.1])
@pytest.mark.parametrize("size", [1, 20])
def test_a_constant_series_never_alarms(value: float, size: int) -> None:
    squares = None if math.isinf(value * size * value * size) else value * value * size
    assert not drifts(read(quick(), [(value * size, size, squares)] * 800))


def columns_answer(series: list[Slices]) -> None:
    """Series of any lengths, read one by one and in columns."""
    columns, ones = OnsetColumns(len(series), QUICK), [quick() for _ in series]
    squared = series[0][0][2] is not None
    for step in range(max(map(len, series))):
        now = [some[step] if step < len(some) else (0.0, 0, 0.0) for some in series]
        totals, counts, squares = (
            np.array([0.0 if x is None else x for x in column]) for column in zip(*now, strict=True)
        )
        found = columns.update(totals, counts.astype(np.int64), squares if squared else None)
        for at, (total, count, own) in enumerate(now):
            if count == 0:
                assert found.states[at] == State.NO_DATA
                continue
            verdict = ones[at].update(total, count, own)
            assert found.states[at] == verdict.state
            if verdict.statistic is None:
                assert math.isnan(found.statistics[at])
            else:
                assert found.statistics[at] == pytest.approx(verdict.statistic, rel=1e-9, abs=1e-9)


@settings(max_examples=15)
@given(st.integers(0, 1 << 30), st.sampled_from(["bits", "slices of bits", "numbers", "means", "both"]))
def test_columns_answer_as_one_series_does(seed: int, kind: str) -> None:
    rng = np.random.default_rng(seed)
    series = []
    for length in rng.integers(30, 260, 6).tolist():
        before, after = rng.uniform(0.1, 0.9, 2)
        if kind == "bits":
            some = bits(rng, before, 2 * length) + bits(rng, after, 2 * length)
        elif kind == "slices of bits":
            some = [
                one
                for rate in (before, after, before)
                for n in rng.integers(1, 30, length // 3)
                for one in bits(rng, rate, n, n)
            ]
        else:
            some = [
                one
                for mean in (before, after, before)
                for one in numbers(rng, 100 + 4 * mean, length // 3, 6, kind != "means")
            ]
        if kind == "both":
            some = bits(rng, before, length) + some
        series.append(some)
    columns_answer(series)


def test_a_column_that_ended_does_not_go_on() -> None:
    columns = OnsetColumns(2)
    columns.update(np.ones(2), np.array([1, 0]))
    with pytest.raises(ValueError, match="series 1 has ended, and goes on"):
        columns.update(np.ones(2), np.array([1, 1]))


def test_the_onset_is_told_and_the_effect() -> None:
    rng = np.random.default_rng(1)
    found = read(Onset(), bits(rng, 0.2, 1_000) + bits(rng, 0.6, 200))
    [at] = drifts(found)
    assert 1_000 <= at <= 1_040
    onset = int(found[at].note.split()[-1])
    assert abs(onset - 1_000) <= 15
    assert found[at].effect == pytest.approx(0.4, abs=0.2)


@pytest.mark.parametrize("size", [1, 20])
def test_the_return_is_a_resolution_and_no_alarm_and_the_next_change_is_one_again(size: int) -> None:
    rng = np.random.default_rng(2)
    parts = [(0.2, 3_000), (0.6, 2_000), (0.2, 12_000), (0.6, 1_000)]
    found = read(Onset(), [one for rate, n in parts for one in bits(rng, rate, n, size)])
    first, second = drifts(found)
    assert 3_000 <= first * size <= 3_100
    assert 17_000 <= second * size <= 17_100
    assert found[4_500 // size].state == State.WARNING
    assert found[6_000 // size].state == State.OK
    assert found[6_000 // size].note.startswith("back at 0.")


def test_a_long_improvement_after_an_alarm_is_no_row_of_alarms() -> None:
    rng = np.random.default_rng(3)
    falling = [one for rate in np.linspace(0.5, 0.0, 50) for one in bits(rng, float(rate), 200)]
    assert len(drifts(read(Onset(), bits(rng, 0.25, 3_000) + falling))) == 1


def test_a_regime_announces_what_goes_on_and_what_goes_beyond_and_nothing_between() -> None:
    regime = Regime(0.05, 10_000)
    assert regime.changed(Change(1_000, 0.2, 0.4, 0.2))
    assert not regime.changed(Change(2_000, 0.4, 0.3, -0.1))
    assert not regime.resolved
    assert not regime.changed(Change(3_000, 0.3, 0.2, -0.1))
    assert regime.resolved
    assert not regime.changed(Change(4_000, 0.2, 0.1, -0.1))
    assert regime.changed(Change(5_000, 0.1, 0.7, 0.6))
    regime.at(15_000)
    assert regime.opened is None
    assert regime.changed(Change(16_000, 0.7, 0.65, -0.05))


def test_a_great_change_the_other_way_is_announced_while_a_small_incident_is_open() -> None:
    regime = Regime(0.05, 10_000)
    assert regime.changed(Change(1_000, 0.2, 0.15, -0.05))
    assert not regime.changed(Change(2_000, 0.15, 0.3, 0.15))
    assert regime.changed(Change(3_000, 0.3, 0.8, 0.5))


def test_numbers_of_any_unit_alarm_alike() -> None:
    rng = np.random.default_rng(4)
    values = np.r_[rng.normal(0.0, 1.0, 1_000), rng.normal(1.0, 1.0, 200)]
    [plain] = drifts(read(Onset(), [(x, 1, None) for x in values.tolist()]))
    assert 1_000 <= plain <= 1_060
    [scaled] = drifts(read(Onset(), [(x, 1, None) for x in (1e6 + 1e-3 * values).tolist()]))
    assert scaled == plain


@pytest.mark.parametrize("squares", [True, False])
def test_slices_of_any_size_are_read(squares: bool) -> None:
    rng = np.random.default_rng(5)
    some = numbers(rng, 0.0, 60, 5_000, squares) + numbers(rng, 0.5, 10, 5_000, squares)
    assert drifts(read(Onset(), some))[0] in range(60, 66)


def test_squares_must_be_finite_and_bits_must_be_bits() -> None:
    with pytest.raises(ValueError, match="squares must be finite, got inf"):
        Onset().update(1.5, 2, math.inf)
    with pytest.raises(ValueError, match=r"total of bits must be in \[0, 2\], got 3"):
        Onset(family="bits").update(3.0, 2)
    with pytest.raises(ValueError, match="family must be one of auto, bits, numbers, got 'x'"):
        Onset(family="x")
