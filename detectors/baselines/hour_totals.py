"""The totals of the hours of a season, while a baseline is learned.

A window that was counted is no profile any more, so each is merged into its hour's total when it comes.
"""

from collections.abc import Mapping
from dataclasses import replace

from detectors.baselines.baseline_group import COUNTED, BaselineGroup, HourTotal
from detectors.baselines.season import Hour
from detectors.groups.deflated import decode_kept
from detectors.groups.group import GroupProfile, merged_groups
from detectors.groups.packed import opened_group, packed_group
from detectors.profiles.profile import COARSE
from schemas.season import Season


def with_hours(group: BaselineGroup, season: Season) -> BaselineGroup:
    """The group with a total for each hour of the season that has windows. Those that it has are taken, of all windows or,
    where a worker died before it wrote the last, of all but that; others are merged of its windows. It has none where an
    hour lacks its total and has windows that were counted. O(buckets of what is merged)."""
    totals: dict[Hour, HourTotal] = {}
    last = max(group.windows, default=0)
    for hour, starts in _by_hour(group, season).items():
        known = group.hour_totals.get(hour)
        if known is not None and len(starts) - known.windows in ((0, 1) if last in starts else (0,)):
            totals[hour] = known
        elif any(group.windows[start][:1] == COUNTED for start in starts):
            return replace(group, hour_totals={})
        else:
            merged = merged_groups([decode_kept(group.windows[start]) for start in starts])
            totals[hour] = HourTotal(len(starts), packed_group(merged))
    return replace(group, hour_totals=totals)


def with_hour(group: BaselineGroup, hour: Hour, profile: GroupProfile) -> BaselineGroup:
    """The group with its last window in the total of its hour, if that is what the total lacks. O(buckets)."""
    known = group.hour_totals.get(hour)
    windows = known.windows if known else 0
    if len(hour.starts(group.windows)) != windows + 1:
        return group
    coarse = profile.coarsened(COARSE).collapsed()
    total = merged_groups([opened_group(known.profile), coarse]) if known else coarse
    return replace(group, hour_totals={**group.hour_totals, hour: HourTotal(windows + 1, packed_group(total))})


def whole_hours(group: BaselineGroup) -> Mapping[Hour, GroupProfile]:
    """The totals that merge all windows of their hours."""
    return {
        hour: total.profile
        for hour, total in group.hour_totals.items()
        if total.windows == len(hour.starts(group.windows))
    }


def _by_hour(group: BaselineGroup, season: Season) -> dict[Hour, list[int]]:
    found: dict[Hour, list[int]] = {}
    for start in sorted(group.windows):
        hour = Hour.of(season, start)
        if hour is not None:
            found.setdefault(hour, []).append(start)
    return found
