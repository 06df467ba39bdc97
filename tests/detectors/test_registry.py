"""Every registered detector keeps the contract of sequence detectors."""

import doctest
import importlib

import numpy as np
import pytest

from detectors import registry
from detectors.sequence.detector import SequenceDetector
from schemas.verdict import State, Verdict

NAMES = registry.names()


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
    bits = np.r_[steady(1), ~steady(2)].astype(float).tolist()
    one, other = registry.build(name), registry.build(name)
    assert [one.update(bit) for bit in bits] == [other.update(bit) for bit in bits]


@pytest.mark.parametrize("name", NAMES)
def test_it_finds_a_great_change_either_way_and_says_drift_on_single_values(name: str) -> None:
    for before, after in ((0.1, 0.9), (0.9, 0.1)):
        found = states(registry.build(name), np.r_[steady(3, rate=before), steady(4, rate=after)])
        assert State.DRIFT not in found[:2_000]
        assert State.DRIFT in found[2_000:2_200]


@pytest.mark.parametrize("name", NAMES)
def test_it_seldom_alarms_on_a_steady_series(name: str) -> None:
    alarms = sum(states(registry.build(name), steady(seed, 10_000)).count(State.DRIFT) for seed in range(10))
    assert alarms <= 5


@pytest.mark.parametrize("name", NAMES)
def test_a_constant_series_is_no_change(name: str) -> None:
    assert State.DRIFT not in states(registry.build(name), np.zeros(2_000))


@pytest.mark.parametrize("name", NAMES)
def test_on_slices_it_warns_at_most(name: str) -> None:
    detector = registry.build(name)
    sums = [*[1.0] * 200, *[2_000.0] * 200]
    found = {detector.update(total, 20, total * total / 20).state for total in sums}
    assert State.WARNING in found
    assert State.DRIFT not in found


@pytest.mark.parametrize("name", NAMES)
def test_a_slice_must_have_values_and_a_finite_total(name: str) -> None:
    detector = registry.build(name)
    with pytest.raises(ValueError, match="count must be at least 1, got 0"):
        detector.update(1.0, 0)
    for total in (float("nan"), float("inf")):
        with pytest.raises(ValueError, match=f"total must be finite, got {total}"):
            detector.update(total)


@pytest.mark.parametrize(("name", "onset", "alarm"), [("adwin", 1_000, 1_055), ("page_hinkley", 1_000, 1_084)])
def test_alarms_come_where_they_always_came(name: str, onset: int, alarm: int) -> None:
    bits = np.r_[steady(5, onset), steady(6, 1_000, 0.8)]
    assert states(registry.build(name), bits).index(State.DRIFT) == alarm


def test_an_unknown_name_or_parameter_is_an_error_that_names_the_nearest() -> None:
    with pytest.raises(ValueError, match="no detector is named 'adwn': did you mean 'adwin'"):
        registry.build("adwn")
    with pytest.raises(ValueError, match="no detector is named 'x': there is adwin, page_hinkley"):
        registry.build("x")
    with pytest.raises(ValueError, match="adwin has no parameter 'deltas': did you mean 'delta'"):
        registry.build("adwin", deltas=0.1)


@pytest.mark.parametrize(
    ("name", "params"),
    [
        ("adwin", {"delta": 0.0}),
        ("adwin", {"delta": 1.5}),
        ("adwin", {"clock": 0}),
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


@pytest.mark.parametrize("module", ["adwin", "page_hinkley"])
def test_examples_in_docstrings_run(module: str) -> None:
    results = doctest.testmod(importlib.import_module(f"detectors.sequence.{module}"))
    assert results.attempted > 0
    assert results.failed == 0
