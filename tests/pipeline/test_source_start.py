"""Where ingest goes on in a source partition, and what it says of a log that has not what is to be read."""

import logging

import pytest

from pipeline.ingest.passage import Progress
from pipeline.worker.source_start import Start, start_of
from schemas.errors import StateError
from schemas.packet import SourcePartition

SOURCE = SourcePartition("events", 3)


@pytest.mark.parametrize(("resume", "position", "first"), [(0, 0, 0), (4, 7, 0), (4, 9, 4), (9, 9, 2)])
def test_it_goes_on_where_it_was(resume: int, position: int, first: int, caplog: pytest.LogCaptureFixture) -> None:
    assert start_of(SOURCE, resume, Progress(position), (first, 9)) == Start(resume, Progress(position))
    assert not caplog.records


@pytest.mark.parametrize(("position", "behind"), [(4, 5), (7, 7)])
def test_what_was_deleted_is_counted_and_told(position: int, behind: int, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.ERROR):
        assert start_of(SOURCE, 3, Progress(position), (5, 9)) == Start(5, Progress(behind), 2)
    assert "events[3]: offsets 3 to 5 were deleted: 2 events lost; of those below" in caplog.text


@pytest.mark.parametrize(("resume", "position"), [(10, 10), (2, 10)])
def test_a_log_that_ends_before_what_was_read_of_it_is_refused(resume: int, position: int) -> None:
    with pytest.raises(StateError, match=r"events\[3\] ends at 9, and was read up to 10: the broker has lost records"):
        start_of(SOURCE, resume, Progress(position), (0, 9))
