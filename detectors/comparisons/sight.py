"""How well signals' primary tests see: the least effect they would find, and between what bounds the one found lies."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from detectors.comparisons.distribution import Minorities, Tested
from detectors.profiles.alignment import Flags
from detectors.profiles.grid import Counts, Indices
from detectors.profiles.ordering import Floats
from detectors.references.reference import Reference
from detectors.statistics import distances, power, significance
from detectors.statistics.bar import Bar
from detectors.statistics.interval import ks_bounds, total_variation_bounds
from detectors.statistics.spread import Excesses, Spreads
from detectors.statistics.verdicts import Verdicts


@dataclass(frozen=True, slots=True)
class Sight:
    """Of n signals, arrays of shape (n,), NaN where there is no primary test or no verdict."""

    minimum_detectable: Floats
    low: Floats
    high: Floats

    @classmethod
    def of(
        cls,
        verdicts: Sequence[Verdicts],
        by_ks: Flags,
        known: Sequence[Reference],
        tested: Tested,
        excesses: Excesses,
        bar: Bar,
        minorities: Minorities,
    ) -> "Sight":
        """`by_ks`, shape (n,), says whose primary test is KS; the others are held to be as sharp as G, which they are
        but for a constant factor to first order; `minorities` are those of the scarce ones. O(cells)."""
        g, ks = (next(found for found in verdicts if found.detector == name) for name in ("g", "ks"))
        sight = cls(*(np.full(len(known), np.nan) for _ in range(3)))
        sight._see_cells(g, known, tested, excesses, bar, minorities)
        sight._see_ks(ks, known, by_ks, bar)
        for column in (sight.minimum_detectable, sight.low, sight.high):
            column[bar.learning | ~bar.enough] = np.nan
        return sight

    def _see_cells(
        self,
        g: Verdicts,
        known: Sequence[Reference],
        tested: Tested,
        excesses: Excesses,
        bar: Bar,
        minorities: Minorities,
    ) -> None:
        rows, table = g.rows, tested.merged
        resolution = np.nan_to_num(g.resolution) if g.resolution is not None else np.zeros(len(rows))
        threshold, law = _nulls(g, known, tested, excesses, bar)
        floor = np.maximum(bar.effect, resolution)
        self.minimum_detectable[rows] = power.minimum_detectable(threshold, law, table.n, table.m, floor)
        places = np.flatnonzero(tested.scarce)
        least = tested.exact_least(bar.level[rows[places]], minorities, floor[places])
        self.minimum_detectable[rows[places]] = least
        alike = _alike(known, rows, table.m)
        alike[places] = 1.0 + np.maximum(table.m[places] - 1, 0) * np.nan_to_num(minorities.within)
        low, high = total_variation_bounds(table, distances.total_variation_of(table), alike)
        self.low[rows], self.high[rows] = low, np.minimum(high + resolution, 1.0)

    def _see_ks(self, ks: Verdicts, known: Sequence[Reference], by_ks: Flags, bar: Bar) -> None:
        """An effect is the greater of two distances, and so are its bounds; where KS decides, they are its own."""
        rows, n, m = ks.rows, ks.n_reference, ks.n_current
        alike, alone = _alike(known, rows, m), by_ks[rows]
        resolution = ks.resolution if ks.resolution is not None else np.zeros(len(rows))
        low, high = ks_bounds(ks.statistic, resolution, n, m, alike)
        self.low[rows] = np.where(alone, low, np.fmax(low, self.low[rows]))
        self.high[rows] = np.where(alone, high, np.fmax(high, self.high[rows]))
        if ks.threshold is not None:
            least = power.minimum_detectable_ks(ks.threshold, alike, n, m, np.maximum(bar.effect, resolution))
            both = np.fmax(least, self.minimum_detectable[rows])
            self.minimum_detectable[rows] = np.where(alone, both, self.minimum_detectable[rows])


def _nulls(
    g: Verdicts, known: Sequence[Reference], tested: Tested, excesses: Excesses, bar: Bar
) -> tuple[Floats, power.Law]:
    """The G at which each signal drifts, and the law of G where nothing changed."""
    table = tested.merged
    by_chance = significance.g_threshold(bar.level[g.rows], table.k, table.n, table.m, tested.scarcity)
    threshold = np.where(tested.scarce, np.inf, by_chance)
    scale = significance.williams(table.k, table.n, table.m, tested.scarcity)
    law = power.Law(scale, np.maximum(table.k - 1.0, 1.0), np.ones(len(scale)))
    spreads = [known[at].spread for at in g.rows.tolist()]
    places = np.flatnonzero(excesses.defined[g.rows] & np.array([spread is not None for spread in spreads], np.bool_))
    if len(places):
        columns = Spreads.of([spread for at in places.tolist() if (spread := spreads[at]) is not None])
        own = excesses.at(g.rows[places])
        wider = columns.thresholds(bar.level[g.rows[places]], own)
        threshold[places] = np.maximum(threshold[places], wider)
        for column, values in zip(law, columns.laws(own), strict=True):
            column[places] = values
    return threshold, law


def _alike(known: Sequence[Reference], rows: Indices, events: Counts) -> Floats:
    """How many events of each window count as one."""
    within = np.array([known[at].within for at in rows.tolist()], np.float64)
    found: Floats = 1.0 + np.maximum(events - 1, 0) * within
    return found
