"""Where the course of a series changes: its level, its slope or its curvature, found as the rows come."""

from collections.abc import Sequence
from math import isfinite, log, log2

import numpy as np
import numpy.typing as npt

from detectors.series.guard import RECENT, Guard
from detectors.series.segments import DEGREES, LONGEST, Opening, cost_of, residuals_of_endings

Floats = npt.NDArray[np.float64]

_LEAST = 5
_PER_CHANGE = 4.0
_NOISE, _YOUTH, _STEP = 0.05, 20.0, 1.05
_CONFIRMED, _NEARBY = 10, 2
_LARGEST = 1e100  # its square, and sums of squares, stay finite
_FROM_START = -1


class ChangeDetector:
    """Finds changes in a series of one or more columns, row by row, and never takes one back.

    The rows since the last change are cut into segments, each a constant, a line or a parabola with noise, whichever is
    cheapest, by optimal partitioning (Jackson et al., IEEE Signal Processing Letters 12, 2005):

        cost of n rows with q coefficients = n ln(RSS / n + f^2) + 2 q ln t        summed over columns
        cost of a change                   = 4 ln t                                 t: rows so far

    Values far from those just before are drawn in first (`Guard`), so that an outlier is no change.
    `f = 0.05 (1 + 20 / t)` of the range so far is noise that everything is taken to have: what cannot be seen on a plot
    of the series is no change. The alarm comes when the first change of the cheapest partition has stood at the same
    row, give or take two, for ten rows. The partition begins anew there.

    A change may be at most 256 rows old when it is found, and segments have five rows or more. A row that is not finite
    in every column is passed over. About 200 us a row; when the range grows by 5 %, up to
    1,024 times that. 0.2 MB.
    """

    def __init__(self, columns: int = 1) -> None:
        if columns < 1:
            raise ValueError(f"columns must be at least 1, got {columns}")
        self._columns = columns
        self._rows = self._seen = 0
        self._guards = [Guard() for _ in range(columns)]
        self._visible = _Visible(columns)
        self._openings = [Opening() for _ in range(columns)]
        self._held = _Held(columns)
        self._candidate, self._stood = -1, 0

    def update(self, values: Sequence[float]) -> int | None:
        """Takes a row, a value for each column. Returns the number, from 0, of the row at which the series changed where
        that is known now, else None. Raises ValueError where there is not one value for each column."""
        if len(values) != self._columns:
            raise ValueError(f"there must be {self._columns} values, got {len(values)}")
        self._rows += 1
        if not all(map(isfinite, values)):
            return None
        given = [min(max(value, -_LARGEST), _LARGEST) for value in values]
        guarded = [guard.update(value) for guard, value in zip(self._guards, given, strict=True)]
        row = np.array(guarded, np.float64)
        self._seen += 1
        held = self._held
        held.add(self._rows - 1, row, self._opened(row), guarded != given)
        grown = self._visible.update(row, self._seen)
        self._partition(0 if grown else held.rows - 1)
        return self._confirmed()

    def _partition(self, since: int) -> None:
        """The cheapest partition of the rows up to each one from `since` on."""
        held, noise = self._held, self._visible.noise
        for end in range(since, held.rows):
            log_t = log(max(self._seen - (held.rows - 1 - end), 2))
            opened = self._openings[0].rows - (held.rows - 1 - end)
            held.costs[end], held.before[end] = np.inf, _FROM_START
            if opened < _LEAST:
                continue
            held.costs[end] = cost_of(held.opened[:, :, end, None], _COUNTS[:1] * opened, noise, log_t)[0]
            begin = max(0, end + 1 - LONGEST)
            if end - begin < 2 * _LEAST - 1:
                continue
            costs = cost_of(
                residuals_of_endings(held.values[:, begin : end + 1]), _COUNTS[: end + 1 - begin], noise, log_t
            )
            costs = costs[_LEAST - 1 : -1] + held.costs[begin : end + 1 - _LEAST][::-1]
            shortest = int(costs.argmin())
            if costs[shortest] + _PER_CHANGE * log_t < held.costs[end]:
                held.costs[end] = costs[shortest] + _PER_CHANGE * log_t
                held.before[end] = end + 1 - _LEAST - shortest

    def _confirmed(self) -> int | None:
        first = self._held.first_change()
        if first is None:
            self._candidate, self._stood = -1, 0
            return None
        place = int(self._held.places[first])
        near = self._candidate >= 0 and abs(place - self._candidate) <= _NEARBY
        self._stood = self._stood + 1 if near else 1
        self._candidate = place
        if self._stood < _CONFIRMED:
            return None
        onset = self._held.onset(first)
        self._begin_at(first)
        return onset

    def _begin_at(self, first: int) -> None:
        self._candidate, self._stood = -1, 0
        self._held.forget(first)
        self._openings = [Opening() for _ in self._openings]
        for end in range(self._held.rows):
            self._held.opened[:, :, end] = self._opened(self._held.values[:, end])
        self._partition(0)

    def _opened(self, row: Floats) -> Floats:
        """What is left of the rows since the last change, shape (columns, 3)."""
        return np.array([opening.update(v) for opening, v in zip(self._openings, row.tolist(), strict=True)])


