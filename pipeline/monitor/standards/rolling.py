"""The rolling baseline of one group: its last windows, but those of an incident.

It is taken anew every `most / 20` windows, not at each: what its windows say of each other takes long to measure. So it
holds some more than it compares with, and what a window is compared with follows from what was kept before it closed.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import NamedTuple

from detectors.baselines.baseline_group import BaselineGroup
from detectors.groups.deflated import decode_kept, kept_form
from detectors.groups.group import GroupProfile, merged_groups
from detectors.profiles.profile import COARSE
from detectors.references.prepared import Prepared
from detectors.statistics.footing import LEAST_WORTH
from detectors.statistics.settings import Settings

_TURNS = 20


class Rolled(NamedTuple):
    """A window that was taken in: the how-many-th, from 1; the slot that it is kept in, from 0; and its coarse profile as it
    is kept."""

    number: int
    slot: int
    start_ms: int
    profile: bytes


@dataclass(slots=True)
class Rolling:
    """`most` windows are compared with. `windows` are those kept, by number."""

    most: int
    settings: Settings
    windows: dict[int, Rolled] = field(default_factory=dict)
    _through: int = 0
    _ready: Prepared | None = None

    @classmethod
    def of(cls, most: int, settings: Settings, kept: Mapping[int, Rolled]) -> "Rolling":
        """That of windows kept before, of which there may be more than `most` now allows."""
        found = cls(most, settings)
        through = max(kept, default=0) - found._slots
        found.windows = {number: kept[number] for number in sorted(kept) if number > through}
        return found

    @property
    def slots(self) -> tuple[int, ...]:
        """Those that its windows are kept in."""
        return tuple(sorted(window.slot for window in self.windows.values()))

    @property
    def prepared(self) -> int:
        """How many signals are prepared."""
        return self._ready.size if self._ready else 0

    def forget(self) -> None:
        """Gives up what is prepared and takes much memory; it is prepared again where it is wanted."""
        if self._ready:
            self._ready.forget()

    def add(self, start_ms: int, profile: GroupProfile) -> Rolled | None:
        """Takes a window in; returns what to keep of it, or None where it, or a later one, is there already."""
        last = max(self.windows, default=0)
        if last and start_ms <= self.windows[last].start_ms:
            return None
        coarse = kept_form(replace(profile.coarsened(COARSE).collapsed(), cross=None))
        gone = self.windows.pop(last + 1 - self._slots, None)
        found = Rolled(last + 1, gone.slot if gone else self._free(last + 1), start_ms, coarse)
        self.windows[found.number] = found
        return found

    def before(self, start_ms: int) -> Prepared | None:
        """What the window that starts then is compared with; None while the windows are too few."""
        last = max((n for n, window in self.windows.items() if window.start_ms < start_ms), default=0)
        through = last // self._step * self._step
        if through != self._through:
            self._through, self._ready = through, self._prepare(through)
        return self._ready

    def _free(self, number: int) -> int:
        """The first slot without a window, from the number's own on: windows that are held may be in slots of another
        `most`."""
        used = {window.slot for window in self.windows.values()}
        return next(slot for at in range(self._slots) if (slot := (number + at) % self._slots) not in used)

    def _prepare(self, through: int) -> Prepared | None:
        some = [self.windows[n] for n in range(through - self.most + 1, through + 1) if n in self.windows]
        if len(some) < LEAST_WORTH:
            return None
        total = merged_groups([decode_kept(window.profile) for window in some])
        group = BaselineGroup(total, {window.start_ms: window.profile for window in some})
        return Prepared(group, self.settings, f"the last {len(some)} windows")

    @property
    def _step(self) -> int:
        return max(1, self.most // _TURNS)

    @property
    def _slots(self) -> int:
        """Kept are as many as are compared with, and those that come until it is taken anew."""
        return self.most + self._step
