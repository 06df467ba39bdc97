"""What a series has been: the sorted values of its last rows, and the highest of the last few."""

from bisect import bisect_left, insort
from collections import deque
from math import inf


class SortedPast:
    """The last `size` values added, in ascending order. A step costs a binary search and a memory move, about 1 us for
    4,096 values."""

    def __init__(self, size: int) -> None:
        if size < 1:
            raise ValueError(f"size must be at least 1, got {size}")
        self._size = size
        self._sorted: list[float] = []
        self._order: deque[float] = deque()

    def __len__(self) -> int:
        return len(self._sorted)

    def add(self, value: float) -> None:
        """Takes a value, not NaN, and forgets the oldest where there are more than `size`."""
        if len(self._order) == self._size:
            del self._sorted[bisect_left(self._sorted, self._order.popleft())]
        self._order.append(value)
        insort(self._sorted, value)

    def nearest(self, value: float) -> float:
        """How far the nearest of the values is; infinite where there is none."""
        return nearest_in(self._sorted, value)

    def count_from(self, value: float) -> int:
        """How many of the values are at least `value`."""
        return len(self._sorted) - bisect_left(self._sorted, value)

    def quantile(self, share: float) -> float:
        """The quantile, by linear interpolation between order statistics, as `numpy.quantile` has it. There must be a
        value."""
        place = share * (len(self._sorted) - 1)
        below = int(place)
        low = self._sorted[below]
        part = place - below
        return low + part * (self._sorted[below + 1] - low) if part else low


def nearest_in(ascending: list[float], value: float) -> float:
    """How far the nearest value of an ascending list is; infinite where it is empty. O(log n)."""
    place = bisect_left(ascending, value)
    above = ascending[place] - value if place < len(ascending) else inf
    below = value - ascending[place - 1] if place else inf
    return above if above < below else below


class RecentPeak:
    """The greatest of the last `rows` values added; 0 where there are none. O(1) a step, amortised."""

    def __init__(self, rows: int) -> None:
        if rows < 1:
            raise ValueError(f"rows must be at least 1, got {rows}")
        self._rows = rows
        self._row = 0
        self._falling: deque[tuple[int, float]] = deque()

    def add(self, value: float) -> None:
        while self._falling and self._falling[-1][1] <= value:
            self._falling.pop()
        self._falling.append((self._row, value))
        self._row += 1
        if self._falling[0][0] < self._row - self._rows:
            self._falling.popleft()

    @property
    def value(self) -> float:
        return self._falling[0][1] if self._falling else 0.0
