"""Which past steps are kept as candidate onsets: all recent ones, and the fewer the older they are."""

from bisect import bisect_left

KEPT = 8
"""How many of each power of two are kept: onsets are at most an eighth to a quarter of their age apart."""


MOST_KEPT = KEPT * 66
"""More are never kept, in 2**64 steps."""


class Checkpoints:
    """The kept steps' numbers, oldest first. Of the multiples of 2**l that are not multiples of 2**(l + 1), those are
    kept that are less than `KEPT * 2**l` steps old. So it depends on the number of steps alone, and many series can
    share it; and a step, once close to others, is never dropped for a younger one's sake: the oldest of two that have
    come too close stands longer. At most `KEPT (2 + log2(steps))`. O(log) a step.

    >>> kept = Checkpoints()
    >>> dropped = [kept.step() for _ in range(20)]
    >>> kept.times
    [0, 4, 6, 8, 10, 12, 13, 14, 15, 16, 17, 18, 19, 20]
    """

    def __init__(self) -> None:
        self.times = [0]
        self.now = 0

    def step(self) -> int | None:
        """Goes on by a step, which is kept. The place that was dropped for it, among those before, if any was."""
        self.now += 1
        gone = self.now - KEPT * (self.now & -self.now)
        dropped = None
        if gone > 0:
            dropped = bisect_left(self.times, gone)
            del self.times[dropped]
        self.times.append(self.now)
        return dropped
