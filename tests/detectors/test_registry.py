"""Every registered detector keeps the contract of sequence detectors."""

import doctest
import importlib

import numpy as np
import pytest

from detectors.sequence import registry
from detectors.sequence.detector import SequenceDetector
from schemas.verdict import State, Verdict

NAMES = registry.names()
ONE_SIDED = ("ddm", "eddm", "hddm_a", "hddm_w")
FOR_OTHER_VALUES = ("cusum",)  # normal ones; see test_cusum.py
NERVOUS = ("eddm",)  # alarms many times in every steady series
READING_SUMS = ("cusum", "onset")
BLIND_ON_SLICES = tuple(name for name in NAMES if name not in READING_SUMS)
SLOW = {"kswin": 400}  # values before and after the change; others take 2,000
READING_RATES = ("ddm", "eddm", "hddm_a", "hddm_w")  # refuse means that are not in [0, 1]


def states(detector: SequenceDetector, bits: np.ndarray) -> list[State]:
    return [detector.update(bit).state for bit in bits.astype(float).tolist()]


def steady(seed: int, n: int = 2_000, rate: float = 0.2) -> np.ndarray:
    return np.random.default_rng(seed).random(n) < rate


@pytest.mark.parametrize("name", NAMES)
def test_it_answers_with_a_verdict_of_its_name(name: str) -> None:
    verdict = registry.build(name).update(1.0)
    assert isinstance(verdict, Verdict)
    assert verdict.detector == name
    assert Verdict.from_json(verdict.to_json()) == verdict


@pytest.mark.parametrize("name", NAMES)
def test_fresh_ones_fed_alike_answer_alike(name: str) -> None:
    n = SLOW.get(name, 2_000)
    bits = np.r_[steady(1, n), ~steady(2, n)].astype(float).tolist()
    one, other = registry.build(name), registry.build(name)
    assert [one.update(bit) for bit in bits] == [other.update(bit) for bit in bits]


@pytest.mark.parametrize("name", [name for name in NAMES if name not in ONE_SIDED + FOR_OTHER_VALUES])
def test_it_finds_a_great_change_either_way_and_says_drift_on_single_values(name: str) -> None:
    n = SLOW.get(name, 2_000)
    for before, after in ((0.1, 0.9), (0.9, 0.1)):
        found = states(registry.build(name), np.r_[steady(3, n, before), steady(4, n, after)])
        assert State.DRIFT not in found[:n]
        assert State.DRIFT in found[n : n + 200]


@pytest.mark.parametrize("name", ["hddm_a", "hddm_w"])
def test_one_that_is_one_sided_finds_a_rise_and_no_fall(name: str) -> None:
    rise = states(registry.build(name), np.r_[steady(3, rate=0.1), steady(4, rate=0.9)])
    fall = states(registry.build(name), np.r_[steady(3, rate=0.9), steady(4, rate=0.1)])
    assert State.DRIFT not in rise[:2_000]
    assert State.DRIFT in rise[2_000:2_200]
    assert State.DRIFT not in fall


@pytest.mark.parametrize("name", [name for name in NAMES if name not in (*NERVOUS, "kswin")])
def test_it_seldom_alarms_on_a_steady_series(name: str) -> None:
    alarms = sum(states(registry.build(name), steady(seed, 10_000)).count(State.DRIFT) for seed in range(10))
    assert alarms <= 5


@pytest.mark.parametrize("name", NAMES)
def test_a_constant_series_is_no_change(name: str) -> None:
    assert State.DRIFT not in states(registry.build(name), np.zeros(2_000))


@pytest.mark.parametrize("name", [name for name in BLIND_ON_SLICES if name not in READING_RATES])
def test_on_slices_it_warns_at_most(name: str) -> None:
    detector = registry.build(name)
    sums = [*[1.0] * 200, *[2_000.0] * 200]
    found = {detector.update(total, 20, total * total / 20).state for total in sums}
    assert State.WARNING in found
    assert State.DRIFT not in found


@pytest.mark.parametrize("name", [name for name in READING_RATES if name != "eddm"])
def test_it_warns_at_most_on_slices_of_errors(name: str) -> None:
    detector = registry.build(name)
    found = {detector.update(total, 20, total).state for total in [2.0] * 200 + [18.0] * 200}
    assert State.WARNING in found
    assert State.DRIFT not in found


def test_eddm_cannot_read_slices_and_never_says_drift_there() -> None:
    detector = registry.build("eddm")
    assert State.DRIFT not in {detector.update(total, 20, total).state for total in [2.0] * 200 + [18.0] * 200}


