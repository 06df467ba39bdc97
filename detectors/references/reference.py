"""What a signal is compared with: its baseline, made ready once and compared with many windows."""

import math
from collections.abc import Callable, Hashable
from dataclasses import dataclass, field, replace
from typing import NamedTuple

import numpy as np

from detectors.baselines.baseline_group import BaselineGroup
from detectors.lenses.scorer import SIGNAL as ANOMALY
from detectors.profiles.alignment import Regions, aligned_categories
from detectors.profiles.grid import Counts, Grid
from detectors.profiles.ordering import Keys
from detectors.profiles.points import last_keys
from detectors.profiles.profile import Profile
from detectors.profiles.tally import Made, made_of
from detectors.references.cells import Cells
from detectors.references.ladder import Ladder
from detectors.statistics.footing import Footing
from detectors.statistics.settings import Settings
from detectors.statistics.spread import Spread
from detectors.statistics.tail import NO_TAIL, Tail
from schemas.basis import Basis

BASELINE = "the baseline"
RARE = 0.001
"""Of a baseline's events, the share that counts as anomalous."""

_MOST_COARSER = 3


class Rare(NamedTuple):
    """The highest scores of a baseline: those of buckets from `key` on, which `events` of its events have."""

    key: int
    events: int

    @classmethod
    def of(cls, grid: Grid) -> "Rare | None":
        """The `RARE` most anomalous; None where there are no scores. O(k)."""
        if not len(grid.keys):
            return None
        beyond = grid.counts[::-1].cumsum()
        many = int(np.searchsorted(beyond, max(1, int(RARE * beyond[-1])), "right"))
        if not many:
            return cls(int(last_keys(grid.keys[-1:], grid.shifts[-1:])[0]) + 1, 0)
        return cls(int(grid.keys[-many]), int(beyond[many - 1]))


@dataclass(frozen=True, slots=True)
class Reference:
    """A baseline's profile, its frozen cells with the baseline's `counts` in them, shape (k,), and its ladder, where
    it has numbers. `made` is what its events are. `singletons` is the number of categories that it met once. `footing`
    says how far apart the baseline's own windows are; None where the profile is a sample without windows, of
    independent events. `rare` is the baseline's own tail, where the signal is the events' scores. `name` is what people read of which windows these are."""

    profile: Profile
    events: int
    strings: int
    singletons: int
    cells: Cells
    counts: Counts
    ladder: Ladder | None
    made: Made
    footing: Footing | None = None
    name: str = BASELINE
    rare: Rare | None = None
    _coarser: dict[tuple[Hashable, ...], "Reference"] = field(default_factory=dict, repr=False, compare=False)

    @classmethod
    def of(cls, profile: Profile, settings: Settings) -> "Reference":
        """The reference of a baseline's profile. O(buckets)."""
        return _prepared(profile, Cells.of(profile, settings.bins))

    @property
    def spread(self) -> Spread | None:
        return self.footing.spread if self.footing else None

    @property
    def within(self) -> float:
        """How events are correlated within a window: by the whole distribution, or by what is rare where that is nearly
        constant."""
        if self.footing is None:
            return 0.0
        spread, minority = self.footing.spread, self.footing.minority
        return spread.within if spread else 0.0 if math.isnan(minority) else minority

    @property
    def minority_within(self) -> float:
        """See `Footing.minority`."""
        return self.footing.minority if self.footing else 0.0

    @property
    def rare_tail(self) -> Tail:
        """See `Footing.rare`."""
        return self.footing.rare if self.footing else NO_TAIL

    @property
    def basis(self) -> Basis | None:
        """What the budget rests on; None while the baseline has too few windows for any verdict."""
        return self.footing.basis if self.footing else Basis.FULL

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
        return replace(
            _prepared(profile, Cells.of(profile, 1, edges)), footing=self.footing, name=self.name, rare=self.rare
        )


def _edges_on(regions: Regions, edges: Keys, first: Keys) -> Keys:
    moved = regions.floor(edges)
    if (moved == edges).all():
        return edges
    moved = np.unique(moved)
    inner: Keys = moved[moved > regions.floor(first)]
    return inner


def reference_of(
    group: BaselineGroup, signal: str, settings: Settings, footing: Footing, name: str = BASELINE
) -> Reference:
    """The reference of one signal of a baseline, which is missing throughout where the baseline lacks it; `name` is what
    the baseline is called. O(buckets)."""
    profile = group.total.profile(signal)
    rare = Rare.of(profile.numbers) if signal == ANOMALY else None
    return replace(Reference.of(profile, settings), footing=footing, name=name, rare=rare, _coarser={})


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
