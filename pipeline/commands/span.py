"""Which events a command reads: files, or what was written to the source topics in a span of time."""

import time
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from detectors.lenses.frozen import FrozenParts
from pipeline.history.history import FileHistory, History
from schemas.config import Config
from schemas.duration import parse_duration
from schemas.event import parse_timestamp_ms
from schemas.instant import instant

Span = tuple[int, int]
"""Epoch milliseconds `[begin, end)`."""

SomeFiles = Annotated[
    list[Path] | None, typer.Argument(metavar="EVENTS...", help="NDJSON, CSV or Parquet files, .gz too, in order.")
]
FromKafka = Annotated[
    bool, typer.Option("--from-kafka", help="Read the source topics instead of files; commits nothing.")
]
Since = Annotated[
    str | None,
    typer.Option("--since", metavar="TIME", help="What was written since: back from now, as in 7d, or a time."),
]
Until = Annotated[
    str | None,
    typer.Option(
        "--until",
        metavar="TIME",
        help="And before; now without. Both go by when records were written, not by the events' own time.",
    ),
]


def span_of(since: str | None, until: str | None, from_kafka: bool, events: Sequence[Path] | None) -> Span | None:
    """The span of the topics to read; None for files. Raises typer.BadParameter where options do not go together."""
    if from_kafka == bool(events):
        raise typer.BadParameter("give files, or --from-kafka, and not both", param_hint="EVENTS")
    if not from_kafka:
        if since or until:
            raise typer.BadParameter("goes with --from-kafka; files are read whole", param_hint="--since, --until")
        return None
    now_ms = time.time_ns() // 1_000_000
    begin_ms = _moment("--since", since, now_ms) if since else 0
    end_ms = _moment("--until", until, now_ms) if until else now_ms
    if begin_ms >= end_ms:
        raise typer.BadParameter(f"must be before the end, {instant(end_ms)}", param_hint="--since")
    return begin_ms, end_ms


def history_of(
    config: Config, events: Sequence[Path] | None, span: Span | None, frozen: FrozenParts | None = None
) -> History:
    """The events of the files, or of the span. Raises BrokerError or InputError where there are none to be had."""
    if span is None:
        return FileHistory(events or [], config, frozen)
    from pipeline.history.topic_history import TopicHistory

    return TopicHistory(config, *span, frozen)


def _moment(option: str, text: str, now_ms: int) -> int:
    try:
        return now_ms - parse_duration(text)
    except ValueError:
        pass
    try:
        return parse_timestamp_ms(text)
    except ValueError:
        raise typer.BadParameter(
            f"{text!r} is neither a duration, as in 7d, nor a time with a zone, as in 2026-01-31T12:00:00Z",
            param_hint=option,
        ) from None
