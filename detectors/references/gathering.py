"""A model's baseline in the making, of closed windows: gathered one after the other, measured at the end, and given up."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace

from detectors.baselines.baseline import Baseline
from detectors.baselines.baseline_group import BaselineGroup
from detectors.baselines.season import Hour
from detectors.correlations.pairs import PairScores, skewness_through
from detectors.groups.group import GroupProfile, merged_groups
from detectors.groups.packed import opened_group, packed_group
from detectors.lenses.lens import Lens
from detectors.lenses.scorer import SIGNAL as ANOMALY
from detectors.profiles.profile import COARSE
from detectors.references.footings import measured
from detectors.references.taking import KEPT, Taking
from detectors.statistics.settings import Settings
from schemas.group import Segment
from schemas.season import Season

# Merged at once, profiles take a fifth of what they take one by one.
_TOGETHER = 32


class Gathering:
    """A model's windows, in order of time. The first `KEPT` of a group are held as they are, and of later ones counts in
    their cells. Correlations are seen through the lens, if there is one and all windows were."""

    def __init__(
        self, model: str, window_ms: int, settings: Settings, season: Season = Season.NONE, lens: Lens | None = None
    ) -> None:
        self._model = model
        self._window_ms = window_ms
        self._settings = settings
        self._season = season
        self._lens = lens
        self._seen = PairScores(lens) if lens else None
        self._parts: dict[Segment | None, _Part] = {}

    def add(self, segment: Segment | None, start_ms: int, profile: GroupProfile) -> None:
        """Takes in a window of one of the model's groups, of all versions. O(buckets)."""
        if segment is None and self._seen is not None and self._lens is not None:
            if profile.cross is None or profile.cross.lens != self._lens.digest:
                self._lens = self._seen = None
            else:
                self._seen.add(profile.cross)
        part = self._parts.get(segment)
        if part is None:
            taking = Taking(self._settings.bins, KEPT)
            part = self._parts[segment] = _Part(GroupProfile.empty(profile.resolution), taking, self._season)
        part.add(start_ms, replace(profile, cross=None))

    def baseline(self, progress: Callable[[float], None] = lambda done: None) -> Baseline:
        """The baseline of all windows so far; what was gathered is given up. O(windows * buckets)."""
        groups: dict[Segment | None, BaselineGroup] = {}
        whole = len(self._parts)
        while self._parts:
            segment, part = self._parts.popitem()
            groups[segment] = part.measured(self._settings)
            progress(len(groups) / whole)
        found = Baseline(self._model, self._window_ms, groups, season=self._season)
        return found if self._lens is None else self._with_lens(found, self._lens)

    def _with_lens(self, baseline: Baseline, lens: Lens) -> Baseline:
        assert self._seen is not None, "a lens has its scores"
        total = opened_group(baseline.groups[None].total)
        numeric = {name for name, profile in total.signals.items() if len(profile.numbers.keys)}
        unwatched = tuple(sorted(numeric - {*lens.names, ANOMALY}))
        return replace(baseline, lens=lens, unwatched=unwatched, pairs=self._seen.pairs(skewness_through(lens, total)))


@dataclass(slots=True)
class _Part:
    """One group's windows. `waiting` are to be merged into the `total`, and as coarse as windows are kept into those of
    their `hours`."""

    total: GroupProfile
    taking: Taking
    season: Season
    windows: dict[int, bytes] = field(default_factory=dict)
    hours: dict[Hour, GroupProfile] = field(default_factory=dict)
    waiting: list[tuple[int, GroupProfile, GroupProfile]] = field(default_factory=list)
    events: int = 0

    def add(self, start_ms: int, profile: GroupProfile) -> None:
        whole = profile.collapsed()
        coarse = whole.coarsened(COARSE)
        self.windows[start_ms] = self.taking.form(self.windows, self.events, coarse)
        self.waiting.append((start_ms, whole, coarse))
        self.events += profile.count
        if len(self.waiting) >= _TOGETHER:
            self._merge()

    def measured(self, settings: Settings) -> BaselineGroup:
        self._merge()
        return measured(BaselineGroup(self.total, self.windows), settings, self.hours, self.taking.fine)

    def _merge(self) -> None:
        if not self.waiting:
            return
        self.total = merged_groups([self.total, *(whole for _, whole, _ in self.waiting)])
        by_hour: dict[Hour, list[GroupProfile]] = {}
        for start_ms, _, coarse in self.waiting:
            hour = Hour.of(self.season, start_ms)
            if hour is not None:
                by_hour.setdefault(hour, []).append(coarse)
        for hour, profiles in by_hour.items():
            known = [opened_group(self.hours[hour])] if hour in self.hours else []
            self.hours[hour] = packed_group(merged_groups([*known, *profiles]))
        self.waiting.clear()
