"""The verdicts on signals' distributions: one change seen by several measures, of which one is the primary test."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from detectors.profiles.alignment import Flags
from detectors.profiles.grid import Indices
from detectors.profiles.ordering import Floats
from detectors.references.reference import Reference
from detectors.references.walk import Numbers
from detectors.statistics import distances, power, significance
from detectors.statistics.bar import OK, Bar
from detectors.statistics.tables import Tables
from detectors.statistics.tail import Tail
from detectors.statistics.verdicts import Verdicts

EXACT = "exact test of two cells, for few events"
_LEAST_P = 1e-300
UNMEASURED = "too few events to tell cells apart; a baseline that is built anew has two of them tested"


@dataclass(frozen=True, slots=True)
class _Measure:
    """A statistic of tables of counts, its tail and its threshold, see `significance`."""

    name: str
    statistic: Callable[[Tables], Floats]
    p: Callable[..., Any]
    threshold: Callable[..., Any]


_MEASURES = (
    _Measure("g", distances.g_of, significance.g_p, significance.g_threshold),
    _Measure("psi", distances.psi_of, significance.psi_p, significance.psi_threshold),
    _Measure("chi2", distances.chi_square_of, significance.chi_square_p, significance.chi_square_threshold),
    _Measure("js", distances.jensen_shannon_of, significance.jensen_shannon_p, significance.jensen_shannon_threshold),
)


@dataclass(frozen=True, slots=True)
class Tested:
    """The merged tables of signals with two cells or more, and their scarcity; `rows`, shape (t,), are the signals. Where
    merging left one cell, there are the two that `minority` makes, and `scarce`, shape (t,), is true."""

    rows: Indices
    merged: Tables
    scarcity: Floats
    scarce: Flags

    @classmethod
    def of(cls, rows: Indices, tables: Tables) -> "Tested":
        merged, scarcity = tables.merged()
        halved, scarce = tables.halved(merged)
        return cls(rows, halved, scarcity, scarce)

    def exact_p(self, minorities: "Minorities") -> Floats:
        """Of the scarce ones, shape (s,), whose minorities these are: the exact test of their rate; 1 where it is not known how
        they come together."""
        table = self.merged.at(self.scarce)
        alike = _alike(table, minorities.within)
        theirs, mine = table.current[1::2], table.reference[1::2]
        found = significance.rare_event_p(
            theirs / alike, table.m / alike, mine / alike, table.n / alike, two_sided=True
        )
        surprises = minorities.tail.surprises(-np.log(np.maximum(found, _LEAST_P)))
        return np.where(np.isnan(minorities.within), 1.0, np.exp(-surprises))

    def exact_least(self, level: Floats, minorities: "Minorities", floor: Floats) -> Floats:
        """Of the scarce ones, shape (s,): the least rise of their minority's rate that the exact test at that level finds with a
        power of 0.8, and that is at least `floor` as often. At most 1, which is to be blind."""
        table, within = self.merged.at(self.scarce), minorities.within
        alike, mine = _alike(table, within), table.reference[1::2]
        nominal = np.exp(-minorities.tail.nominal(-np.log(level))) / 2.0
        limit = significance.rare_event_threshold(nominal, table.m / alike, mine / alike, table.n / alike)
        with np.errstate(invalid="ignore"):
            least = alike * (limit + power.QUANTILE * np.sqrt(limit)) / np.maximum(table.m, 1)
        before = mine / np.maximum(table.n, 1)
        rate = np.minimum(before + floor, 1.0)
        mattering = floor + power.QUANTILE * np.sqrt(alike * rate * (1.0 - rate) / np.maximum(table.m, 1))
        found = np.minimum(np.maximum(least - before, mattering), 1.0)
        return np.where(np.isnan(within) | ~(least < 1.0), 1.0, found)


class Minorities(NamedTuple):
    """How events in the cells of `minority` come together, arrays of shape (n,): correlated `within` a window, NaN where
    that is not known, and with that `tail` of exact tests."""

    within: Floats
    tail: Tail

    @classmethod
    def of(cls, references: Sequence[Reference]) -> "Minorities":
        tails = np.array([reference.rare_tail for reference in references], np.float64).reshape(-1, 3)
        return cls(np.array([one.minority_within for one in references], np.float64), Tail(*tails.T))


def _alike(table: Tables, within: Floats) -> Floats:
    found: Floats = 1.0 + np.maximum(table.m - 1, 0) * np.nan_to_num(within)
    return found


def distribution_verdicts(
    tested: Tested, rows: Indices, numbers: Numbers, bar: Bar, minorities: Minorities
) -> list[Verdicts]:
    """G, PSI, chi-square and Jensen-Shannon of the signals in `tested`; KS and Wasserstein of those in `rows`, shape
    (v,), of which both sides have `numbers`.

    The first four are of the cells as merged for testing. Their effect is the total variation over these cells, or KS
    where that is greater, and must be at least the grid's resolution to count. Where the events are too few for their laws,
    the p-value of all is that of an exact test; `minorities` are those of the scarce ones. O(cells).
    """
    ks, resolution = np.zeros(len(bar.level)), np.full(len(bar.level), np.nan)
    ks[rows], resolution[rows] = numbers.ks, numbers.resolution
    floor = np.fmax(bar.effect, resolution)
    rows_of = tested.rows
    verdicts = _cell_verdicts(tested, ks[rows_of], resolution[rows_of], bar, floor[rows_of], minorities)
    return [*verdicts, _ks(rows, numbers, bar, floor[rows]), _wasserstein(rows, numbers, bar)]


def _cell_verdicts(
    tested: Tested, ks: Floats, resolution: Floats, bar: Bar, floor: Floats, minorities: Minorities
) -> list[Verdicts]:
    table, scarcity = tested.merged, tested.scarcity
    k, n, m = table.k, table.n, table.m
    effect = np.maximum(np.where(m > 0, distances.total_variation_of(table), 0.0), ks)
    several, exact = k > 1, tested.exact_p(minorities)
    notes = ["" if more else "too few events to tell cells apart" for more in several.tolist()]
    for at, within in zip(np.flatnonzero(tested.scarce).tolist(), minorities.within.tolist(), strict=True):
        notes[at] = UNMEASURED if math.isnan(within) else EXACT
    own = bar.of_signals(tested.rows)
    verdicts = []
    for measure in _MEASURES:
        statistic = measure.statistic(table)
        p_value = np.where(several, measure.p(statistic, k, n, m, scarcity), 1.0)
        threshold = np.where(several, measure.threshold(own.level, k, n, m, scarcity), np.nan)
        p_value[tested.scarce], threshold[tested.scarce] = exact, np.nan
        states = own.states(p_value, effect, floor)
        found = Verdicts(measure.name, tested.rows, states, statistic, threshold, p_value, effect, resolution, n, m)
        found.notes = list(notes)
        verdicts.append(found)
    return verdicts


def _ks(rows: Indices, numbers: Numbers, bar: Bar, floor: Floats) -> Verdicts:
    n, m, own = numbers.n_reference, numbers.n_current, bar.of_signals(rows)
    p_value, threshold = significance.ks_p(numbers.ks, n, m), significance.ks_threshold(own.level, n, m)
    states = own.states(p_value, numbers.ks, floor)
    return Verdicts("ks", rows, states, numbers.ks, threshold, p_value, numbers.ks, numbers.resolution, n, m)


def _wasserstein(rows: Indices, numbers: Numbers, bar: Bar) -> Verdicts:
    states = bar.of_signals(rows).judged(OK)
    n, m = numbers.n_reference, numbers.n_current
    notes = ["an effect, not tested; scaled by the baseline's spread"] * len(rows)
    return Verdicts("wasserstein", rows, states, numbers.wasserstein, None, None, numbers.scaled, None, n, m, notes)
