"""How much of a change is each signal's: the excess of its G over what its baseline's windows show.

G is twice a log likelihood ratio, so the G of signals that are independent add up to that of all of them together, and
so do those of the parts of one signal: where its values lie among the cells, and how many have none or lie in no cell.
Other distances do not add up. Of each G its degrees of freedom are taken, which it has by chance alone, after it is
divided by how much more than chance the baseline's own windows vary (the quasi-likelihood of McCullagh and Nelder 1989).
So a signal that is restless by nature explains less, and one that did nothing explains nothing.
"""

from collections.abc import Sequence

import numpy as np

from detectors.profiles.grid import Counts
from detectors.profiles.ordering import Floats
from detectors.references.reference import Reference
from detectors.statistics import distances
from detectors.statistics.spread import Excesses, Spreads
from detectors.statistics.tables import Tables


def excesses_of(known: Sequence[Reference], cells: Tables, kinds: Tables) -> Floats:
    """Shape (s,): the excess of each signal, 0 at least, in units of G. `cells` are the tables of the baselines and the window in
    their cells; `kinds`, of three: events in a cell, without a value, and of other values. O(cells)."""
    found: Floats = np.maximum(_of_cells(known, cells) + _of_kinds(known, kinds), 0.0)
    return found


def excess_of_score(score: float) -> float:
    """That of one number, a standard normal where nothing changed: twice its log likelihood ratio is its square."""
    return max(0.0, score * score - 1.0)


def kinds_of(in_cells: int, events: int, without: int) -> Counts:
    """Shape (3,): of so many events those in a cell, those without a value, and the others."""
    return np.array([in_cells, without, events - in_cells - without], np.int64)


def _of_cells(known: Sequence[Reference], cells: Tables) -> Floats:
    table, scarcity = cells.merged()
    excesses = Excesses.of_merged(table, scarcity, distances.g_of(table))
    dispersion = np.ones(len(known))
    spreads = [reference.spread for reference in known]
    places = np.array([at for at, spread in enumerate(spreads) if spread is not None], np.intp)
    if len(places):
        columns = Spreads.of([spread for spread in spreads if spread is not None])
        # The mean of a normal score to the third power, and the window's design effect.
        usual = columns.mean**3 + 3.0 * columns.mean * columns.deviation**2
        dispersion[places] = usual * (1.0 + np.maximum(excesses.events[places] - 1, 0) * columns.within)
    found: Floats = np.where(
        excesses.defined, (table.k - 1.0) * (excesses.ratio / np.maximum(dispersion, 1.0) - 1.0), 0.0
    )
    return found


def _of_kinds(known: Sequence[Reference], kinds: Tables) -> Floats:
    """Rare kinds are not merged: a likelihood ratio does not mind small counts, only the law of its tail does."""
    occupied = kinds.sums((kinds.reference + kinds.current > 0).astype(np.float64))
    nulls = np.array([reference.footing.nulls if reference.footing else 0.0 for reference in known])
    dispersion = 1.0 + np.maximum(kinds.m - 1, 0) * nulls
    found: Floats = distances.g_of(kinds) / dispersion - np.maximum(occupied - 1.0, 0.0)
    return found