@pytest.mark.parametrize("name", READING_RATES)
def test_a_mean_that_is_no_rate_of_errors_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match=r"it reads values in \[0, 1\], such as errors, got 1.5"):
        registry.build(name).update(1.5)


@pytest.mark.parametrize("name", READING_SUMS)
def test_one_that_reads_sums_says_drift_on_slices_both_of_errors_and_of_numbers(name: str) -> None:
    for scale in (1.0, 100.0):
        detector = registry.build(name)
        totals = [scale * total for total in [2.0, 1.0, 3.0] * 67 + [18.0, 17.0, 19.0] * 10]
        found = [detector.update(t, 20, scale * t).state for t in totals]
        assert State.DRIFT not in found[:201]
        assert State.DRIFT in found[201:]


@pytest.mark.parametrize("name", NAMES)
def test_a_slice_must_have_values_and_a_finite_total(name: str) -> None:
    detector = registry.build(name)
    with pytest.raises(ValueError, match="count must be at least 1, got 0"):
        detector.update(1.0, 0)
    for total in (float("nan"), float("inf")):
        with pytest.raises(ValueError, match=f"total must be finite, got {total}"):
            detector.update(total)


@pytest.mark.parametrize(
    ("name", "onset", "alarm"),
    [
        ("adwin", 1_000, 1_055),
        ("cusum", 1_000, 1_010),
        ("ddm", 1_000, 1_063),
        ("eddm", 1_000, 241),
        ("hddm_a", 1_000, 1_026),
        ("hddm_w", 1_000, 1_007),
        ("kswin", 1_000, 1_026),
        ("onset", 1_000, 1_010),
        ("page_hinkley", 1_000, 1_084),
    ],
)
def test_alarms_come_where_they_always_came(name: str, onset: int, alarm: int) -> None:
    bits = np.r_[steady(5, onset), steady(6, 1_000, 0.8)]
    assert states(registry.build(name), bits).index(State.DRIFT) == alarm


def test_an_unknown_name_or_parameter_is_an_error_that_names_the_nearest() -> None:
    with pytest.raises(ValueError, match="no detector is named 'adwn': did you mean 'adwin'"):
        registry.build("adwn")
    with pytest.raises(ValueError, match="no detector is named 'x': there is adwin, cusum, ddm"):
        registry.build("x")
    with pytest.raises(ValueError, match="adwin has no parameter 'deltas': did you mean 'delta'"):
        registry.build("adwin", deltas=0.1)


@pytest.mark.parametrize(
    ("name", "params"),
    [
        ("adwin", {"delta": 0.0}),
        ("adwin", {"delta": 1.5}),
        ("adwin", {"clock": 0}),
        ("cusum", {"run_length": 5.0}),
        ("cusum", {"shift": 0.1}),
        ("cusum", {"reference": 1}),
        ("ddm", {"warm_start": 0}),
        ("ddm", {"drift_threshold": 1.0}),
        ("eddm", {"warm_start": 0}),
        ("eddm", {"beta": 0.99}),
        ("hddm_a", {"drift_confidence": 0.01}),
        ("hddm_w", {"drift_confidence": 0.01}),
        ("hddm_w", {"decay": 1.0}),
        ("kswin", {"alpha": 1.0}),
        ("kswin", {"stat_size": 51}),
        ("onset", {"run_length": 1.0}),
        ("onset", {"effect": 1.0}),
        ("onset", {"memory": 599}),
        ("onset", {"learning": 1}),
        ("onset", {"settle": 299}),
        ("page_hinkley", {"threshold": 0.0}),
        ("page_hinkley", {"delta": -1.0}),
        ("page_hinkley", {"alpha": 1.1}),
        ("page_hinkley", {"min_instances": 0}),
    ],
)
def test_a_parameter_out_of_bounds_is_named_with_its_value(name: str, params: dict[str, float]) -> None:
    [(param, value)] = params.items()
    with pytest.raises(ValueError, match=f"{param}.* must be .* got .*{value}|{param} above 0, got .*{value}"):
        registry.build(name, **params)


def test_a_name_is_registered_once() -> None:
    with pytest.raises(ValueError, match="a detector named 'adwin' is registered already"):
        registry.register("adwin", lambda: registry.build("page_hinkley"))


@pytest.mark.parametrize("module", [*NAMES, "checkpoints"])
def test_examples_in_docstrings_run(module: str) -> None:
    results = doctest.testmod(importlib.import_module(f"detectors.sequence.{module}"))
    assert results.attempted > 0
    assert results.failed == 0
