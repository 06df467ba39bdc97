"""A group's profile that is held in its wire form, and opened when one of its signals is asked for.

Open, a profile takes seven times as much, and of the baselines of a thousand groups few are compared at a time.
"""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from functools import lru_cache
from sys import intern

from detectors.groups.group import GroupProfile
from detectors.groups.wire import UNSLICED, decode_group, encode_group
from detectors.profiles.profile import Profile

_MOST_OPEN = 4


class PackedSignals(Mapping[str, Profile]):
    """The signals of a profile without time slices. `wire` is its wire form."""

    __slots__ = ("_names", "wire")

    def __init__(self, wire: bytes, names: frozenset[str]) -> None:
        self.wire = wire
        self._names = names

    def __getitem__(self, name: str) -> Profile:
        if name not in self._names:
            raise KeyError(name)
        return _opened(self.wire).signals[name]

    def __contains__(self, name: object) -> bool:
        return name in self._names

    def __iter__(self) -> Iterator[str]:
        return iter(sorted(self._names))

    def __len__(self) -> int:
        return len(self._names)


def packed_group(profile: GroupProfile, wire: bytes | None = None) -> GroupProfile:
    """The same profile, held in its wire form: `wire`, if that is known already. It has no time slices."""
    if isinstance(profile.signals, PackedSignals):
        return profile
    names = _shared(frozenset(map(intern, profile.signals)))
    return replace(profile, signals=PackedSignals(wire or encode_group(profile), names))


def opened_group(profile: GroupProfile) -> GroupProfile:
    """The same profile, with all of its signals at hand."""
    return _opened(profile.signals.wire) if isinstance(profile.signals, PackedSignals) else profile


def wire_of(profile: GroupProfile) -> bytes:
    """The wire form of a profile, packed or not."""
    return profile.signals.wire if isinstance(profile.signals, PackedSignals) else encode_group(profile)


@lru_cache(maxsize=_MOST_OPEN)
def _opened(wire: bytes) -> GroupProfile:
    return decode_group(wire, UNSLICED)


@lru_cache(maxsize=1024)
def _shared(names: frozenset[str]) -> frozenset[str]:
    """One for all groups that have the same names."""
    return names
