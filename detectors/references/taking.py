"""Windows taken into a baseline: in full while they are among the first, and then counted in the cells of those."""

from collections.abc import Mapping
from dataclasses import dataclass

from detectors.baselines.baseline_group import COUNTED, BaselineGroup
from detectors.groups.deflated import kept_form
from detectors.groups.group import GroupProfile
from detectors.profiles.profile import COARSE
from detectors.references.fine_cells import MOST_BINS, FineCells, first_windows

KEPT = 400
"""Of windows that are to say something of each hour, so many are kept: two weeks of hours, 33 hours of 5 minutes."""

_LEAST_FIRST, _MOST_FIRST, _ENOUGH_EVENTS = 8, 32, 500


@dataclass(slots=True)
class Taking:
    """Takes windows into one baseline. The first `least` are kept as they are, and as many more as cells for `bins` take:
    `fine`, once it has counted a window in them."""

    bins: int
    least: int = _LEAST_FIRST
    fine: FineCells | None = None

    def take(self, group: BaselineGroup, start_ms: int, profile: GroupProfile) -> BaselineGroup:
        """The baseline with a window that is later than those that it has. O(buckets)."""
        whole = profile.collapsed()
        return group.with_form(start_ms, whole, self.form(group.windows, group.total.count, whole.coarsened(COARSE)))

    def form(self, windows: Mapping[int, bytes], events: int, coarse: GroupProfile) -> bytes:
        """What is kept of a window, beside these `windows` with so many `events`; `coarse` is as windows are kept.
        O(buckets)."""
        if self.fine is None:
            if self.bins > MOST_BINS or not self._has_first(windows, events):
                return kept_form(coarse)
            self.fine = FineCells.of(first_windows(windows))
        return self.fine.encode(coarse)

    def _has_first(self, windows: Mapping[int, bytes], events: int) -> bool:
        """Whether there are windows enough to count others in their cells. The same whenever it is asked."""
        first = sum(data[:1] != COUNTED for data in windows.values())
        if first < len(windows):
            return True
        return first >= max(self.least, _MOST_FIRST) or (first >= self.least and events >= _ENOUGH_EVENTS)
