"""What a comparison finds, and what it does not make a fuss about."""

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from detectors.comparisons.comparison import Cell, Comparison, Reference, Settings, compare, compare_all
from detectors.comparisons.description import describe
from detectors.comparisons.shares import PRIMARY_SHARE
from detectors.profiles.column import MISSING
from detectors.profiles.grid import Caps
from detectors.profiles.ordering import Floats
from detectors.profiles.profile import COARSE, FINE, Profile, Resolution
from detectors.statistics.footing import Footing
from detectors.statistics.spread import Spread
from schemas.verdict import State, Verdict
from tests.detectors import strategies as some

LEVEL = 1e-6
SETTINGS = Settings()


def rng() -> np.random.Generator:
    return np.random.default_rng(30)


def numeric(values: Floats) -> Profile:
    return some.profile_of_numbers(values, FINE)


def mixed(values: list[object]) -> Profile:
    return some.profile_of(values, FINE)


def result(reference: Profile, current: Profile, settings: Settings = SETTINGS) -> Comparison:
    return compare(Reference.of(reference, settings), current, settings, LEVEL)


def verdict(comparison: Comparison, detector: str) -> Verdict:
    found = comparison.verdict(detector)
    assert found is not None
    return found


BASELINE = numeric(rng().normal(size=20_000))


def test_the_same_distribution_is_ok() -> None:
    comparison = result(BASELINE, numeric(np.random.default_rng(31).normal(size=1_000)))
    assert comparison.state is State.OK
    assert comparison.p_value is not None
    assert comparison.p_value > 0.01
    assert describe("age", comparison) == "age: no change that matters"


def test_a_shift_of_one_sigma_is_drift_by_every_measure() -> None:
    comparison = result(BASELINE, numeric(np.random.default_rng(31).normal(size=1_000) + 1.0))
    assert comparison.state is State.DRIFT
    assert comparison.effect == pytest.approx(0.383, abs=0.05)
    for name in ("g", "psi", "chi2", "js", "ks"):
        found = verdict(comparison, name)
        assert found.state is State.DRIFT
        assert found.statistic is not None
        assert found.threshold is not None
        assert found.statistic > found.threshold
    assert verdict(comparison, "wasserstein").effect == pytest.approx(1.0, abs=0.1)


def test_one_outlier_does_not_hide_a_shift() -> None:
    values = np.random.default_rng(31).normal(size=1_000)
    for outlier in (1e6, -1e6, 1e300):
        baseline = numeric(np.append(rng().normal(size=20_000), outlier))
        comparison = result(baseline, numeric(np.append(values + 1.0, outlier)))
        assert comparison.state is State.DRIFT
        assert comparison.effect == pytest.approx(0.383, abs=0.05)
        assert (verdict(comparison, "psi").statistic or 0.0) > 0.5
        assert (verdict(comparison, "g").resolution or 0.0) < 0.02
        assert result(baseline, numeric(values)).state is State.OK


def test_a_hairs_breadth_in_a_million_is_ok() -> None:
    one, other = (np.random.default_rng(seed).normal(size=1_000_000) for seed in (1, 2))
    comparison = result(numeric(one), numeric(other + 0.02))
    assert comparison.state is State.OK
    assert comparison.p_value is not None
    assert comparison.p_value < LEVEL
    assert comparison.effect is not None
    assert comparison.effect < SETTINGS.minimum_effect


def test_tiny_windows_get_no_verdict() -> None:
    comparison = result(BASELINE, numeric(np.full(29, 100.0)))
    assert comparison.state is State.INSUFFICIENT
    assert {v.state for v in comparison.verdicts} == {State.INSUFFICIENT}
    assert result(numeric(np.zeros(5)), BASELINE).state is State.INSUFFICIENT


def test_without_events_there_is_no_data() -> None:
    assert result(BASELINE, Profile.empty()) == Comparison(State.NO_DATA, LEVEL, n_reference=20_000)
    assert result(Profile.empty(), BASELINE).state is State.NO_DATA
    assert describe("age", result(BASELINE, Profile.empty())) == "age: too few events to tell (20,000 and 0)"


