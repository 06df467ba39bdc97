"""What the windows of a baseline say of its signals: how far apart they are."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from types import MappingProxyType

import numpy as np

from detectors.baselines.baseline_group import COUNTED, BaselineGroup
from detectors.baselines.measured import Measured
from detectors.baselines.season import LEAST_CYCLES, Hour
from detectors.groups.deflated import decode_kept, kept_form
from detectors.groups.group import GroupProfile, merged_groups
from detectors.groups.packed import opened_group, packed_group
from detectors.profiles.alignment import Flags
from detectors.profiles.grid import Counts, Indices
from detectors.profiles.ordering import Floats
from detectors.profiles.profile import Profile
from detectors.references.cells import Cells
from detectors.references.fine_cells import FineCells, first_windows
from detectors.references.reference import Reference, reference_of
from detectors.statistics.footing import Footing, footings_of
from detectors.statistics.settings import Settings
from detectors.statistics.significance import rare_event_p
from detectors.statistics.spread import Excesses, rare_tail_of, spreads_of, within_of
from detectors.statistics.sustained import tails_of
from detectors.statistics.tables import Tables, minority

# A window is held against the parts of the baseline that it is not in: its neighbours are too much like it.
_PARTS = 5
# Signals whose windows are open together.
_OPEN = 64
# Of the windows that were counted, the share that cells may fail to tell apart.
_MOST_UNTOLD = 0.25
_LEAST_P = 1e-300


@dataclass(slots=True)
class _Found:
    """What has been learned of signals: by name, the excess of each window over the parts of the baseline that it is not in,
    how many windows have events enough, how much those without a value come together, and those in the cells of `minority`, and
    how surprising each window's rate of these is, where they are too rare for the laws of cells."""

    excesses: dict[str, Excesses] = field(default_factory=dict)
    usable: dict[str, int] = field(default_factory=dict)
    nulls: dict[str, float] = field(default_factory=dict)
    minority: dict[str, float] = field(default_factory=dict)
    surprises: dict[str, Floats] = field(default_factory=dict)

    def take_minority(self, name: str, counted: Counts, settings: Settings) -> None:
        """Of windows' counts, shape (w, k); the excesses are there already."""
        self.minority[name] = 0.0
        some = counted[counted.sum(axis=1) >= settings.minimum_events]
        total = some.sum(axis=0)
        if np.count_nonzero(total) < 2:
            return
        rare, events = some[:, minority(total)].sum(axis=1), some.sum(axis=1)
        self.minority[name] = within = within_of(rare, events)
        if 2 * len(self.excesses[name].ratio) < len(some):
            mine, n = rare.sum() - parts_of(rare[:, None])[:, 0], events.sum() - parts_of(events[:, None])[:, 0]
            alike = 1.0 + (events - 1) * within
            p_values = rare_event_p(rare / alike, events / alike, mine / alike, n / alike, two_sided=True)
            self.surprises[name] = -np.log(np.maximum(p_values, _LEAST_P))


def group_footings(group: BaselineGroup, settings: Settings) -> Mapping[str, Footing]:
    """What the windows of a baseline say of each of its signals; that they say nothing, where they were measured under
    other settings and are no longer held. O(windows * buckets) where they are held."""
    if group.measured is not None:
        held = group.measured.holds_for(settings)
        return group.measured.footings if held else dict.fromkeys(group.total.signals, Footing(minority=np.nan))
    return _footings(opened_group(group.total), _Windows.of(group), settings)


def measured(
    group: BaselineGroup,
    settings: Settings,
    totals: Mapping[Hour, GroupProfile] = MappingProxyType({}),
    fine: FineCells | None = None,
) -> BaselineGroup:
    """The baseline with what its windows say in place of them, and with those hours of a season that they are of
    `LEAST_CYCLES` of; `totals` merge the windows of each. `fine` are the cells that windows were counted in, where they are
    known. O(windows * buckets)."""
    windows = _Windows.of(group, fine)
    hours = {}
    for hour, total in sorted(totals.items()):
        some = windows.those(hour.starts(windows.starts))
        if hour.cycles(some.starts) >= LEAST_CYCLES:
            hours[hour] = _measured(total, some, settings)
    return replace(_measured(group.total, windows, settings), hours=hours)


def _measured(total: GroupProfile, windows: "_Windows", settings: Settings) -> BaselineGroup:
    footings = _footings(opened_group(total), windows, settings)
    return BaselineGroup(packed_group(total), measured=Measured.of(windows.starts, footings, settings))


