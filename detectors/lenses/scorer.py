"""A scorer of events, frozen with a baseline: how unlikely an event is beside the baseline's.

    score = sum over signals of surprise + z' (inverse of R - 1) z / (2 ln 2)          in bits, at least 0

That is -log2 of the density of a Gaussian copula (Sklar 1959; Song 2000) over what each signal's values are worth alone, less what a
usual event comes to: `z` are the normal scores of the numeric signals, `R` their correlations in the baseline. A signal
without a number in an event has z = 0: it says nothing of the others. An event of 30 bits is 2**30 times less likely than
a usual one.

All of it is whole numbers, within what a float holds exactly: an event has the same score, bit for bit, on every machine
and among whatever other events.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from hashlib import blake2b

import numpy as np

from detectors.lenses.lens import MOST_SIGNALS, Flags
from detectors.lenses.lens import STEPS as NORMAL_STEPS
from detectors.lenses.marginal import STEPS, Marginal, digits_of
from detectors.profiles.column import Column, Kind
from detectors.profiles.grid import Counts
from detectors.profiles.ordering import Floats
from schemas import codec

SIGNAL = "__anomaly__"
"""What stands for the scores of a group's events among its signals."""

MOST_SCORED = 256
STEPS_OF_SCORE = 8
MOST_SCORE = 1 << 16
WEIGHT_STEPS = 256
MOST_WEIGHT = 1 << 20

_ROWS_TOGETHER = 1 << 12
# OpenBLAS wakes its threads for products of more operations, and they spin: alone it is several times faster.
_MOST_OPERATIONS = 1 << 17
_COARSER = STEPS // STEPS_OF_SCORE


@dataclass(frozen=True)
class Scorer:
    """`marginals` in order of their names. `together` are the places of the signals that `weights`, shape (p, p),
    symmetric, are of: whole numbers, `WEIGHT_STEPS` to a bit for scores of 1. Raises ValueError for what makes none."""

    marginals: tuple[Marginal, ...]
    together: tuple[int, ...] = ()
    weights: tuple[tuple[int, ...], ...] = ()

    def __post_init__(self) -> None:
        names, p = [marginal.name for marginal in self.marginals], len(self.together)
        if not names or names != sorted(set(names)) or len(names) > MOST_SCORED:
            raise ValueError(f"a scorer takes 1 to {MOST_SCORED} signals in order, each once, got {len(names)}")
        if list(self.together) != sorted(set(self.together)) or not all(0 <= at < len(names) for at in self.together):
            raise ValueError("the signals of weights must be in order, each once, and among those scored")
        if p > MOST_SIGNALS or [len(row) for row in self.weights] != [p] * p:
            raise ValueError(f"weights of {p} signals must be {p} by {p}, and of at most {MOST_SIGNALS}")
        if any(self.weights[i][j] != self.weights[j][i] for i in range(p) for j in range(i)):
            raise ValueError("weights must be symmetric")
        if max((abs(weight) for row in self.weights for weight in row), default=0) > MOST_WEIGHT:
            raise ValueError(f"a weight must be within {MOST_WEIGHT}")

    @cached_property
    def digest(self) -> str:
        """16 hex digits of BLAKE2b over all that it is: two scorers that score alike have the same."""
        names = codec.encode([m.name for m in self.marginals])
        weights = np.array([*self.together, *(weight for row in self.weights for weight in row)], "<i8").tobytes()
        return blake2b(names + digits_of(self.marginals) + weights, digest_size=8).hexdigest()

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(marginal.name for marginal in self.marginals)

    def scores(self, columns: Mapping[str, Column], rows: int) -> Floats:
        """Shape (n,): the score of each row, in eighths. A signal without a column is missing throughout. O(n (signals +
        p^2))."""
        found = np.empty(rows)
        for start in range(0, rows, _ROWS_TOGETHER):
            part = slice(start, min(start + _ROWS_TOGETHER, rows))
            found[part] = self._scored(columns, part)
        return found

    def _scored(self, columns: Mapping[str, Column], rows: slice) -> Floats:
        n = rows.stop - rows.start
        total, normals = np.zeros(n, np.int64), np.zeros((len(self.together), n))
        for at, marginal in enumerate(self.marginals):
            row = self._rows.get(at)
            _take_in(marginal, columns.get(marginal.name), rows, total, None if row is None else normals[row])
        if self.together:
            total += self._dependence(normals)
        return (np.clip(total, 0, STEPS * MOST_SCORE) // _COARSER) / STEPS_OF_SCORE

    def _dependence(self, normals: Floats) -> Counts:
        """Shape (n,): what the normal scores, shape (p, n), come to together, in `1 / STEPS` bits, rounded down."""
        p, n = normals.shape
        step = max(1, _MOST_OPERATIONS // p**2)
        found = np.empty(n)
        for start in range(0, n, step):
            part = normals[:, start : start + step]
            products = self._matrix @ part
            np.multiply(products, part, out=products)
            products.sum(axis=0, out=found[start : start + step])
        np.multiply(found, STEPS / (WEIGHT_STEPS * NORMAL_STEPS**2), out=found)
        return np.floor(found, out=found).astype(np.int64)

    @cached_property
    def _rows(self) -> Mapping[int, int]:
        return {place: row for row, place in enumerate(self.together)}

    @cached_property
    def _matrix(self) -> Floats:
        return np.array(self.weights, np.float64)


@dataclass(frozen=True)
class NormalScores:
    """What correlations of normal scores are seen through, as those of a lens are."""

    marginals: tuple[Marginal, ...]

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(marginal.name for marginal in self.marginals)

    @cached_property
    def digest(self) -> bytes:
        return blake2b(codec.encode(list(self.names)) + digits_of(self.marginals), digest_size=8).digest()

    def seen(self, columns: Mapping[str, Column], rows: slice) -> tuple[Floats, dict[int, Flags]]:
        """As `Lens.seen`."""
        n = rows.stop - rows.start
        values, gaps = np.zeros((len(self.marginals), n)), {}
        for at, marginal in enumerate(self.marginals):
            column = columns.get(marginal.name)
            _take_in(marginal, column, rows, np.zeros(n, np.int64), values[at])
            there = _numbers(column, rows)
            if there is not None and not there.all():
                gaps[at] = there
        return values, gaps


def _numbers(column: Column | None, rows: slice) -> Flags | None:
    """Which rows have a number; None where all have one."""
    if column is None:
        return np.zeros(rows.stop - rows.start, np.bool_)
    return None if column.kinds is None else column.kinds[rows] == Kind.NUMBER


def _take_in(marginal: Marginal, column: Column | None, rows: slice, total: Counts, normals: Floats | None) -> None:
    """Adds the surprises of a signal's rows to `total`, and puts their normal scores down where they are wanted."""
    if column is None:
        total += marginal.kinds[Kind.MISSING]
        return
    if column.kinds is None:
        assert column.numbers is not None
        codes = marginal.codes(column.numbers[rows])
        total += marginal.of_codes(codes)
        total += marginal.kinds[Kind.NUMBER]
        if normals is not None:
            normals[:] = marginal.normals_of(codes)
        return
    kinds = column.kinds[rows]
    total += marginal.of_kinds(kinds)
    if column.numbers is not None:
        there = np.flatnonzero(kinds == Kind.NUMBER)
        codes = marginal.codes(column.numbers[rows][there])
        total[there] += marginal.of_codes(codes)
        if normals is not None:
            normals[there] = marginal.normals_of(codes)
    if column.hashes is not None:
        there = np.flatnonzero(kinds == Kind.STRING)
        total[there] += marginal.of_hashes(column.hashes[rows][there])
