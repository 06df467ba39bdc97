"""What is remembered of halves since the last cut: where the clock moved, and which of them became pairs."""

from array import array
from bisect import bisect_left

import numpy as np

from pipeline.events.joint import Joint

NEVER = -1


class Past:
    """From `begin` on, where the clock was `clock_ms`. 17 bytes for each pair, and 8 for each response that waited."""

    def __init__(self, begin: int, clock_ms: int) -> None:
        self._moved, self._moved_to = [begin - 1], [clock_ms]
        # Of each pair: its second half, its first one, and whether the second is the response.
        self._seconds, self._firsts, self._answers = array("q"), array("q"), array("b")
        self._early = array("q")

    def move(self, offset: int, clock_ms: int) -> None:
        """The clock is `clock_ms` from the record at `offset` on."""
        self._moved.append(offset)
        self._moved_to.append(clock_ms)

    def pair(self, second: int, first: int, *, is_answer: bool) -> None:
        """Two halves are a pair; `first` is NEVER where it was not read. The second `is_answer` to the first."""
        self._seconds.append(second)
        self._firsts.append(first)
        self._answers.append(is_answer)

    def early(self, offset: int) -> None:
        """A response waits for its request."""
        self._early.append(offset)

    def joint_at(self, at: int) -> Joint:
        """What has to be known at `at`, before which nothing waits: the orphans where they fit, else the rule. It is the same
        whenever it is asked, and by whom: of halves before `at` nothing more becomes a pair. O(pairs)."""
        clock_ms = self._moved_to[bisect_left(self._moved, at) - 1]
        begin = bisect_left(self._seconds, at)
        seconds = np.array(self._seconds[begin:], np.int64)
        straddling = np.array(self._firsts[begin:], np.int64) < at
        orphans = seconds[straddling]
        joint = Joint(clock_ms, tuple(orphans.tolist()))
        answers = np.array(self._answers[begin:], np.bool_)[straddling]
        if joint.fits or not answers.any():
            return joint
        until = int(orphans[answers][-1]) + 1
        early = self._early[bisect_left(self._early, at) : bisect_left(self._early, until)]
        return Joint(clock_ms, (), until, tuple(sorted([*orphans[~answers].tolist(), *early])))

    def forget(self, before: int) -> None:
        at = bisect_left(self._seconds, before)
        self._seconds, self._firsts, self._answers = self._seconds[at:], self._firsts[at:], self._answers[at:]
        self._early = self._early[bisect_left(self._early, before) :]
        kept = bisect_left(self._moved, before) - 1
        self._moved, self._moved_to = self._moved[kept:], self._moved_to[kept:]
