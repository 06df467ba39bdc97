"""A filter for loggers that say the same at every attempt."""

import logging


class Seldom(logging.Filter):
    """Lets through one line a minute of a logger and those below it, by the lines' own times, and every line of others.
    Belongs on a handler: a logger's filters are not asked about lines of loggers below it."""

    def __init__(self, name: str, every_s: float = 60.0) -> None:
        super().__init__(name)
        self._every_s = every_s
        self._said_s = float("-inf")

    def filter(self, record: logging.LogRecord) -> bool:
        if not super().filter(record):
            return True
        if record.created - self._said_s < self._every_s:
            return False
        self._said_s = record.created
        return True
