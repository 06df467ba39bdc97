"""How a worker logs: lines for people, or an object a line for machines."""

import logging
import time
from datetime import UTC, datetime
from enum import StrEnum

from schemas import codec

FIELDS = "fields"
"""The name, in a log call's `extra`, of what an object has beside its message."""


class LogFormat(StrEnum):
    HUMAN = "human"
    JSON = "json"


class Objects(logging.Formatter):
    """A JSON object a line: `time`, `level`, `logger`, `message`, the fields of the call, and `exception` where there is
    one."""

    def format(self, record: logging.LogRecord) -> str:
        moment = datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")
        said: dict[str, object] = {
            "time": moment.replace("+00:00", "Z"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
            **getattr(record, FIELDS, {}),
        }
        if record.exc_info:
            said["exception"] = self.formatException(record.exc_info)
        return codec.encode_text(said)


def log_as(form: LogFormat, level: str | None = None) -> None:
    """Has the root logger write so, and Driftline's loggers from this level on."""
    logging.basicConfig(level=logging.WARNING)
    lines = logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s")
    lines.converter = time.gmtime
    for handler in logging.getLogger().handlers:
        handler.setFormatter(Objects() if form is LogFormat.JSON else lines)
    if level is not None:
        logging.getLogger("driftline").setLevel(level.upper())