def test_a_null_burst_is_drift() -> None:
    baseline = mixed([*rng().normal(size=5_000).tolist(), *[None] * 20])
    values = np.random.default_rng(32).normal(size=900).tolist()
    comparison = result(baseline, mixed([*values, *[None] * 60, *[MISSING] * 40]))
    assert comparison.state is State.DRIFT
    assert verdict(comparison, "null_rate").state is State.DRIFT
    assert verdict(comparison, "g").state is State.OK
    assert comparison.null_rates == (20 / 5_020, 0.1)
    assert describe("age", comparison) == "age: null from 0.4 % to 10 % of events"


def test_a_signal_that_disappears_or_appears_is_drift() -> None:
    values = rng().normal(size=2_000)
    gone, back = mixed([MISSING] * 200), numeric(values[:200])
    assert result(numeric(values), gone).state is State.DRIFT
    assert result(mixed([MISSING] * 2_000), back).state is State.DRIFT
    assert result(mixed([MISSING] * 2_000), gone).state is State.OK


@pytest.mark.parametrize(("before", "after"), [(0.9, 0.5), (0.9, 0.999), (0.1, 0.5), (0.2, 0.0)])
def test_null_rates_are_watched_both_ways(before: float, after: float) -> None:
    def with_nulls(n: int, share: float) -> Profile:
        return mixed([*[None] * round(n * share), *[1.0] * round(n * (1 - share))])

    found = verdict(result(with_nulls(10_000, before), with_nulls(1_000, after)), "null_rate")
    assert found.state is State.DRIFT
    assert found.statistic == pytest.approx(after)
    assert found.effect == pytest.approx(abs(after - before))
    assert found.threshold is not None
    assert min(before, after) <= found.threshold <= max(before, after)


def test_an_unseen_category_is_drift() -> None:
    countries = ["DE"] * 600 + ["FR"] * 300 + ["IT"] * 100
    comparison = result(mixed([*countries] * 5), mixed([*countries, *["XX"] * 40]))
    found = verdict(comparison, "unseen")
    assert comparison.state is found.state is State.DRIFT
    assert found.statistic == pytest.approx(40 / 1_040)
    assert verdict(comparison, "g").state is State.OK
    assert describe("country", comparison) == (
        'country: 3.8 % of values in categories that the baseline lacks, such as "XX"'
    )


def test_many_unseen_categories_are_drift_and_a_long_tail_is_not() -> None:
    tail = [f"id{at}" for at in range(100)]
    baseline = mixed(["DE"] * 900 + tail)
    assert result(baseline, mixed(["DE"] * 900 + [f"new{at}" for at in range(100)])).state is State.OK
    assert result(mixed(["DE"] * 1_000), mixed(["DE"] * 900 + tail)).state is State.DRIFT


def test_values_out_of_range_are_drift() -> None:
    values = np.random.default_rng(33).normal(size=1_000)
    values[:41] = 50.0 + np.arange(41)
    comparison = result(BASELINE, numeric(values))
    found = verdict(comparison, "out_of_range")
    assert comparison.state is found.state is State.DRIFT
    assert found.statistic == pytest.approx(0.041)
    assert found.note == "0 below, 41 above"
    assert describe("car_value", comparison) == "car_value: 4.1 % of values outside the baseline's range"


def test_a_constant_that_changes_is_drift() -> None:
    assert result(mixed([5.0] * 1_000), mixed([6.0] * 100)).state is State.DRIFT
    assert result(mixed([5.0] * 1_000), mixed([5.0] * 100)).state is State.OK


def test_a_change_of_type_is_drift() -> None:
    numbers = [float(at % 50) for at in range(2_000)]
    for values in (list(map(str, numbers[:200])), [True] * 200, [[1]] * 200, [float("nan")] * 200):
        comparison = result(mixed(numbers), mixed([*numbers[:400], *values]))
        assert comparison.state is State.DRIFT
        assert verdict(comparison, "types").statistic == pytest.approx(1 / 3)
    assert "(strings)" in describe("x", result(mixed(numbers), mixed([*numbers[:400], *["a"] * 200])))