def references_of(
    group: BaselineGroup, settings: Settings, footings: Mapping[str, Footing] | None = None
) -> dict[str, Reference]:
    """The reference of each signal of a baseline, on the footing of its windows: `footings`, where they are known
    already, for they are what takes longest."""
    footings = group_footings(group, settings) if footings is None else footings
    return {name: reference_of(group, name, settings, footings[name]) for name in group.total.signals}


def parts_of(counts: Counts) -> Counts:
    """Shape (w, k): of windows' counts in order of time, the sum over the part of the baseline that each is in."""
    part = np.arange(len(counts)) * _PARTS // len(counts)
    starts = np.flatnonzero(np.diff(part, prepend=-1))
    sums: Counts = np.add.reduceat(counts, starts)
    return sums[np.searchsorted(starts, np.arange(len(counts)), "right") - 1]


def _take_profiles(found: _Found, total: GroupProfile, windows: Sequence[GroupProfile], settings: Settings) -> None:
    """Of windows that are profiles. The total is taken as coarse as they are."""
    events = np.array([window.count for window in windows], np.int64)
    for name, profile in total.signals.items():
        profiles = [window.signals[name] for window in windows if name in window.signals]
        found.usable[name] = sum(one.count >= settings.minimum_events for one in profiles)
        coarse = profile.coarsened(windows[0].resolution) if windows else profile
        counted, whole = _counted(coarse, profiles, settings)
        found.excesses[name] = _excesses(_each_against_the_rest(counted, whole), settings)
        found.take_minority(name, counted, settings)
        valued = [p.present - p.null if (p := window.signals.get(name)) else 0 for window in windows]
        found.nulls[name] = within_of(events - np.array(valued, np.int64), events)


@dataclass(frozen=True, slots=True)
class _Windows:
    """A baseline's windows, in order of time, each as it is `kept`. Where most are counts in the cells of the first, `rows`
    are those of all, shape (w, r), `counted` says of which windows there is nothing else, and `rest` is what of each is in no
    cells."""

    starts: Sequence[int]
    kept: Sequence[bytes]
    fine: FineCells | None = None
    rows: Counts = field(default_factory=lambda: np.empty((0, 0), np.int64))
    counted: Flags = field(default_factory=lambda: np.empty(0, np.bool_))
    rest: Sequence[GroupProfile] = ()

    @classmethod
    def of(cls, group: BaselineGroup, fine: FineCells | None = None) -> "_Windows":
        """One window is open at a time: open, hundreds of them take gigabytes."""
        starts = sorted(group.windows)
        kept = [group.windows[start] for start in starts]
        if not group.is_counted:
            return cls(starts, kept)
        fine = fine or FineCells.of(first_windows(group.windows))
        counted = np.array([data[:1] == COUNTED for data in kept])
        narrow = group.total.count <= np.iinfo(np.uint32).max
        rows = np.empty((len(kept), fine.width), np.uint32 if narrow else np.int64)
        rest = []
        for at, data in enumerate(kept):
            rows[at], profile = fine.read(data)
            rest.append(profile if counted[at] else profile.without(fine.cells))
        return cls(starts, kept, fine, rows, counted, rest)

    def those(self, starts: Sequence[int]) -> "_Windows":
        """Some of them, in order."""
        places = np.searchsorted(self.starts, starts).tolist()
        kept = [self.kept[at] for at in places]
        if self.fine is None:
            return _Windows(starts, kept)
        rest = [self.rest[at] for at in places]
        return _Windows(starts, kept, self.fine, self.rows[places], self.counted[places], rest)

    def profiles(self, untold: Collection[str]) -> list[GroupProfile]:
        """What is in no cells, and these signals of the windows that are profiles."""
        assert self.fine is not None, "they are all profiles"
        told = self.fine.cells.keys() - set(untold)
        if not untold:
            return [profile.without(told) for profile in self.rest]
        whole = zip(self.kept, self.rest, self.counted.tolist(), strict=True)
        return [(rest if counted else decode_kept(data)).without(told) for data, rest, counted in whole]


def _footings(total: GroupProfile, windows: _Windows, settings: Settings) -> Mapping[str, Footing]:
    """What windows say of each signal of their total."""
    found = _Found()
    if windows.fine is None:
        for some, profiles in _by_signals(total, windows.kept):
            _take_profiles(found, some, profiles, settings)
    else:
        _take_counted(found, windows.fine, windows, settings)
    for name in total.signals:  # of more than windows keep, they say nothing
        found.usable.setdefault(name, 0)
        found.nulls.setdefault(name, 0.0)
        found.minority.setdefault(name, 0.0)
    spreads = spreads_of(found.excesses)
    tails = tails_of(spreads, found.excesses)
    rare = rare_tail_of(found.surprises)
    return footings_of(spreads, found.usable, found.nulls, found.minority, windows.starts, tails, rare)


