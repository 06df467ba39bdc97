"""Where a monitor goes on in its log, and what it says of a log that is not the one it read."""

import logging

import pytest

from pipeline.worker.log_start import start_of
from schemas.errors import StateError


@pytest.mark.parametrize(("head", "first", "start"), [(0, 0, 0), (7, 0, 7), (7, 7, 7), (0, 5, 5), (9, 3, 9)])
def test_it_goes_on_where_it_was(head: int, first: int, start: int, caplog: pytest.LogCaptureFixture) -> None:
    assert start_of("p[0]", head, (first, 9)) == start
    assert not caplog.records


def test_messages_that_were_deleted_unread_are_told(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.ERROR):
        assert start_of("p[0]", 3, (5, 9)) == 5
    assert "p[0]: messages 3 to 5 were deleted before they were read" in caplog.text


def test_a_log_that_ends_before_what_was_read_of_it_is_refused() -> None:
    with pytest.raises(
        StateError, match=r"p\[0\] ends at 4, and was read up to 100000: .*kafka\.prefix .* change both"
    ):
        start_of("p[0]", 100_000, (0, 4))
