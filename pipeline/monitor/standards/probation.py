"""The first windows of live traffic, which say how far apart windows are where a baseline cannot.

A baseline that is only a sum, or has too few windows, says what values are like and not what a window of them may do: its
tests warn at most, or not at all. The live windows that were not part of an incident are kept, and once there are 50 of them
their spread is what the tests rest on. It is measured anew at each of `STEPS`. What they are compared with stays the
baseline: traffic that was another from the first window on is found, and found then.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from detectors.baselines.baseline_group import BaselineGroup
from detectors.groups.group import GroupProfile, merged_groups
from detectors.references.footings import group_footings
from detectors.references.taking import Taking
from detectors.statistics.footing import LEAST_WORTH, Footing
from detectors.statistics.settings import Settings
from pipeline.events.event_time import BEGINNING

STEPS = (50, 100, 200, 400)


@dataclass(slots=True)
class Probation:
    """Those of one baseline. `kept` holds the windows so far; None before the first."""

    settings: Settings
    kept: BaselineGroup | None = None
    _taking: Taking | None = None
    _step: int = 0
    _footings: Mapping[str, Footing] = field(default_factory=dict)

    @staticmethod
    def needed(group: BaselineGroup) -> bool:
        """Whether a baseline has too few windows of its own."""
        return len(group.starts) < LEAST_WORTH

    def add(self, start_ms: int, profile: GroupProfile) -> BaselineGroup | None:
        """Takes a window in; returns what to keep, or None where it, or a later one, is there already, or no more are
        wanted."""
        known = self.kept or BaselineGroup(GroupProfile.empty(profile.resolution))
        if len(known.windows) >= STEPS[-1] or start_ms <= max(known.windows, default=BEGINNING):
            return None
        if self._taking is None:
            self._taking = Taking(self.settings.bins)
        # Cross-products would take most of the room, and nothing asks for them: correlations are compared with the file's.
        self.kept = self._taking.take(known, start_ms, replace(profile, cross=None)).packed()
        return self.kept

    @property
    def left(self) -> int:
        """How many windows are wanted before it says anything."""
        return max(0, STEPS[0] - (len(self.kept.windows) if self.kept else 0))

    def step(self, start_ms: int) -> int:
        """How many windows the one that starts then is judged by: the last of `STEPS` that had closed before it, or 0."""
        before = sum(start < start_ms for start in self.kept.windows) if self.kept else 0
        return max((step for step in STEPS if step <= before), default=0)

    def footings(self, step: int) -> Mapping[str, Footing]:
        """What the first so many windows say of each signal. O(windows * buckets), once for each step."""
        if step != self._step:
            self._step, self._footings = step, self._of(step)
        return self._footings

    def _of(self, step: int) -> Mapping[str, Footing]:
        if not step or self.kept is None:
            return {}
        windows = dict(sorted(self.kept.windows.items())[:step])
        group = BaselineGroup(self.kept.total, windows)
        if not group.is_counted:
            group = replace(group, total=merged_groups(group.profiles()))
        return group_footings(group, self.settings)
