"""One line a minute of what repeats itself, and every line of the rest."""

import logging

from pipeline.process.seldom import Seldom


def record(name: str, at_s: float) -> logging.LogRecord:
    made = logging.LogRecord(name, logging.ERROR, "file", 1, "text", (), None)
    made.created = at_s
    return made


def test_one_line_a_minute_passes() -> None:
    seldom = Seldom("client")
    assert [seldom.filter(record("client.fetcher", at)) for at in (0, 0.1, 59, 60, 61, 130)] == [True, False, False, True, False, True]  # fmt: skip


def test_others_are_not_held_back() -> None:
    seldom = Seldom("client")
    assert all(seldom.filter(record(name, 0)) for name in ("driftline", "clients", "client", "driftline"))
