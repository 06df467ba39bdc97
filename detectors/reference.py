"""What a signal is compared with: its baseline, made ready once and compared with many windows."""

from dataclasses import dataclass, replace

import numpy as np

from detectors.alignment import Alignment, Regions, aligned, aligned_categories
from detectors.baseline import BaselineGroup
from detectors.cells import Cells
from detectors.grid import Counts, Grid
from detectors.group import GroupProfile
from detectors.ladder import Ladder, Placed
from detectors.ordering import Keys
from detectors.profile import Profile
from detectors.settings import Settings
from detectors.spread import Excess, Spread, spreads_of


@dataclass(frozen=True, slots=True)
class Reference:
    """A baseline's profile, its frozen cells with the baseline's `counts` in them, shape (k,), and its ladder, where
    it has numbers. `singletons` is the number of categories that it met once. `spread` says how far apart the
    baseline's own windows are, where it has enough of them."""

    profile: Profile
    events: int
    strings: int
    singletons: int
    cells: Cells
    counts: Counts
    ladder: Ladder | None
    spread: Spread | None = None

    @classmethod
    def of(cls, profile: Profile, settings: Settings) -> "Reference":
        """The reference of a baseline's profile. O(buckets)."""
        return _prepared(profile, Cells.of(profile, settings.bins))

    def meet(self, current: Profile) -> tuple["Reference", Placed | None]:
        """This reference on the grids that it shares with a window, and the window's numbers, if any, placed on it.

        It is itself, unless the window's grid is somewhere the coarser one, or in regions unknown here. Edges that are
        no boundaries there move down to the nearest. O(l log k), or O(k + l) and slower where it is not itself.
        """
        if self.ladder is None or not len(current.numbers.keys):
            if not _wider(current.categories, self.profile.categories):
                return self, None
            return self._coarsened(current, None), None
        placed = self.ladder.place(current.numbers)
        if placed is not None and not _wider(current.categories, self.profile.categories):
            return self, placed
        coarse = self._coarsened(current, aligned(self.profile.numbers, current.numbers))
        return coarse, coarse.ladder.place(current.numbers) if coarse.ladder else None

    def tested_with(self, current: Profile, counts: Counts) -> tuple[Counts, Counts]:
        """The baseline's and the window's counts in the cells that they are tested in; `counts` are the window's in the
        frozen ones, which will do where these were not chosen by the baseline's counts. O(buckets)."""
        if self.cells.categories is None or len(self.counts) < 2:
            return self.counts, counts
        return self.cells.pooled(self.profile, current)

    def _coarsened(self, current: Profile, shared: Alignment | None) -> "Reference":
        """On the common grid of numbers, where it is not this one's own, and of categories."""
        categories, labels = _shared_categories(self.profile, current)
        profile = replace(self.profile, categories=categories, labels=labels)
        if shared is None:
            return _prepared(profile, Cells.of(profile, 1, self.cells.numbers.edges if self.cells.numbers else None))
        profile = replace(profile, numbers=shared.reference_grid())
        regions = Regions.of(shared.grid())
        return _prepared(profile, Cells.of(profile, 1, self._edges_on(regions)), regions)

    def _edges_on(self, regions: Regions) -> Keys | None:
        if self.cells.numbers is None:
            return None
        edges: Keys = np.unique(regions.floor(self.cells.numbers.edges))
        inner: Keys = edges[edges > regions.floor(self.profile.numbers.keys[:1])]
        return inner


def references_of(group: BaselineGroup, settings: Settings) -> dict[str, Reference]:
    """The reference of each signal of a baseline, with the spread of its windows. O(windows * buckets)."""
    references = {name: Reference.of(group.total.profile(name), settings) for name in group.total.signals}
    windows = [window for _, window in sorted(group.windows.items())]
    excesses = {name: _excesses(group.total, windows, name, settings) for name in references}
    spreads = spreads_of(excesses)
    return {name: replace(reference, spread=spreads.get(name)) for name, reference in references.items()}


def _excesses(total: GroupProfile, windows: list[GroupProfile], name: str, settings: Settings) -> list[Excess | None]:
    """The excess of each window over all others. The total is taken as coarse as the windows are kept."""
    if not windows:
        return []
    whole = Reference.of(total.profile(name).coarsened(windows[0].resolution), settings)
    excesses = []
    for window in windows:
        profile = window.profile(name)
        shared, _ = whole.meet(profile)
        counts = shared.cells.count(profile)
        enough = counts.sum() >= settings.minimum_events
        excesses.append(Excess.of(shared.counts - counts, counts) if enough else None)
    return excesses


def _prepared(profile: Profile, cells: Cells, regions: Regions | None = None) -> Reference:
    return Reference(
        profile=profile,
        events=profile.count,
        strings=profile.categories.total,
        singletons=int((profile.categories.counts == 1).sum()),
        cells=cells,
        counts=cells.count(profile),
        ladder=Ladder.of(profile.numbers, regions) if len(profile.numbers.keys) else None,
    )


def _wider(a: Grid, b: Grid) -> bool:
    return bool(len(a.keys) and len(b.keys) and a.shifts[0] > b.shifts[0])


def _shared_categories(baseline: Profile, current: Profile) -> tuple[Grid, tuple[str, ...]]:
    if not _wider(current.categories, baseline.categories):
        return baseline.categories, baseline.labels
    alignment, labels = aligned_categories(baseline, current)
    return alignment.reference_grid(), tuple(labels[i] for i in np.flatnonzero(alignment.reference).tolist())
