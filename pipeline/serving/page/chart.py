"""A signal over time, ready to be drawn: its evidence against the level, its effect against what would have been seen; and
the events of a group."""

import math
from collections.abc import Sequence
from typing import NamedTuple

from pipeline.serving.page.course import Step
from pipeline.serving.page.plane import Plane
from pipeline.serving.page.track import Point
from pipeline.serving.page.words import counted, moment, number, probability

_LEAST_P = 1e-300
Span = tuple[int, int]


class Mark(NamedTuple):
    """A window that is marked with a dot, and what is said of it."""

    x: float
    y: float
    text: str


class Tick(NamedTuple):
    y: float
    text: str


class Chart(NamedTuple):
    """Places are as `Plane` has them. `value` and `bound` are polylines, one for each stretch without gaps; `hidden` are
    polygons of what could not have been seen; `bands` the stretches in which an alert was firing."""

    name: str
    title: str
    description: str
    value: list[str]
    bound: list[str]
    bound_text: str
    bound_y: float
    hidden: list[str]
    bands: list[tuple[float, float]]
    ticks: list[Tick]
    marks: list[Mark]
    begins: str
    ends: str


def evidence_chart(points: Sequence[Point], firing: Sequence[Span]) -> Chart | None:
    """The p-value against its level, on a log scale, small ones up. None where there are fewer than two points."""
    seen = [p for p in points if p.p_value is not None]
    if len(seen) < 2:
        return None
    last = seen[-1]
    plane = _plane(points, max(2.0, *(_evidence(p.p_value) for p in seen), *(_evidence(p.level) for p in seen)))
    drifted = [p for p in seen if p.level is not None and (p.p_value or 0.0) <= p.level]
    levels = [(_middle(p), None if p.level is None else _evidence(p.level)) for p in points]
    return Chart(
        name="evidence",
        title="p-value against its level",
        description=f"{_extent(seen)}. {_beyond(len(drifted))} the level. In the last, p is "
        f"{probability(last.p_value)} and the level {probability(last.level)}.",
        value=plane.lines((_middle(p), None if p.p_value is None else _evidence(p.p_value)) for p in points),
        bound=plane.lines(levels),
        bound_text=f"level {probability(last.level)}",
        bound_y=plane.y(_evidence(last.level)),
        hidden=[],
        bands=[plane.band(*span) for span in firing if _touches(plane, span)],
        ticks=[Tick(plane.y(at), f"1e-{at:g}" if at else "p = 1") for at in plane.steps if at == int(at)],
        marks=[
            Mark(
                plane.x(_middle(p)), plane.y(_evidence(p.p_value)), f"{moment(p.start_ms)}: p {probability(p.p_value)}"
            )
            for p in drifted
        ],
        begins=moment(points[0].start_ms),
        ends=moment(points[-1].end_ms),
    )


def effect_chart(points: Sequence[Point], firing: Sequence[Span]) -> Chart | None:
    """The effect against the least that would have been seen. None where there are fewer than two points."""
    seen = [p for p in points if p.effect is not None]
    if len(seen) < 2:
        return None
    effects, last = [p.effect or 0.0 for p in seen], seen[-1]
    least = last.minimum_detectable_effect
    plane = _plane(points, max(0.1, *effects, *(p.minimum_detectable_effect or 0.0 for p in seen)))
    bound = [(_middle(p), p.minimum_detectable_effect) for p in points]
    beyond = [p for p in seen if (p.effect or 0.0) >= (p.minimum_detectable_effect or math.inf)]
    return Chart(
        name="effect",
        title="Effect, and the least that would have been seen",
        description=f"{_extent(seen)}. The effect lies between {number(min(effects))} and {number(max(effects))}; in the "
        f"last window it is {number(last.effect)}, and a change below {number(least)} may have gone unseen.",
        value=plane.lines((_middle(p), p.effect) for p in points),
        bound=plane.lines(bound),
        bound_text="" if least is None else f"minimum detectable effect {number(least)}",
        bound_y=plane.y(least or 0.0),
        hidden=plane.areas(bound),
        bands=[plane.band(*span) for span in firing if _touches(plane, span)],
        ticks=[Tick(plane.y(at), number(at)) for at in plane.steps],
        marks=[
            Mark(plane.x(_middle(p)), plane.y(p.effect or 0.0), f"{moment(p.start_ms)}: effect {number(p.effect)}")
            for p in beyond
        ],
        begins=moment(points[0].start_ms),
        ends=moment(points[-1].end_ms),
    )


def volume_chart(steps: Sequence[Step]) -> Chart | None:
    """The events of each window. None where there are fewer than two."""
    if len(steps) < 2:
        return None
    last, unusual = steps[-1], [step for step in steps if step.is_unusual]
    plane = Plane(steps[0].start_ms, last.end_ms, max(1.0, *(step.value for step in steps)) * 1.12)
    return Chart(
        name="volume",
        title="Events in each window",
        description=f"{_extent(steps)}. The last has {number(last.value)}. "
        + (f"{counted(len(unusual), 'window')} had an unusual number." if unusual else "None had an unusual number."),
        value=plane.lines((_middle(step), step.value) for step in steps),
        bound=[],
        bound_text="",
        bound_y=0.0,
        hidden=[],
        bands=[],
        ticks=[Tick(plane.y(at), number(at)) for at in plane.steps],
        marks=[
            Mark(
                plane.x(_middle(step)),
                plane.y(step.value),
                f"{moment(step.start_ms)}: {number(step.value)} events, anomaly score {number(step.score)}",
            )
            for step in unusual
        ],
        begins=moment(steps[0].start_ms),
        ends=moment(last.end_ms),
    )


def _plane(points: Sequence[Point], top: float) -> Plane:
    return Plane(points[0].start_ms, points[-1].end_ms, top * 1.12)


def _middle(point: Point | Step) -> float:
    return (point.start_ms + point.end_ms) / 2


def _evidence(p_value: float | None) -> float:
    """0 for certain chance, 5 for p = 1e-5."""
    return 0.0 if p_value is None else -math.log10(min(1.0, max(p_value, _LEAST_P)))


def _beyond(n: int) -> str:
    return f"In {n} of them p is at or below" if n else "In none of them p is at or below"


def _touches(plane: Plane, span: Span) -> bool:
    return span[0] < plane.end_ms and span[1] > plane.begin_ms


def _extent(seen: Sequence[Point | Step]) -> str:
    return f"{counted(len(seen), 'window')}, from {moment(seen[0].start_ms)} to {moment(seen[-1].end_ms)}"
