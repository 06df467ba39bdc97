"""A group's course as the page shows it: its events over time, and each of its series in a line."""

from statistics import median
from typing import NamedTuple

from pipeline.serving.page.chart import Chart, volume_chart
from pipeline.serving.page.course import MEANS, NULL_RATE, SERIES, VOLUME, Course, Step
from pipeline.serving.page.words import Light, moment, number, share

_TITLES = {
    VOLUME: "Events",
    NULL_RATE: "Null or missing",
    **dict(zip(MEANS.values(), ("Mean prediction", "Mean latency, ms", "Mean anomaly score"), strict=True)),
}


class CourseRow(NamedTuple):
    """A series in the last window: its value, its median over the windows shown, and how unusual it is; `peak` is the most
    unusual window shown, empty where none is unusual."""

    title: str
    light: Light
    state: str
    value: str
    usual: str
    score: str
    peak: str


class CourseView(NamedTuple):
    chart: Chart | None
    rows: list[CourseRow]

    @property
    def unusual(self) -> list[CourseRow]:
        """The series whose last window is unusual."""
        return [row for row in self.rows if row.light is Light.AMBER]


def course_view(course: Course) -> CourseView:
    return CourseView(
        volume_chart(course.steps.get(VOLUME, ())),
        [_row(name, list(course.steps[name])) for name in SERIES if name in course.steps],
    )


def _row(name: str, steps: list[Step]) -> CourseRow:
    last, most = steps[-1], max(steps, key=lambda step: step.score)
    said = share if name == NULL_RATE else number
    return CourseRow(
        _TITLES[name],
        Light.AMBER if last.is_unusual else Light.GREEN,
        "unusual" if last.is_unusual else "usual",
        said(last.value),
        said(median(step.value for step in steps)),
        number(last.score),
        f"{moment(most.start_ms)}: {said(most.value)}" if most.is_unusual else "",
    )
