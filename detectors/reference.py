"""What a signal is compared with: its baseline, made ready once and compared with many windows."""

from dataclasses import dataclass, replace

import numpy as np

from detectors.alignment import Regions, aligned, aligned_categories
from detectors.cells import Cells
from detectors.grid import Counts, Grid
from detectors.ladder import Ladder
from detectors.ordering import Keys
from detectors.profile import Profile
from detectors.settings import Settings


@dataclass(frozen=True, slots=True)
class Reference:
    """A baseline's profile, its frozen cells with the baseline's `counts` in them, shape (k,), and its ladder, where
    it has numbers. `singletons` is the number of categories that it met once."""

    profile: Profile
    events: int
    strings: int
    singletons: int
    cells: Cells
    counts: Counts
    ladder: Ladder | None

    @classmethod
    def of(cls, profile: Profile, settings: Settings) -> "Reference":
        """The reference of a baseline's profile. O(buckets)."""
        return _prepared(profile, Cells.of(profile, settings.bins))

    def shared_with(self, current: Profile) -> "Reference":
        """This reference on the grids that it shares with `current`: itself, unless the window's grid is somewhere the
        coarser one, or in regions unknown here. An edge that is no boundary there moves down to the nearest. O(l), or
        O(k + l) where it is not itself."""
        numbers_fit = self.ladder is None or not len(current.numbers.keys) or self.ladder.fits(current.numbers)
        if numbers_fit and not _wider(current.categories, self.profile.categories):
            return self
        numbers = self.profile.numbers if numbers_fit else aligned(self.profile.numbers, current.numbers).reference_grid()
        categories, labels = _shared_categories(self.profile, current)
        profile = replace(self.profile, numbers=numbers, categories=categories, labels=labels)
        return _prepared(profile, Cells.of(profile, 1, self._edges_on(numbers)))

    def _edges_on(self, numbers: Grid) -> Keys | None:
        if self.cells.numbers is None:
            return None
        edges = np.unique(Regions.of(numbers).floor(self.cells.numbers.edges))
        return edges[edges > numbers.keys[0]]


def _prepared(profile: Profile, cells: Cells) -> Reference:
    return Reference(
        profile=profile,
        events=profile.count,
        strings=profile.categories.total,
        singletons=int((profile.categories.counts == 1).sum()),
        cells=cells,
        counts=cells.count(profile),
        ladder=Ladder.of(profile.numbers) if len(profile.numbers.keys) else None,
    )


def _wider(a: Grid, b: Grid) -> bool:
    return bool(len(a.keys) and len(b.keys) and a.shifts[0] > b.shifts[0])


def _shared_categories(baseline: Profile, current: Profile) -> tuple[Grid, tuple[str, ...]]:
    if not _wider(current.categories, baseline.categories):
        return baseline.categories, baseline.labels
    alignment, labels = aligned_categories(baseline, current)
    return alignment.reference_grid(), tuple(labels[i] for i in np.flatnonzero(alignment.reference).tolist())
