"""Where ingest goes on in a source partition that was read before."""

import logging
from dataclasses import replace
from typing import NamedTuple

from pipeline.connections.log_reader import Range
from pipeline.ingest.passage import Progress
from schemas.errors import StateError
from schemas.packet import SourcePartition

log = logging.getLogger("driftline.ingest")


class Start(NamedTuple):
    """The first offset to read, how far the partition is accounted for, and how many events the log no longer has of those to
    be read."""

    resume: int
    progress: Progress
    lost: int = 0


def start_of(source: SourcePartition, resume: int, progress: Progress, bounds: Range) -> Start:
    """Where to read on from, of the offsets that the log has; says so where events were deleted. Raises StateError where the
    log ends before what was read of it."""
    first, end = bounds
    read_through = max(resume, progress.position)
    if read_through > end:
        raise StateError(
            f"{source} ends at {end}, and was read up to {read_through}: the broker has lost records, and gives "
            "their offsets to others; to begin anew, change kafka.group and kafka.prefix together"
        )
    if resume >= first:
        return Start(resume, progress)
    lost = first - resume
    log.error(
        "%s: offsets %d to %d were deleted: %d events lost; of those below %d only what was not sent yet",
        source,
        resume,
        first,
        lost,
        progress.position,
    )
    return Start(first, replace(progress, position=max(first, progress.position)), lost)
