"""A group's profile that is held as it is kept, and opened when one of its signals is asked for.

Open, a profile takes seven times as much and more, and of the baselines of a thousand groups few are compared at a time.
"""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from functools import lru_cache
from sys import intern

from detectors.groups.deflated import decode_kept, kept_form
from detectors.groups.group import GroupProfile
from detectors.profiles.profile import Profile

_MOST_OPEN = 4


class PackedSignals(Mapping[str, Profile]):
    """The signals of a profile without time slices. `kept` is what is kept of it."""

    __slots__ = ("_names", "kept")

    def __init__(self, kept: bytes, names: frozenset[str]) -> None:
        self.kept = kept
        self._names = names

    def __getitem__(self, name: str) -> Profile:
        if name not in self._names:
            raise KeyError(name)
        return _opened(self.kept).signals[name]

    def __contains__(self, name: object) -> bool:
        return name in self._names

    def __iter__(self) -> Iterator[str]:
        return iter(sorted(self._names))

    def __len__(self) -> int:
        return len(self._names)


def packed_group(profile: GroupProfile, kept: bytes | None = None) -> GroupProfile:
    """The same profile, held as it is kept: `kept`, if that is known already. It has no time slices."""
    if isinstance(profile.signals, PackedSignals):
        return profile
    names = _shared(frozenset(map(intern, profile.signals)))
    return replace(profile, signals=PackedSignals(kept or kept_form(profile), names))


def opened_group(profile: GroupProfile) -> GroupProfile:
    """The same profile, with all of its signals at hand."""
    return _opened(profile.signals.kept) if isinstance(profile.signals, PackedSignals) else profile


def kept_of_packed(profile: GroupProfile) -> bytes:
    """What is kept of a profile, packed or not."""
    return profile.signals.kept if isinstance(profile.signals, PackedSignals) else kept_form(profile)


@lru_cache(maxsize=_MOST_OPEN)
def _opened(kept: bytes) -> GroupProfile:
    return decode_kept(kept)


@lru_cache(maxsize=1024)
def _shared(names: frozenset[str]) -> frozenset[str]:
    """One for all groups that have the same names."""
    return names
