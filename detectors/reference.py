"""What a signal is compared with: its baseline, made ready once and compared with many windows."""

from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass, field, replace

import numpy as np

from detectors.alignment import Regions, aligned_categories
from detectors.baseline import BaselineGroup
from detectors.cells import Cells
from detectors.grid import Counts, Grid
from detectors.group import GroupProfile
from detectors.ladder import Ladder
from detectors.ordering import Keys
from detectors.profile import Profile
from detectors.settings import Settings
from detectors.spread import Excesses, Spread, spreads_of
from detectors.tables import Tables
from detectors.tally import Made, made_of

_MOST_COARSER = 3


@dataclass(frozen=True, slots=True)
class Reference:
    """A baseline's profile, its frozen cells with the baseline's `counts` in them, shape (k,), and its ladder, where
    it has numbers. `made` is what its events are. `singletons` is the number of categories that it met once. `spread` says how far apart the
    baseline's own windows are, where it has enough of them."""

    profile: Profile
    events: int
    strings: int
    singletons: int
    cells: Cells
    counts: Counts
    ladder: Ladder | None
    made: Made
    spread: Spread | None = None
    _coarser: dict[tuple[Hashable, ...], "Reference"] = field(default_factory=dict, repr=False, compare=False)

    @classmethod
    def of(cls, profile: Profile, settings: Settings) -> "Reference":
        """The reference of a baseline's profile. O(buckets)."""
        return _prepared(profile, Cells.of(profile, settings.bins))

    def meet(self, current: Profile) -> "Reference":
        """This reference on the grids that it shares with a window: itself, unless the window's grid is somewhere the
        coarser one. Edges that are no boundaries there move down to the nearest. O(r log l), or O(k + l) and slower where
        it is not itself."""
        shared = self
        if self.ladder is not None and not self.ladder.regions.hold(current.numbers):
            shared = self._on(self.ladder.regions.shared_with(current.numbers))
        if _wider(current.categories, self.profile.categories):
            shared = shared._among(current)
        return shared

    def _on(self, regions: Regions) -> "Reference":
        """This one on wider regions."""
        key = (regions.span, regions.shifts.tobytes())
        return self._kept(key, lambda: self._with_numbers(regions.coarsened(self.profile.numbers)))

    def _among(self, current: Profile) -> "Reference":
        """This one with its categories as wide as the window's."""
        key = (current.labels, current.categories.keys.tobytes(), int(current.categories.shifts[0]))
        return self._kept(key, lambda: self._with_categories(*_shared_categories(self.profile, current)))

    def _kept(self, key: tuple[Hashable, ...], make: Callable[[], "Reference"]) -> "Reference":
        """Windows are often coarse in the same way, so the last few are kept."""
        found = self._coarser.get(key)
        if found is None:
            while len(self._coarser) >= _MOST_COARSER:
                del self._coarser[next(iter(self._coarser))]
            found = self._coarser[key] = make()
        return found

    def _with_numbers(self, grid: Grid) -> "Reference":
        assert self.cells.numbers is not None
        edges = _edges_on(Regions.of(grid), self.cells.numbers.edges, self.profile.numbers.keys[:1])
        cells = self.cells.with_edges(edges)
        numeric = np.add.reduceat(grid.counts, np.concatenate(([0], grid.keys.searchsorted(edges))))
        counts = np.concatenate([numeric, self.counts[len(self.cells.numbers.edges) + 1 :]])
        profile = replace(self.profile, numbers=grid)
        return replace(self, profile=profile, cells=cells, counts=counts, ladder=Ladder.of(grid, edges), _coarser={})

    def _with_categories(self, grid: Grid, labels: tuple[str, ...]) -> "Reference":
        profile = replace(self.profile, categories=grid, labels=labels)
        edges = self.cells.numbers.edges if self.cells.numbers else None
        return replace(_prepared(profile, Cells.of(profile, 1, edges)), spread=self.spread)


def _edges_on(regions: Regions, edges: Keys, first: Keys) -> Keys:
    moved = regions.floor(edges)
    if (moved == edges).all():
        return edges
    moved = np.unique(moved)
    inner: Keys = moved[moved > regions.floor(first)]
    return inner


def group_spreads(group: BaselineGroup, settings: Settings) -> dict[str, Spread]:
    """The spread of the windows of each of a baseline's signals, where there are enough. O(windows * buckets)."""
    windows = group.profiles()
    return spreads_of(_excesses(group.total, windows, settings)) if windows else {}


def references_of(
    group: BaselineGroup, settings: Settings, spreads: Mapping[str, Spread] | None = None
) -> dict[str, Reference]:
    """The reference of each signal of a baseline, with the spread of its windows: `spreads`, where they are known
    already, for they are what takes longest."""
    spreads = group_spreads(group, settings) if spreads is None else spreads
    references = {name: Reference.of(group.total.profile(name), settings) for name in group.total.signals}
    return {name: replace(reference, spread=spreads.get(name), _coarser={}) for name, reference in references.items()}


def _excesses(total: GroupProfile, windows: list[GroupProfile], settings: Settings) -> dict[str, Excesses]:
    """For each signal, the excess of each window over all others. The total is taken as coarse as the windows are kept."""
    excesses = {}
    for name, profile in total.signals.items():
        profiles = [window.signals[name] for window in windows if name in window.signals]
        tables = _against_the_rest(profile.coarsened(windows[0].resolution), profiles, settings)
        excesses[name] = Excesses.of(tables.at(tables.m >= settings.minimum_events)).known()
    return excesses


def _against_the_rest(whole: Profile, windows: list[Profile], settings: Settings) -> Tables:
    """For each window, all but it and it, in the cells of the whole; none where there are no two cells."""
    cells = Cells.of(whole, settings.bins)
    if len(cells.labels) < 2 or not windows:
        return Tables.of([], [])
    counted = cells.count_all(windows)
    if counted is not None:
        return Tables.of_rows(cells.count(whole) - counted, counted)
    reference = Reference.of(whole, settings)
    met = [reference.meet(window) for window in windows]
    own = [shared.cells.count(window) for shared, window in zip(met, windows, strict=True)]
    return Tables.of([shared.counts - counts for shared, counts in zip(met, own, strict=True)], own)


def _prepared(profile: Profile, cells: Cells) -> Reference:
    return Reference(
        profile=profile,
        events=profile.count,
        strings=profile.categories.total,
        singletons=int((profile.categories.counts == 1).sum()),
        cells=cells,
        counts=cells.count(profile),
        made=made_of(profile),
        ladder=Ladder.of(profile.numbers, cells.numbers.edges) if cells.numbers else None,
    )


def _wider(a: Grid, b: Grid) -> bool:
    return bool(len(a.keys) and len(b.keys) and a.shifts[0] > b.shifts[0])


def _shared_categories(baseline: Profile, current: Profile) -> tuple[Grid, tuple[str, ...]]:
    if not _wider(current.categories, baseline.categories):
        return baseline.categories, baseline.labels
    alignment, labels = aligned_categories(baseline, current)
    return alignment.reference_grid(), tuple(labels[i] for i in np.flatnonzero(alignment.reference).tolist())
