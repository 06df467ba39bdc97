"""Charts and bars: what is drawn is what was measured, and lies within the plot."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.serving.page import words
from pipeline.serving.page.chart import Chart, effect_chart, evidence_chart
from pipeline.serving.page.overlay import contributions, overlay
from pipeline.serving.page.plane import Plane
from pipeline.serving.page.track import Point
from schemas.verdict import State
from schemas.window import Cell

ratios = st.none() | st.floats(0, 1)
counts = st.integers(0, 10**9)


def point(at: int, p_value: float | None, effect: float | None = 0.1, least: float | None = 0.2) -> Point:
    return Point(at * 1000, (at + 1) * 1000, State.OK, p_value, 1e-5, effect, least, None, None)


def places(chart: Chart) -> list[tuple[float, float]]:
    lines = [*chart.value, *chart.bound, *chart.hidden]
    pairs = [pair.split(",") for line in lines for pair in line.split(" ")]
    return [(float(x), float(y)) for x, y in pairs] + [(mark.x, mark.y) for mark in chart.marks]


@given(st.lists(st.tuples(ratios, ratios, ratios), max_size=30))
def test_everything_lies_within_the_plot(values: list[tuple[float | None, ...]]) -> None:
    points = [point(i, *some) for i, some in enumerate(values)]
    for chart in (evidence_chart(points, [(0, 5000), (-9000, -5000)]), effect_chart(points, [(0, 10**12)])):
        if chart is None:
            continue
        assert all(0 <= x <= 1000 and 0 <= y <= 1000 for x, y in places(chart))
        assert all(0 <= tick.y <= 1000 for tick in chart.ticks)
        assert all(x >= 0 and x + width <= 1000.1 for x, width in chart.bands)
        assert 1 <= len(chart.ticks) <= 8
        assert "nan" not in str(chart)


def test_small_p_values_are_up_and_those_beyond_the_level_are_marked() -> None:
    chart = evidence_chart([point(0, 1.0), point(1, 1e-3), point(2, 0.0), point(3, 1e-5)], [(2000, 4000)])
    assert chart is not None
    [line] = chart.value
    heights = [float(pair.split(",")[1]) for pair in line.split(" ")]
    assert heights[0] == 1000
    assert heights[2] < heights[3] < heights[1] < heights[0]
    assert len(chart.marks) == 2
    assert chart.bands == [(500.0, 500.0)]
    assert "4 windows" in chart.description
    assert "In 2 of them" in chart.description


def test_a_gap_breaks_the_line() -> None:
    chart = evidence_chart([point(0, 0.5), point(1, 0.5), point(2, None), point(3, 0.5), point(4, 0.5)], [])
    assert chart is not None
    assert len(chart.value) == 2


def test_one_point_is_no_course() -> None:
    assert evidence_chart([point(0, 0.5)], []) is None
    assert effect_chart([point(0, 0.5), point(1, 0.5, None)], []) is None


@given(st.lists(st.tuples(counts, counts), min_size=1, max_size=40))
def test_bars_are_shares_and_the_change_sums_to_nothing(events: list[tuple[int, int]]) -> None:
    bars = overlay([Cell(str(i), a, b) for i, (a, b) in enumerate(events)])
    if not bars:
        assert 0 in (sum(a for a, _ in events), sum(b for _, b in events))
        return
    assert all(0 <= bar.reference <= 100 and 0 <= bar.current <= 100 and 0 <= bar.moved_width <= 50 for bar in bars)
    assert math.isclose(max(max(bar.reference, bar.current) for bar in bars), 100)
    assert math.isclose(sum(bar.moved for bar in bars), 0, abs_tol=1e-9)
    moved = [abs(bar.moved) for bar in contributions(bars)]
    assert moved == sorted(moved, reverse=True)


@given(st.floats(1e-3, 1e4))
def test_steps_are_round_and_few(top: float) -> None:
    steps = Plane(0, 1, top).steps
    assert 2 <= len(steps) <= 6
    assert steps[0] == 0
    assert steps[-1] <= top * 1.0001


@pytest.mark.parametrize(
    ("ms", "text"),
    [(0, "0 s"), (59_999, "59 s"), (60_000, "1 min"), (12_600_000, "3 h 30 min"), (90_000_000, "1 d 1 h"), (86_400_000, "1 d")],
)  # fmt: skip
def test_a_stretch_of_time_in_words(ms: int, text: str) -> None:
    assert words.lasting(ms) == text


@pytest.mark.parametrize(("p", "text"), [(None, "–"), (0.0, "< 1e-300"), (1.5656e-15, "1.6e-15"), (0.0312, "0.031"), (1.0, "1")])  # fmt: skip
def test_a_probability_in_words(p: float | None, text: str) -> None:
    assert words.probability(p) == text
