"""What it costs to describe rows of a series as one segment: a constant, a line or a parabola, with noise."""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]

DEGREES = 3  # constant, line, parabola
LONGEST = 256
PER_COEFFICIENT = 2.0

_TINY = 1e-300
_COEFFICIENTS = np.arange(1.0, DEGREES + 1)[:, None]


def cost_of(residuals: Floats, rows: Floats, noise: Floats, log_t: float) -> Floats:
    """The cost of segments, shape (n,), of their residual sums of squares, shape (columns, 3, n), by degree:

        sum over columns of  min over degrees of  rows ln(RSS / rows + noise) + 2 (degree + 1) ln t

    `rows` is the number of rows of each, shape (n,); `noise` a variance for each column, shape (columns,)."""
    costs = residuals / rows
    costs += np.maximum(noise, _TINY)[:, None, None]
    np.log(costs, out=costs)
    costs *= rows
    costs += PER_COEFFICIENT * log_t * _COEFFICIENTS
    cheapest: Floats = costs.min(axis=1).sum(axis=0)
    return cheapest


def residuals_of_endings(values: Floats) -> Floats:
    """The residual sums of squares of the last 1, 2, ... n rows, shape (columns, 3, n), by degree of the polynomial, of
    `values`, shape (columns, n), n at most `LONGEST`. The projections on discrete orthogonal polynomials (Gram, 1883)
    are taken off the sum of squares, one degree after the other. Sums begin at the last row, so that rounding is that of
    the rows at hand, wherever in a long series they are. O(n)."""
    values = values[:, ::-1] - values[:, -1:]
    n = values.shape[1]
    rows = _LENGTHS[n]
    level, slope, bend = np.cumsum(rows.powers * values, axis=-1)
    residuals = np.empty((values.shape[0], DEGREES, n))
    constant, line, parabola = residuals[:, 0], residuals[:, 1], residuals[:, 2]
    np.cumsum(values * values, axis=-1, out=constant)
    constant -= level**2 * rows.level
    np.subtract(constant, (slope - rows.middle * level) ** 2 * rows.slope, out=line)
    np.subtract(line, (bend - rows.twice * slope + rows.moment * level) ** 2 * rows.bend, out=parabola)
    return np.maximum(residuals, 0.0, out=residuals)


class _Lengths(NamedTuple):
    """Of segments of 1, 2, ... n rows, each shape (n,): the powers 0 to 2 of the last place, shape (3, 1, n); the middle,
    its double, and what makes the square of places orthogonal; and one over the squared norms of the polynomials, 0
    where there are too few rows for one."""

    powers: Floats
    middle: Floats
    twice: Floats
    moment: Floats
    level: Floats
    slope: Floats
    bend: Floats


def _lengths(rows: int) -> _Lengths:
    place = np.arange(float(rows))
    n, middle = place + 1, place / 2
    spread = (n * n - 1) / 12
    slope, bend = np.zeros(rows), np.zeros(rows)
    slope[1:] = 1 / (n * spread)[1:]
    bend[2:] = 180 / (n * (n**2 - 1) * (n**2 - 4))[2:]
    powers = np.stack([place**0, place, place**2])[:, None, :]
    return _Lengths(powers, middle, 2 * middle, middle**2 - spread, 1 / n, slope, bend)


_LENGTHS = [_lengths(n) for n in range(LONGEST + 1)]


class Opening:
    """The residual sums of squares, by degree, of all rows of a column since a beginning, however many. O(1) a row."""

    def __init__(self) -> None:
        self.rows = 0
        self._origin = 0.0
        self._level = self._slope = self._bend = self._squares = 0.0

    def update(self, value: float) -> tuple[float, float, float]:
        """The sums after a further value."""
        if not self.rows:
            self._origin = value
        value, place = value - self._origin, float(self.rows)
        self._level += value
        self._slope += place * value
        self._bend += place * place * value
        self._squares += value * value
        self.rows += 1
        return self._residuals(place + 1, place / 2)

    def _residuals(self, n: float, middle: float) -> tuple[float, float, float]:
        constant = line = self._squares - self._level * self._level / n
        spread = (n * n - 1) / 12
        if n > 1:
            line -= (self._slope - middle * self._level) ** 2 / (n * spread)
        parabola = line
        if n > 2:
            bend = self._bend - 2 * middle * self._slope + (middle * middle - spread) * self._level
            parabola -= bend * bend * 180 / (n * (n * n - 1) * (n * n - 4))
        return max(constant, 0.0), max(line, 0.0), max(parabola, 0.0)