_COUNTS = np.arange(1.0, LONGEST + 1)


class _Visible:
    """How much noise is taken for granted, shape (columns,), a variance; it follows the range in steps."""

    def __init__(self, columns: int) -> None:
        self._least = np.full(columns, np.inf)
        self._greatest = np.full(columns, -np.inf)
        self._range = np.zeros(columns)
        self._age = 0.0
        self.noise = np.zeros(columns)

    def update(self, row: Floats, seen: int) -> bool:
        """Takes a row; says whether the noise is another now."""
        age = 2.0 ** (int(4 * log2(seen)) / 4)
        if age == self._age and (self._least <= row).all() and (row <= self._greatest).all():
            return False
        np.minimum(self._least, row, out=self._least)
        np.maximum(self._greatest, row, out=self._greatest)
        reach = self._greatest - self._least
        grown = reach > _STEP * self._range
        if age == self._age and not grown.any():
            return False
        self._range = np.where(grown, reach, self._range)
        self._age = age
        self.noise = (_NOISE * (1 + _YOUTH / age) * self._range) ** 2
        return True


class _Held:
    """The rows that a change may still be found among, and the cheapest partition up to each: its cost, and where its
    last segment begins. At most twice as many as a change may be old, and as many again until they are moved."""

    def __init__(self, columns: int) -> None:
        capacity = 4 * LONGEST
        self.rows = 0
        self.places = np.zeros(capacity, np.int64)  # the row's number in the series
        self.values = np.zeros((columns, capacity))
        self.guarded = np.zeros(capacity, bool)  # whether a value of the row was drawn in
        self.opened = np.zeros((columns, DEGREES, capacity))
        self.costs = np.zeros(capacity)
        self.before = np.zeros(capacity, np.int64)

    def add(self, place: int, row: Floats, opened: Floats, guarded: bool) -> None:
        if self.rows == len(self.places):
            self.forget(2 * LONGEST)
        self.places[self.rows] = place
        self.values[:, self.rows] = row
        self.guarded[self.rows] = guarded
        self.opened[:, :, self.rows] = opened
        self.rows += 1

    def forget(self, first: int) -> None:
        """Drops the first rows."""
        kept = self.rows - first
        for array in (self.places, self.values, self.guarded, self.opened, self.costs, self.before):
            array[..., :kept] = array[..., first : self.rows].copy()
        self.before[:kept] = np.maximum(self.before[:kept] - first, _FROM_START)
        self.rows = kept

    def first_change(self) -> int | None:
        """Where the second segment of the cheapest partition of all rows begins."""
        first, end = None, self.rows - 1
        while end >= 0 and self.before[end] > 0:
            first = int(self.before[end])
            end = first - 1
        return first

    def onset(self, first: int) -> int:
        """The number of the row where the change at `first` begins: of the rows just before it, those that were drawn in
        belong to it."""
        begin = first
        while begin > max(first - RECENT, 1) and self.guarded[begin - 1]:
            begin -= 1
        return int(self.places[begin])