def _by_signals(total: GroupProfile, kept: Sequence[bytes]) -> Iterator[tuple[GroupProfile, list[GroupProfile]]]:
    """A total and its windows, `_OPEN` signals at a time."""
    names = list(total.signals)
    if len(names) <= _OPEN:
        yield total, [decode_kept(data) for data in kept]
        return
    chunks = [names[at : at + _OPEN] for at in range(0, len(names), _OPEN)]
    parts: list[list[bytes]] = [[] for _ in chunks]
    for data in kept:
        window = decode_kept(data)
        for part, chunk in zip(parts, chunks, strict=True):
            part.append(kept_form(window.only(chunk)))
    for part, chunk in zip(parts, chunks, strict=True):
        yield total.only(chunk), [decode_kept(data) for data in part]


def _take_counted(found: _Found, fine: FineCells, windows: _Windows, settings: Settings) -> None:
    """Of windows most of which are counts in the cells of the first."""
    columns = dict(fine.columns(windows.rows))
    untold = {name for name, (_, valued, _) in columns.items() if _is_untold(name, valued, windows)}
    profiles = windows.profiles(untold)
    _take_profiles(found, merged_groups(profiles), profiles, settings)
    events = windows.rows[:, 0].astype(np.int64)
    for name, column in columns.items():
        count, valued, counts = (part.astype(np.int64) for part in column)
        found.nulls[name] = within_of(events - valued, events)
        if name not in untold:
            found.usable[name] = int((count >= settings.minimum_events).sum())
            binned = _binned(fine.cells[name], counts[count > 0], settings.bins)
            found.excesses[name] = _excesses(_each_against_the_rest(binned, binned.sum(axis=0)), settings)
            found.take_minority(name, binned, settings)


def _is_untold(name: str, valued: Counts, windows: _Windows) -> bool:
    """Whether a signal's cells tell values apart in too few of the counted windows. Then it is as one that came with the
    windows of which profiles were kept."""
    untold = sum(name in windows.rest[at].signals for at in np.flatnonzero(windows.counted).tolist())
    return untold > _MOST_UNTOLD * int((windows.counted & (valued > 0)).sum())


def _binned(cells: Cells, counts: Counts, bins: int) -> Counts:
    """Counts in fine cells, shape (w, k), in at most `bins` for numbers, of about as much mass, and the others as they
    are."""
    if cells.numbers is None:
        return counts
    width = len(cells.numbers.edges) + 1
    starts = _even(counts[:, :width].sum(axis=0), bins)
    return np.concatenate([np.add.reduceat(counts[:, :width], starts, axis=1), counts[:, width:]], axis=1)


def _even(mass: Counts, bins: int) -> Indices:
    """Where bins begin that split the mass most evenly."""
    below = mass.cumsum()
    targets = below[-1] * np.arange(1, bins) / bins
    ends = np.abs(below[:-1, None] - targets).argmin(axis=0) if len(below) > 1 else np.empty(0, np.intp)
    inner = ends[(below[ends] > 0) & (below[ends] < below[-1])]
    return np.unique(np.concatenate([np.zeros(1, np.intp), inner + 1]))


def _counted(whole: Profile, windows: Sequence[Profile], settings: Settings) -> tuple[Counts, Counts]:
    """Windows in the cells of the whole, shape (w, k), and the whole, shape (k,)."""
    reference = Reference.of(whole, settings)
    if not windows:
        return np.empty((0, len(reference.counts)), np.int64), reference.counts
    counted = reference.cells.count_all(windows)
    if counted is None:
        for window in windows:
            reference = reference.meet(window)
        counted = reference.cells.count_all(windows)
        assert counted is not None, "no window is coarser than what all of them share"
    return counted, reference.counts


def _each_against_the_rest(counted: Counts, whole: Counts) -> Tables:
    """For each window, the parts of the whole that it is not in and it; none where there are no two cells."""
    if counted.shape[1] < 2 or not len(counted):
        return Tables.of([], [])
    return Tables.of_rows(whole - parts_of(counted), counted)


def _excesses(tables: Tables, settings: Settings) -> Excesses:
    return Excesses.of(tables.at(tables.m >= settings.minimum_events)).known()