@pytest.mark.parametrize(
    ("odd", "more", "p", "told"),
    [
        (["a"] * 30, 0, stats.binom(30, 500 / 2_500).sf(29), "strings"),
        ([], 30, stats.binom(80 + 200, 500 / 2_500).sf(79), "not finite"),
        (["a"] * 3, 50, stats.binom(100 + 200, 500 / 2_500).sf(99), "not finite"),
        (["a", True] * 20, 10, stats.binom(40, 500 / 2_500).sf(39), "strings, booleans"),
    ],
)
def test_the_less_probable_of_new_types_and_useless_values_decides(
    odd: list[object], more: int, p: float, told: str
) -> None:
    """A tenth of the baseline is of no use; new types are not held against that."""
    nan = [math.nan]
    baseline = mixed([*range(90)] * 20 + nan * 200)
    useful = 450 - more - len(odd)
    found = verdict(result(baseline, mixed([at % 90 for at in range(useful)] + nan * (50 + more) + odd)), "types")
    assert found.p_value == pytest.approx(2.0 * p, rel=1e-6)
    assert found.note == told
    share = (50 + more) / 500 if told == "not finite" else len(odd) / 500
    assert found.statistic == pytest.approx(share)
    assert found.effect == pytest.approx(share - 0.1 * (told == "not finite"))


def test_what_matters_decides_over_what_is_less_probable_and_does_not() -> None:
    """New types of 0.5 % of the events are less probable than 3 % more that are of no use."""
    values = [at % 90 for at in range(18_000)]
    baseline, useless = mixed(values + [math.nan] * 2_000), [math.nan] * 1_300
    found = result(baseline, mixed(values[:8_650] + useless + ["a"] * 50))
    alone = result(baseline, mixed(values[:8_700] + useless))
    assert verdict(found, "types").note == "not finite"
    assert verdict(found, "types").p_value == verdict(alone, "types").p_value
    assert verdict(found, "types").state is State.DRIFT


def test_useless_values_as_before_say_nothing() -> None:
    found = verdict(result(mixed([1, 2, math.nan] * 500), mixed([1, 2, math.nan] * 100)), "types")
    assert (found.state, found.p_value) == (State.OK, 1.0)


def test_what_does_not_apply_is_left_out() -> None:
    booleans = result(mixed([True] * 50 + [False] * 50), mixed([True] * 50 + [False] * 50))
    assert [v.detector for v in booleans.verdicts] == ["g", "psi", "chi2", "js", "null_rate", "types"]
    constant = result(mixed([1.0] * 100), mixed([1.0] * 100))
    assert [v.detector for v in constant.verdicts] == ["ks", "wasserstein", "null_rate", "types", "out_of_range"]
    assert constant.effect is None
    words = result(mixed(["a"] * 50 + ["b"] * 50), mixed([1.0] * 40))
    assert [v.detector for v in words.verdicts] == ["g", "psi", "chi2", "js", "null_rate", "types", "unseen"]


def test_the_p_value_is_that_of_the_component_tests_over_their_shares_of_the_level() -> None:
    comparison = result(BASELINE, numeric(np.random.default_rng(34).normal(size=300) + 0.2))
    parts = {"g": PRIMARY_SHARE} | dict.fromkeys(("null_rate", "types", "out_of_range"), (1.0 - PRIMARY_SHARE) / 3)
    assert comparison.tests == 4
    weighed = [p / share for name, share in parts.items() if (p := verdict(comparison, name).p_value) is not None]
    assert comparison.p_value == pytest.approx(min(weighed))


@pytest.mark.parametrize("primary", ["g", "ks", "psi", "js"])
def test_any_of_the_distances_may_be_the_primary_test(primary: str) -> None:
    settings = replace(SETTINGS, primary=primary)
    comparison = result(BASELINE, numeric(np.random.default_rng(34).normal(size=300) + 0.3), settings)
    own = verdict(comparison, primary)
    assert own.p_value is not None
    assert comparison.p_value == own.p_value / PRIMARY_SHARE
    assert comparison.effect == own.effect
    assert result(mixed(["a", "b"] * 100), mixed(["a", "b", "a"] * 30), settings).p_value is not None


