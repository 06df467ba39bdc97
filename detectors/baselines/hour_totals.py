"""The totals of the hours of a season, while a baseline is learned.

A window that was counted is no profile any more, so each is merged into its hour's total when it comes.
"""

from collections.abc import Collection, Mapping
from dataclasses import replace

from detectors.baselines.baseline_group import COUNTED, BaselineGroup, HourTotal
from detectors.baselines.season import LEAST_CYCLES, Hour
from detectors.groups.deflated import decode_kept
from detectors.groups.group import GroupProfile, merged_groups
from detectors.groups.packed import opened_group, packed_group
from detectors.profiles.profile import COARSE
from schemas.season import Season


def with_hours(group: BaselineGroup, season: Season) -> BaselineGroup:
    """The group with the totals of the season's hours. Those of all windows are taken; of an hour without counted windows
    the total is merged of these. Others are kept though they lack windows, for it may be the last, which a worker that died
    before it wrote the total closes again. O(buckets of what is merged)."""
    totals: dict[Hour, HourTotal] = {}
    last = max(group.windows, default=0)
    for hour, starts in _by_hour(season, group.windows).items():
        known = group.hour_totals.get(hour)
        profiles = [start for start in starts if group.windows[start][:1] != COUNTED]
        if known is not None and (known.windows == len(starts) or len(profiles) < len(starts)):
            totals[hour] = known
        elif profiles and set(starts) - {last} <= set(profiles):
            merged = merged_groups([decode_kept(group.windows[start]) for start in profiles])
            totals[hour] = HourTotal(len(profiles), packed_group(merged))
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


def hours_had(group: BaselineGroup, season: Season) -> tuple[int, int]:
    """Of how many of the season's hours the group has what windows are compared with, or has it yet while it is learned;
    and of how many it has windows enough."""
    if group.measured is not None:
        wanted = [h for h, starts in _by_hour(season, group.starts).items() if h.cycles(starts) >= LEAST_CYCLES]
        return len(group.hours.keys() & set(wanted)), len(wanted)
    before = sorted(group.windows)[:-1]  # the last may be one that is closed again
    by_hour = _by_hour(season, before)
    totals = group.hour_totals
    return sum(hour in totals and totals[hour].windows >= len(some) for hour, some in by_hour.items()), len(by_hour)


def _by_hour(season: Season, starts: Collection[int]) -> dict[Hour, list[int]]:
    found: dict[Hour, list[int]] = {}
    for start in sorted(starts):
        hour = Hour.of(season, start)
        if hour is not None:
            found.setdefault(hour, []).append(start)
    return found
