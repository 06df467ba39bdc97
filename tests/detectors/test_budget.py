"""The false-alarm budget."""

import pytest

from detectors.statistics.budget import Budget

DAY_MS = 86_400_000


def test_a_level_is_the_budget_shared_out_over_windows_and_tests() -> None:
    budget = Budget(1.0, 30 * DAY_MS)
    assert budget.level(5 * 60_000, 50) == pytest.approx(1 / (30 * 288 * 50))
    assert Budget(2.0, 30 * DAY_MS).level(5 * 60_000, 50) == pytest.approx(2 * budget.level(5 * 60_000, 50))


def test_all_tests_of_all_windows_spend_the_budget() -> None:
    assert Budget(3.0, 7 * DAY_MS).level(3_600_000, 20) * 7 * 24 * 20 == pytest.approx(3.0)


def test_a_level_is_at_most_one() -> None:
    assert Budget(10.0, DAY_MS).level(DAY_MS, 1) == 1.0


@pytest.mark.parametrize(("at_most", "per_ms"), [(0.0, DAY_MS), (-1.0, DAY_MS), (float("nan"), DAY_MS), (1.0, 0)])
def test_a_budget_must_be_positive(at_most: float, per_ms: int) -> None:
    with pytest.raises(ValueError, match="must be above 0, got"):
        Budget(at_most, per_ms)


def test_there_must_be_something_to_share_it_over() -> None:
    with pytest.raises(ValueError, match="window_ms and tests must be above 0, got 1000 and 0"):
        Budget(1.0, DAY_MS).level(1_000, 0)
