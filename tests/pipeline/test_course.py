"""The course of a group: its events, nulls and means from window to window, and how unusual each is."""

from typing import Any

import numpy as np
import pytest

from detectors.series.anomaly import AnomalyScorer
from pipeline.serving.board import Board, GroupStatus
from pipeline.serving.metrics import registry_of, text
from pipeline.serving.page.chronicle import Bounds, Chronicle
from pipeline.serving.page.course import ALARM, NULL_RATE, VOLUME, Course
from pipeline.serving.page.course_view import course_view
from pipeline.serving.page.renderer import Freshness
from pipeline.serving.page.site import Site
from pipeline.serving.page.words import Light
from pipeline.serving.server import Request
from schemas import codec
from schemas.config import Config
from schemas.group import Group, Segment
from schemas.window import WindowRecord

WINDOW_MS = 300_000
START_MS = 1_700_000_100_000 // WINDOW_MS * WINDOW_MS
WHOLE = Group("loan", "1")


def signal(name: str, null: int = 0, mean: float | None = None) -> dict[str, Any]:
    found = {"name": name, "state": "ok", "present": 1, "null": null, "missing": 0, "not_finite": 0, "summary": ""}
    return found | {"verdicts": [], "cells": []} | ({} if mean is None else {"mean": mean})


def record(at: int, events: int, *signals: dict[str, Any], **other: Any) -> dict[str, Any]:
    start_ms = START_MS + at * WINDOW_MS
    return {
        "schema": "driftline.window/2",
        "model": "loan",
        "version": "1",
        "start_ms": start_ms,
        "end_ms": start_ms + WINDOW_MS,
        "events": events,
        "completeness": "complete",
        "state": "ok",
        "signals": signals,
        **other,
    }


def volumes(n: int) -> list[int]:
    """Those of ordinary hours: a day's rhythm and noise."""
    rng = np.random.default_rng(4)
    day = 1000.0 + 300.0 * np.sin(np.arange(n) * (2.0 * np.pi / 288.0))
    return rng.poisson(day).tolist()


def test_half_the_traffic_is_unusual_and_ordinary_traffic_is_not() -> None:
    course = Course()
    usual = volumes(600)
    for at, events in enumerate([*usual, usual[-1] // 3]):
        course.add(record(at, events), 1000)
    *before, last = course.steps[VOLUME]
    assert last.is_unusual
    assert np.mean([step.score >= ALARM for step in before]) <= 0.01


def test_scores_are_those_of_the_series() -> None:
    course, scorer, usual = Course(), AnomalyScorer(512), volumes(700)
    for at, events in enumerate(usual):
        course.add(record(at, events), 1000)
    times = [START_MS + at * WINDOW_MS for at in range(len(usual))]
    assert [step.score for step in course.steps[VOLUME]] == scorer.update_many(times, usual).tolist()


def test_windows_that_are_passed_over_had_no_events() -> None:
    course = Course()
    for at in (0, 1, 5):
        course.add(record(at, 10), 1000)
    assert [(s.start_ms - START_MS) // WINDOW_MS for s in course.steps[VOLUME]] == [0, 1, 2, 3, 4, 5]
    assert [s.value for s in course.steps[VOLUME]] == [10, 10, 0, 0, 0, 10]
    course.add(record(100_000, 10), 1000)
    assert len(course.steps[VOLUME]) == 6 + 100 + 1


def test_nulls_and_means_are_followed_too() -> None:
    course = Course()
    some = (signal("income", null=5), signal("prediction", null=1, mean=0.3), signal("__anomaly__", mean=2.0))
    course.add(record(0, 10, *some), 1000)
    assert {name: step.value for name, step in course.last.items()} == {
        VOLUME: 10.0,
        NULL_RATE: pytest.approx(6 / 20),
        "prediction_mean": 0.3,
        "anomaly_mean": 2.0,
    }


def test_only_so_many_steps_are_kept() -> None:
    course = Course()
    for at in range(30):
        course.add(record(at, 10), 12)
    assert len(course.steps[VOLUME]) == 12


def test_the_view_says_what_is_unusual_against_what() -> None:
    course = Course()
    for at, events in enumerate([*volumes(400), 10]):
        course.add(record(at, events, signal("income")), 1000)
    view = course_view(course)
    assert [(row.title, row.light) for row in view.rows] == [("Events", Light.AMBER), ("Null or missing", Light.GREEN)]
    assert [row.value for row in view.rows] == ["10", "0 %"]
    assert view.chart is not None
    assert view.chart.marks[-1].text.endswith(f"10 events, anomaly score {view.rows[0].score}")


def chronicle_of(records: list[dict[str, Any]], courses: int = 200) -> Chronicle:
    chronicle = Chronicle(bounds=Bounds(courses=courses))
    for one in records:
        chronicle.window(codec.encode_canonical(one))
    assert chronicle.passed_over == 0
    return chronicle


def test_whole_models_are_followed_where_windows_are_complete_and_not_without_end() -> None:
    records = [
        record(0, 10),
        record(1, 3, completeness="incomplete"),
        record(2, 12),
        record(2, 6, segment=["country", "DE"]),
        record(2, 7, model="fraud"),
    ]
    chronicle = chronicle_of(records, courses=1)
    course = chronicle.course(WHOLE)
    assert course is not None
    assert [step.value for step in course.steps[VOLUME]] == [10, 12]
    assert chronicle.course(Group("loan", "1", Segment("country", "DE"))) is None
    assert chronicle.course(Group("fraud", "1")) is None


def test_metrics_have_the_scores_of_what_the_worker_monitors() -> None:
    records = [record(0, 10), record(0, 10, model="fraud")]
    chronicle, board = chronicle_of(records), Board()
    board.groups[0, WHOLE] = GroupStatus.of(WindowRecord.model_validate(records[0]), ())
    shown = text(registry_of(board, "0.1.0", Config(), chronicle.course)).decode()
    lines = [line for line in shown.splitlines() if line.startswith("driftline_course_anomaly_score")]
    assert lines == ['driftline_course_anomaly_score{model="loan",segment="",series="volume",version="1"} 0.0']


def test_the_overview_and_the_model_say_that_traffic_is_unusual() -> None:
    chronicle = chronicle_of([record(at, events, signal("income")) for at, events in enumerate([*volumes(300), 9])])
    site = Site(Config(), chronicle, lambda: Freshness("now"))
    for answer in (site.home(Request("/", {})), site.model(Request("/model", {"name": "loan"}))):
        assert "unusual traffic" in answer.body.decode()
        assert "events 9, median " in answer.body.decode()
