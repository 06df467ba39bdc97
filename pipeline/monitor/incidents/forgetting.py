"""Which groups are forgotten: those without events for long, and beyond a cap those without for longest.

Versions, segments and models come and go for years. A group that is gone keeps its alerts open and its memory held; once it
is forgotten its alerts resolve, and where it comes back it begins as a new one. A learned baseline that is complete is kept:
a model that runs once a month finds it again.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from detectors.baselines.season import Hour
from pipeline.monitor.incidents.memory import GroupMemory
from schemas.alert import Alert, AlertState, alert_id, incident_id
from schemas.config import Config
from schemas.duration import format_duration
from schemas.group import Group

Memories = Mapping[str, Mapping[Group, GroupMemory]]
"""What is remembered of groups, by model."""


@dataclass(frozen=True, slots=True)
class Forgotten:
    """A group, and of what was kept of it: the slots of its rolling baseline, and the windows and hours of a baseline that
    was being learned for it alone."""

    group: Group
    slots: tuple[int, ...] = ()
    learned: tuple[int, ...] = ()
    hours: tuple[Hour, ...] = ()


def stale(memories: Memories, end_ms: int, config: Config) -> list[Group]:
    """The groups to forget after the window that ends then, in order. O(groups)."""
    limit_ms, most = end_ms - config.detection.forget_after_ms, config.limits.groups
    ends = [(memory.closed_through_ms, group) for some in memories.values() for group, memory in some.items()]
    found = [group for closed_ms, group in ends if closed_ms <= limit_ms]
    beyond = len(ends) - len(found) - most
    if beyond > 0:
        rest = [(closed_ms, group.order, group) for closed_ms, group in ends if limit_ms < closed_ms < end_ms]
        found += [group for _, _, group in sorted(rest)[:beyond]]
    return sorted(found, key=lambda group: group.order)


def resolutions(group: Group, memory: GroupMemory, start_ms: int, end_ms: int) -> list[Alert]:
    """The end of each alert of a group that is forgotten."""
    return [
        Alert(
            id=alert_id(group, signal, one.onset_ms),
            incident=incident_id(group.model, one.onset_ms if one.incident_ms is None else one.incident_ms),
            incident_onset_ms=one.onset_ms if one.incident_ms is None else one.incident_ms,
            state=AlertState.RESOLVED,
            model=group.model,
            version=group.version,
            segment=group.pair,
            signal=signal,
            onset_ms=one.onset_ms,
            start_ms=start_ms,
            end_ms=end_ms,
            summary=f"{signal}: no events for {format_duration(end_ms - memory.closed_through_ms)}, it is forgotten",
            baseline_events=0,
            window_events=0,
        )
        for signal, one in sorted(memory.signals.items())
        if one.onset_ms is not None
    ]
