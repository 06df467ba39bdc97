"""A group's profile: how many events, and one profile for each signal they had."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from detectors.profile import Profile, Resolution
from detectors.trace import SLICES


@dataclass(frozen=True, slots=True)
class GroupProfile:
    """`count` events with `signals` by name. A signal is missing in every event that it is not counted in, so
    profiles are held without their `missing`, and a signal that no event had is not held at all."""

    count: int
    signals: Mapping[str, Profile]
    resolution: Resolution

    @classmethod
    def of(cls, count: int, signals: Mapping[str, Profile], resolution: Resolution) -> "GroupProfile":
        """The group in canonical form: signals by name, those present."""
        kept = {name: replace(signals[name], missing=0) for name in sorted(signals) if signals[name].present}
        return cls(count, kept, resolution)

    @classmethod
    def empty(cls, resolution: Resolution) -> "GroupProfile":
        return cls(0, {}, resolution)

    def profile(self, name: str) -> Profile:
        """The signal's profile, with the events that lack it. A signal never seen is missing throughout."""
        found = self.signals.get(name)
        if found is None:
            return replace(Profile.empty(self.slices), missing=self.count)
        return replace(found, missing=self.count - found.present)

    @property
    def slices(self) -> int:
        return next((p.trace.slices for p in self.signals.values()), SLICES)

    def merge(self, other: "GroupProfile") -> "GroupProfile":
        """The group of both sets of events, at the resolution that both have."""
        resolution = self.resolution.least(other.resolution)
        mine, theirs = self.coarsened(resolution).signals, other.coarsened(resolution).signals
        signals = {name: _merged(mine.get(name), theirs.get(name), resolution) for name in sorted({*mine, *theirs})}
        return GroupProfile(self.count + other.count, signals, resolution)

    def coarsened(self, resolution: Resolution) -> "GroupProfile":
        """The same events at a lower resolution."""
        if resolution == self.resolution:
            return self
        return GroupProfile(self.count, {n: p.coarsened(resolution) for n, p in self.signals.items()}, resolution)

    def collapsed(self) -> "GroupProfile":
        """The same events without time slices, so that different windows merge."""
        return replace(self, signals={name: p.collapsed() for name, p in self.signals.items()})


def _merged(a: Profile | None, b: Profile | None, resolution: Resolution) -> Profile:
    if a is None or b is None:
        found = b if a is None else a
        assert found is not None
        return found
    return a.merge(b, resolution)
