"""A segment's baseline: the profile to compare with, and the windows that it is of, or what they said.

The windows are there, not only their sum, because the spread between them is what a stationary signal may do.
"""

import zlib
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from typing import NamedTuple

from detectors.baselines.measured import Measured
from detectors.baselines.season import LEAST_CYCLES, Hour
from detectors.groups.deflated import decode_kept, inflated, kept_form
from detectors.groups.group import GroupProfile, merged_groups
from detectors.groups.packed import opened_group, packed_group
from detectors.groups.wire import cross_of
from detectors.lenses.cross import CrossProducts
from detectors.profiles.profile import COARSE
from schemas.errors import WireError

COUNTED = b"C"
"""What a window begins with that is kept as counts: no version of a profile, nor a deflated one."""


class HourTotal(NamedTuple):
    """The merge of so many windows, all of one hour, as coarse as windows are kept."""

    windows: int
    profile: GroupProfile


@dataclass(frozen=True, slots=True)
class BaselineGroup:
    """`total` merges all windows; `windows` holds each one's coarse profile by its start, in its wire form, deflated, or
    counts of it: there are hundreds of them, and they are read once. `hour_totals` merge those of each hour of its season,
    while it is learned. `measured` is what they said, where they are held no longer; `hours` are then the hours of its
    season."""

    total: GroupProfile
    windows: Mapping[int, bytes] = field(default_factory=dict)
    measured: Measured | None = None
    hours: Mapping[Hour, "BaselineGroup"] = field(default_factory=dict)
    hour_totals: Mapping[Hour, HourTotal] = field(default_factory=dict)

    @property
    def is_counted(self) -> bool:
        """Whether any of its windows is kept as counts."""
        return any(data[:1] == COUNTED for data in self.windows.values())

    @property
    def starts(self) -> Collection[int]:
        """Those of its windows, whether they are still held or not."""
        return self.measured.starts if self.measured else self.windows.keys()

    def add(self, start_ms: int, profile: GroupProfile) -> "BaselineGroup":
        """The group with one more window's profile, kept as it is."""
        return self.with_form(start_ms, profile, kept_form(profile.coarsened(COARSE).collapsed()))

    def with_form(self, start_ms: int, profile: GroupProfile, kept: bytes) -> "BaselineGroup":
        """The group with one more window's profile, of which it keeps that."""
        total = opened_group(self.total).merge(profile.collapsed())
        return replace(self, total=total, windows={**self.windows, start_ms: kept})

    def packed(self) -> "BaselineGroup":
        """The same group, its total held in its wire form."""
        return replace(self, total=packed_group(self.total))

    def of_hour(self, hour: Hour) -> "BaselineGroup | None":
        """The windows that begin in this hour, and their merge, as coarse as windows are kept; None where they are of fewer
        than `LEAST_CYCLES` cycles. O(buckets of the windows) where these are held."""
        if self.measured is not None:
            return self.hours.get(hour)
        starts = hour.starts(self.windows)
        if hour.cycles(starts) < LEAST_CYCLES:
            return None
        windows = {start: self.windows[start] for start in starts}
        return BaselineGroup(merged_groups([decode_kept(data) for data in windows.values()]), windows)

    def crosses(self) -> list[CrossProducts]:
        """The windows' cross-products, in order of time, of those that have them."""
        return [cross for _, data in sorted(self.windows.items()) if (cross := cross_of(inflated(data))) is not None]

    def profiles(self) -> list[GroupProfile]:
        """The windows' profiles, in order of time."""
        return [decode_kept(data) for _, data in sorted(self.windows.items())]


def checked(window: bytes) -> bytes:
    """What is kept of a window's profile, or of its counts. Raises WireError where it is something else."""
    if window[:1] != COUNTED:
        decode_kept(window)
    elif zlib.crc32(window[:-4]) != int.from_bytes(window[-4:], "big"):
        raise WireError("counts of a window: the checksum does not match")
    return window
