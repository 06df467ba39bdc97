"""Windows counted in the cells of their baselines."""

from dataclasses import dataclass

import numpy as np

from detectors.comparisons.distribution import Tested
from detectors.profiles.grid import Counts, Indices
from detectors.profiles.profile import Profile
from detectors.profiles.tally import Tally
from detectors.references.cells import Weighed
from detectors.references.reference import Reference
from detectors.references.walk import Numbers
from detectors.statistics.tables import Tables


@dataclass(frozen=True, slots=True)
class Counted:
    """Windows counted in their baselines' cells. `counts` are the windows' in the frozen cells, by signal; `tested` are
    the cells that are tested, `frozen` the frozen ones where these are others, for the signals in `apart`; `numeric`
    are the signals that `numbers` are of."""

    counts: list[Counts]
    tested: Tested
    apart: Indices
    frozen: Tables
    numeric: Indices
    numbers: Numbers
    weighed: dict[int, Weighed]

    @classmethod
    def of(cls, known: list[Reference], current: list[Profile], after: Tally) -> "Counted":
        numeric = [at for at, reference in enumerate(known) if reference.ladder is not None and after.numbers[at]]
        ladders = [ladder for at in numeric if (ladder := known[at].ladder) is not None]
        numbers = Numbers.of(ladders, [current[at].numbers for at in numeric])
        in_cells = dict(zip(numeric, numbers.counts, strict=True))
        weighed = {
            at: reference.cells.categories.weigh(reference.profile.categories, profile.categories)
            for at, (reference, profile) in enumerate(zip(known, current, strict=True))
            if reference.cells.categories is not None
        }
        counts, pairs = [], {}
        for at, (reference, profile) in enumerate(zip(known, current, strict=True)):
            own = _parts(reference, profile, in_cells.get(at))
            named = weighed.get(at)
            if named is None:
                counts.append(_joined(own))
                theirs, mine = counts[-1], reference.counts
            else:
                split = len(reference.cells.numbers.edges) + 1 if reference.cells.numbers else 0
                width = len(named.counts)
                counts.append(_joined([*own[:1], named.counts, *own[1:]] if split else [named.counts, *own]))
                theirs = _joined([*own[:1], named.theirs, *own[1:]] if split else [named.theirs, *own])
                mine = _joined([reference.counts[:split], named.mine, reference.counts[split + width :]])
            if len(reference.counts) > 1:
                pairs[at] = (mine, theirs)
        rows = np.array(list(pairs), np.intp)
        tested = Tested.of(rows, Tables.of([a for a, _ in pairs.values()], [b for _, b in pairs.values()]))
        apart = [at for at in pairs if at in weighed and known[at].spread is not None]
        frozen = Tables.of(
            [known[at].counts for at in apart], [_with_unseen(known[at], counts[at], weighed[at]) for at in apart]
        )
        return cls(counts, tested, np.array(apart, np.intp), frozen, np.array(numeric, np.intp), numbers, weighed)

    def medians(self, known: list[Reference]) -> list[tuple[float, float] | None]:
        found: list[tuple[float, float] | None] = [None] * len(known)
        for at, median in zip(self.numeric.tolist(), self.numbers.median.tolist(), strict=True):
            ladder = known[at].ladder
            found[at] = None if ladder is None else (ladder.median, median)
        return found


def _parts(reference: Reference, profile: Profile, numbers: Counts | None) -> list[Counts]:
    """The window's counts in the cells of numbers and of booleans, where the baseline has them."""
    parts = []
    if reference.cells.numbers is not None:
        width = len(reference.cells.numbers.edges) + 1
        parts.append(np.zeros(width, np.int64) if numbers is None else numbers)
    if reference.cells.booleans:
        parts.append(np.array(profile.booleans, np.int64))
    return parts


def _with_unseen(reference: Reference, counts: Counts, weighed: Weighed) -> Counts:
    """The window's counts in the frozen cells, what is unseen in the last of categories: of the baseline's windows, which
    these are held against, each has been seen in full, so their rare categories are there, too."""
    if not len(weighed.new):
        return counts
    found = counts.copy()
    found[len(found) - 1 - 2 * reference.cells.booleans] += weighed.new.sum()
    return found


def _joined(parts: list[Counts]) -> Counts:
    if len(parts) == 1:
        return parts[0]
    return np.concatenate(parts) if parts else np.empty(0, np.int64)