def test_a_warning_is_for_what_is_significant_at_its_level_alone() -> None:
    shifted = numeric(np.random.default_rng(34).normal(size=300) + 0.4)
    comparison = result(BASELINE, shifted)
    assert comparison.state is State.WARNING
    assert comparison.p_value is not None
    assert LEVEL < comparison.p_value < SETTINGS.warning_level
    assert compare(BASELINE, shifted, SETTINGS, 0.01).state is State.DRIFT


def test_the_effect_floor_is_never_below_the_resolution() -> None:
    values = np.random.default_rng(36).normal(size=(2, 20_000))
    coarse = Resolution(Caps(1, 4), 4)
    comparison = result(
        *(some.profile_of_numbers(v + shift, coarse) for v, shift in zip(values, (0.0, 0.2), strict=True))
    )
    found = verdict(comparison, "g")
    assert found.resolution is not None
    assert found.effect is not None
    assert SETTINGS.minimum_effect < found.effect < found.resolution
    assert found.p_value is not None
    assert found.p_value < LEVEL
    assert found.state is State.OK


def test_a_profile_and_its_reference_compare_alike() -> None:
    window = numeric(np.random.default_rng(35).lognormal(size=5_000))
    assert compare(BASELINE, window, SETTINGS, LEVEL) == result(BASELINE, window)


def pairs(n: int) -> list[tuple[Profile, Profile]]:
    """Baselines and windows of all kinds: alike and not, of one size and of others, finer and coarser."""
    rng = np.random.default_rng(38)
    names = np.array([f"c{at}" for at in range(300)])
    found = []
    for at in range(n):
        sizes = rng.integers(1, 3_000, 2) if at % 3 else (2_000, 500)
        resolutions = (FINE, COARSE) if at % 5 == 0 else (COARSE, FINE) if at % 5 == 1 else (FINE, FINE)
        sides = []
        for size, resolution, moved in zip(sizes, resolutions, (0.0, 0.5 * (at % 4 == 0)), strict=True):
            numbers = (
                rng.normal(moved, 1.0, size),
                rng.lognormal(moved, 3.0, size),
                rng.poisson(3.0 + moved, size) * 1.0,
            )
            values: list[object] = numbers[at % 3].tolist()
            if at % 7 > 3:
                values = names[np.minimum(rng.geometric(0.02 * (1 + at % 9), size), 299)].tolist()
            if at % 7 == 3:
                values = [
                    v if u < 0.4 else bool(u < 0.5) if u < 0.7 else None
                    for v, u in zip(values, rng.random(size), strict=True)
                ]
            sides.append(some.profile_of(values, resolution))
        found.append((sides[0], sides[1]))
    return found


@pytest.fixture(scope="module")
def batch() -> list[tuple[Reference, Profile]]:
    found = []
    for at, (baseline, window) in enumerate(pairs(1_000)):
        spread = Spread(20 + at % 40, 1.0 + 0.001 * (at % 50), 0.1, 0.01 * (at % 30), 0.001) if at % 2 else None
        footing = Footing(spread, 60.0, 60, 60) if spread else None
        found.append((replace(Reference.of(baseline, SETTINGS), footing=footing), window))
    return found


def test_what_comes_of_a_signal_does_not_depend_on_those_beside_it(batch: list[tuple[Reference, Profile]]) -> None:
    """To the last bit, wherever in the batch it stands."""
    references, windows = [reference for reference, _ in batch], [window for _, window in batch]
    together = compare_all(references, windows, SETTINGS, LEVEL)
    assert together == [compare(reference, window, SETTINGS, LEVEL) for reference, window in batch]
    assert together[::-1] == compare_all(references[::-1], windows[::-1], SETTINGS, LEVEL)
    assert together[301:] == compare_all(references[301:], windows[301:], SETTINGS, LEVEL)
    assert {c.state for c in together} == {State.OK, State.WARNING, State.DRIFT, State.INSUFFICIENT}
    assert sum("among" in v.note for c in together for v in c.verdicts) > 300


