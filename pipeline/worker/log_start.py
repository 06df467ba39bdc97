"""Where a monitor goes on in the log of a profiles partition."""

import logging

from pipeline.connections.log_reader import Range
from schemas.errors import StateError

log = logging.getLogger("driftline.monitor")


def start_of(partition: str, head: int, bounds: Range) -> int:
    """The first message to take, of those that are left; `head` is the first that is wanted, `bounds` are the offsets that
    the log has. Says so where messages were deleted unread. Raises StateError where the log ends before what was read of it:
    it is another one."""
    first, end = bounds
    if head > end:
        raise StateError(
            f"{partition} ends at {end}, and was read up to {head}: it was made anew, or kafka.prefix was changed without "
            "kafka.group; change both"
        )
    if 0 < head < first:
        log.error(
            "%s: messages %d to %d were deleted before they were read: windows that lack them are incomplete",
            partition,
            head,
            first,
        )
    return max(head, first)
