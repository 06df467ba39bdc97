"""A group's profile: how many events, and one profile for each signal they had."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import reduce
from itertools import islice

from detectors.lenses.cross import CrossProducts
from detectors.lenses.scorer import SIGNAL as ANOMALY
from detectors.profiles.profile import Profile, Resolution, merged_profiles
from detectors.profiles.trace import SLICES
from detectors.profiles.vocabulary import hash_of

_TOGETHER = 32


@dataclass(frozen=True, slots=True)
class GroupProfile:
    """`count` events with `signals` by name. A signal is missing in every event that it is not counted in, so
    profiles are held without their `missing`, and a signal that no event had is not held at all.

    Of more signals than the resolution allows, those whose names have the least hashes are kept: a signal that the
    union keeps, each of its parts kept too, so what is kept is counted in full whatever the merge tree. The scores of
    events are kept beside them: else whether they are would depend on which other signals a part has.

    `cross` are the cross-products of its signals, where a lens was there to see them through.
    """

    count: int
    signals: Mapping[str, Profile]
    resolution: Resolution
    cross: CrossProducts | None = None

    @classmethod
    def of(
        cls,
        count: int,
        signals: Mapping[str, Profile],
        resolution: Resolution,
        cross: CrossProducts | None = None,
    ) -> "GroupProfile":
        """The group in canonical form: signals by name, those present."""
        present = {name: _without_missing(signals[name]) for name in sorted(signals) if signals[name].met}
        return cls(count, _least_hashed(present, resolution.signals), resolution, cross)

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
        """Those of its signals' traces. A group without any says nothing of slices, in its wire form neither."""
        return next((p.trace.slices for p in self.signals.values()), SLICES)

    def merge(self, other: "GroupProfile") -> "GroupProfile":
        """The group of both sets of events, at the resolution that both have."""
        resolution = self.resolution.least(other.resolution)
        mine, theirs = self.coarsened(resolution).signals, other.coarsened(resolution).signals
        signals = {name: _merged(mine.get(name), theirs.get(name), resolution) for name in sorted({*mine, *theirs})}
        kept = _least_hashed(signals, resolution.signals)
        return GroupProfile(self.count + other.count, kept, resolution, _crossed(self.cross, other.cross))

    def coarsened(self, resolution: Resolution) -> "GroupProfile":
        """The same events at a lower resolution."""
        if resolution == self.resolution:
            return self
        signals = {name: p.coarsened(resolution) for name, p in self.signals.items()}
        return GroupProfile(self.count, _least_hashed(signals, resolution.signals), resolution, self.cross)

    def in_slices(self, slices: int) -> "GroupProfile":
        """The same events in at most so many time slices."""
        least = min(self.resolution.slices, slices)
        return self.coarsened(replace(self.resolution, slices=least))

    def without(self, names: Collection[str]) -> "GroupProfile":
        """The same events without some of their signals."""
        kept = {name: profile for name, profile in self.signals.items() if name not in names}
        return self if len(kept) == len(self.signals) else replace(self, signals=kept)

    def only(self, names: Collection[str]) -> "GroupProfile":
        """The same events with these of their signals alone."""
        return replace(self, signals={name: self.signals[name] for name in names if name in self.signals})

    def collapsed(self) -> "GroupProfile":
        """The same events without time slices, so that different windows merge."""
        signals = {name: p.collapsed() for name, p in self.signals.items()}
        return replace(self, signals=signals, resolution=replace(self.resolution, slices=1))


def merged_groups(groups: Sequence[GroupProfile]) -> GroupProfile:
    """The group of all events of several groups, one at least: what merging them two at a time comes to, and faster.
    O(buckets)."""
    if len(groups) == 1:
        return groups[0]
    resolution = reduce(Resolution.least, (group.resolution for group in groups))
    coarse = [group.coarsened(resolution).signals for group in groups]
    names = sorted({name for signals in coarse for name in signals})
    merged = {
        name: merged_profiles([signals[name] for signals in coarse if name in signals], resolution) for name in names
    }
    kept = _least_hashed(merged, resolution.signals)
    cross = reduce(_crossed, (group.cross for group in groups))
    return GroupProfile(sum(group.count for group in groups), kept, resolution, cross)


def merged_in_turn(groups: Iterable[GroupProfile]) -> GroupProfile:
    """The same of any number of them, one at least, of which few are held at a time."""
    rest = iter(groups)
    total = [next(rest)]
    while some := list(islice(rest, _TOGETHER)):
        total = [merged_groups([*total, *some])]
    return total[0]


def least_hashed(names: Iterable[str], most: int) -> list[str]:
    """At most `most` of the names, those with the least hashes, in order of the alphabet."""
    distinct = sorted(names)
    return distinct if len(distinct) <= most else sorted(sorted(distinct, key=hash_of)[:most])


def _least_hashed(signals: dict[str, Profile], most: int) -> dict[str, Profile]:
    if len(signals) <= most:
        return signals
    kept = {*least_hashed(signals.keys() - {ANOMALY}, most), ANOMALY}
    return {name: profile for name, profile in signals.items() if name in kept}


def _without_missing(profile: Profile) -> Profile:
    return replace(profile, missing=0) if profile.missing else profile


def _crossed(a: CrossProducts | None, b: CrossProducts | None) -> CrossProducts | None:
    return a.merge(b) if a is not None and b is not None else a if b is None else b


def _merged(a: Profile | None, b: Profile | None, resolution: Resolution) -> Profile:
    if a is None or b is None:
        found = b if a is None else a
        assert found is not None
        return found
    return a.merge(b, resolution)