def test_a_reference_that_met_others_answers_as_a_fresh_one_does() -> None:
    coarse = [mixed(rng().normal(size=3_000).tolist()).coarsened(Resolution(Caps(4, at), 9)) for at in range(4, 40)]
    reference = Reference.of(BASELINE, SETTINGS)
    for window in (*coarse, *coarse):
        assert compare(reference, window, SETTINGS, LEVEL) == compare(BASELINE, window, SETTINGS, LEVEL)


@given(st.lists(some.values, max_size=80), st.lists(some.values, max_size=80), some.resolutions, some.resolutions)
def test_any_two_profiles_compare(mine: list[object], theirs: list[object], a: Resolution, b: Resolution) -> None:
    settings = Settings(minimum_events=1)
    comparison = compare(some.profile_of(mine, a), some.profile_of(theirs, b), settings, 0.05)
    for found in comparison.verdicts:
        assert Verdict.from_json(found.to_json()).detector == found.detector
        assert found.p_value is None or 0.0 <= found.p_value <= 1.0
        assert found.effect is None or found.effect >= 0.0
    assert (comparison.p_value is None) == (comparison.state is State.NO_DATA)
    assert "\n" not in describe("x", comparison)


@given(st.lists(some.values, min_size=40, max_size=80), some.resolutions)
def test_a_profile_is_like_itself(values: list[object], resolution: Resolution) -> None:
    profile = some.profile_of(values, resolution)
    comparison = compare(profile, profile, SETTINGS, 0.05)
    assert {v.state for v in comparison.verdicts if v.detector not in ("types", "unseen")} == {State.OK}
    assert all(cell.reference == cell.current for cell in comparison.cells)


def test_one_sentence_says_what_moved_from_what_to_what() -> None:
    prices = np.random.default_rng(36).lognormal(10.0, 0.3, 20_000)
    comparison = result(numeric(prices), numeric(prices[:2_000] * 1.3))
    assert describe("car_value", comparison) == "car_value: median from 22,100 to 28,700, 35 % of values moved"


def test_one_sentence_names_the_category_that_moved_most() -> None:
    comparison = result(mixed(["DE"] * 600 + ["FR"] * 400), mixed(["DE"] * 200 + ["FR"] * 300))
    assert describe("country", comparison) == 'country: "DE" from 60 % to 40 %, 20 % of values moved'
    assert comparison.cells == (Cell('"DE"', 600, 200), Cell('"FR"', 400, 300))


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"bins": 1}, "bins must be at least 2, got 1"),
        ({"minimum_effect": 1.0}, r"minimum_effect must be in \[0, 1\), got 1.0"),
        ({"minimum_rare_effect": -0.1}, r"minimum_rare_effect must be in \[0, 1\), got -0.1"),
        ({"minimum_events": 0}, "minimum_events must be at least 1, got 0"),
        ({"primary": "chi2"}, "primary must be one of g, ks, psi, js, got 'chi2'"),
        ({"warning_level": 0.0}, r"warning_level must be in \(0, 1\), got 0.0"),
    ],
)
def test_settings_name_the_value_and_the_bound(settings: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Settings(**settings)  # type: ignore[arg-type]  # wrong on purpose


def test_a_window_finer_or_coarser_than_the_baseline_is_compared_at_the_coarser() -> None:
    values = np.random.default_rng(37).normal(size=(2, 5_000))
    for mine, theirs in ((FINE, COARSE), (COARSE, FINE)):
        baseline = some.profile_of_numbers(values[0], mine)
        same, shifted = (some.profile_of_numbers(values[1] + shift, theirs) for shift in (0.0, 1.0))
        assert result(baseline, same).state is State.OK
        assert result(baseline, shifted).state is State.DRIFT
