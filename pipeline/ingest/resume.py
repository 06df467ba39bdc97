"""What is committed beside a resume offset: how far the partition is accounted for, and under which settings."""

from dataclasses import asdict
from typing import Any

from pipeline.events.joint import joint_of
from pipeline.ingest.passage import Progress
from schemas import codec
from schemas.errors import StateError, WireError
from schemas.packet import SourcePartition

VERSION = 1


def encode_progress(progress: Progress, topic_id: str, block_size: int, window_ms: int) -> str:
    """The metadata of a commit."""
    record = asdict(progress)
    if progress.pairs is None:
        del record["pairs"]
    else:
        record["pairs"] = progress.pairs.encoded()
    return codec.encode_text(
        {"v": VERSION, "topic_id": topic_id, "block_size": block_size, "window_ms": window_ms, **record}
    )


def decode_progress(metadata: str, source: SourcePartition, topic_id: str, block_size: int, window_ms: int) -> Progress:
    """The progress committed. Raises StateError where it was made under settings that cannot be mixed with these."""
    try:
        record: dict[str, Any] = codec.decode(metadata.encode())
        version = record.pop("v")
    except (WireError, UnicodeEncodeError, KeyError, AttributeError, TypeError) as error:
        raise StateError(
            f"{source}: the committed offset was not written by Driftline; use another kafka.group and kafka.prefix"
        ) from error
    if version != VERSION:
        raise StateError(
            f"{source}: the committed offset has version {version}, this worker reads {VERSION}: upgrade it"
        )
    _refuse(source, "the topic was deleted and created again", record.pop("topic_id", None), topic_id)
    _refuse(source, "kafka.block_size changed", record.pop("block_size", None), block_size)
    _refuse(source, "window.length changed", record.pop("window_ms", None), window_ms)
    try:
        progress = _progress(record)
        damaged = encode_progress(progress, topic_id, block_size, window_ms) != metadata
    except (LookupError, TypeError, ValueError, OverflowError) as error:
        raise StateError(
            f"{source}: the committed offset is damaged: {error}; use another kafka.group and kafka.prefix"
        ) from error
    if damaged:
        raise StateError(
            f"{source}: the committed offset is damaged: not in the form written here; use another kafka.group and kafka.prefix"
        )
    return progress


def _progress(record: dict[str, Any]) -> Progress:
    previous, pairs = record.pop("previous"), record.pop("pairs", None)
    numbers = {name: int(value) for name, value in record.items()}
    return Progress(
        **numbers,
        previous=None if previous is None else (int(previous[0]), int(previous[1])),
        pairs=None if pairs is None else joint_of(pairs),
    )


def _refuse(source: SourcePartition, what: str, before: object, now: object) -> None:
    if before != now:
        raise StateError(
            f"{source}: {what} ({before} -> {now}), and events would be counted twice; use another kafka.group and kafka.prefix"
        )
