"""What is not watched is said at once, and then each minute."""

import logging
import tracemalloc

import pytest

from pipeline.ingest.passage import DeadLetter, Fed
from pipeline.worker.complaints import Complaints
from schemas.event import Refusal


class Clock:
    now_s = 0.0

    def __call__(self) -> float:
        return self.now_s


def test_refusals_and_strangers_are_said_at_once_and_then_each_minute(caplog: pytest.LogCaptureFixture) -> None:
    clock = Clock()
    complaints = Complaints(clock)
    old = [DeadLetter(at, Refusal.TIMESTAMP_TOO_OLD) for at in range(3)]
    complaints.note(Fed(profiled=10))
    assert not caplog.records
    complaints.note(Fed(dead_letters=old))
    complaints.note(Fed(dead_letters=old, excluded=2, strangers={"fraud-scorer"}))
    clock.now_s = 61.0
    complaints.note(Fed(profiled=5))
    complaints.note(Fed(profiled=5))
    assert [record.getMessage() for record in caplog.records] == [
        "3 of 13 events refused: timestamp_too_old 3 (numbers are read as milliseconds, see event.ts_unit)",
        "3 of 10 events refused: timestamp_too_old 3 (numbers are read as milliseconds, see event.ts_unit)",
        "2 of 10 events are of models that `models` does not list: fraud-scorer",
    ]
    assert {record.levelno for record in caplog.records} == {logging.WARNING}


def test_of_strangers_without_end_the_first_five_are_said_and_no_more_are_held(
    caplog: pytest.LogCaptureFixture,
) -> None:
    clock = Clock()
    complaints = Complaints(clock)
    complaints.note(Fed(excluded=1, strangers={"z"}))
    tracemalloc.start()
    for at in range(100, 0, -1):
        complaints.note(Fed(excluded=100, strangers={f"{at:03}-{i:02}".ljust(190, "x") for i in range(100)}))
    held, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert held < 50_000
    clock.now_s = 61.0
    complaints.note(Fed(excluded=1, strangers={"a"}))
    names = ", ".join(f"001-{i:02}".ljust(190, "x") for i in range(5))
    assert caplog.messages[1:] == [
        f"10001 of 10001 events are of models that `models` does not list: {names}",
    ]
