"""Which segments have a group of their own, and which are folded into `__other__`.

The segments with a group are those whose hash is below 2**(64 - level), at the least level that leaves at most the
cap: a function of the set of segments seen. First come, first served would depend on a worker's memory.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace

from detectors.groups.group import GroupProfile, least_hashed
from detectors.groups.wire import decode_group, encode_group
from detectors.lenses.scorer import SIGNAL as ANOMALY
from detectors.profiles.vocabulary import hash_of
from pipeline.ingest.short_names import shortened
from pipeline.ingest.sightings import Sightings, merged
from schemas.config import Config
from schemas.group import OTHER, Group, Segment
from schemas.model_config import SegmentConfig

_BITS = 64


@dataclass(frozen=True, slots=True)
class SegmentRule:
    """`keep` are never folded; of the others at most `most` have a group."""

    path: str
    keep: frozenset[str]
    most: int

    @classmethod
    def of(cls, config: SegmentConfig) -> "SegmentRule":
        return cls(config.path, frozenset({*map(shortened, config.keep), OTHER}), config.most)

    def level(self, values: Iterable[str], least: int = 0) -> int:
        """The least fold level, `least` or above, that leaves at most `most` of these values to fold."""
        hashes = sorted(hash_of(value) for value in set(values) - self.keep)
        if len(hashes) <= self.most:
            return least
        return max(least, _BITS + 1 - hashes[self.most].bit_length())

    def folded(self, value: str, level: int) -> str:
        """The value's own name at this level, or `__other__`."""
        if level == 0 or value in self.keep:
            return value
        return value if hash_of(value) < 1 << _BITS >> level else OTHER


def rules_of(config: Config, model: str) -> dict[str, SegmentRule]:
    """The rules of a model's segments, by path; none where the configuration does not watch it."""
    found = config.model(model)
    return {} if found is None else {segment.path: SegmentRule.of(segment) for segment in found.segments}


@dataclass(frozen=True, slots=True)
class Part:
    """A group's profile, the offsets `[begin, end)` that its events lie between, and the most anomalous of them, where they
    were scored."""

    profile: GroupProfile
    begin: int
    end: int
    sightings: Sightings | None = None

    @property
    def signals(self) -> int:
        """How many it has."""
        return len(self.profile.signals)

    @property
    def most(self) -> int:
        """How many it may have."""
        return self.profile.resolution.signals

    def merge(self, other: "Part") -> "Part":
        return Part(
            self.profile.merge(other.profile),
            min(self.begin, other.begin),
            max(self.end, other.end),
            merged(self.sightings, other.sightings),
        )


@dataclass(frozen=True, slots=True)
class _Packed:
    """A part in its wire form: a fifth of the memory, for parts that wait. It has so many `signals`, of at most `most`."""

    payload: bytes
    begin: int
    end: int
    sightings: Sightings | None
    signals: int
    most: int

    def part(self) -> Part:
        return Part(decode_group(self.payload), self.begin, self.end, self.sightings)


@dataclass(slots=True)
class GroupSet:
    """The groups of one model and window, with segments folded as far as any part of them was. `packed` sets take
    little memory, and more time."""

    rules: Mapping[str, SegmentRule]
    packed: bool = False
    levels: dict[tuple[str, str], int] = field(default_factory=dict)
    _parts: dict[Group, Part | _Packed] = field(default_factory=dict)

    def pack(self) -> None:
        """Packs the set, where it is not packed yet."""
        if not self.packed:
            self.packed = True
            self._parts = {group: _packed(part) for group, part in self._parts.items()}

    def level(self, group: Group) -> int:
        """How far the segments of the group's path are folded; 0 for the whole."""
        return self.levels.get((group.version, group.segment.path), 0) if group.segment else 0

    def add(self, group: Group, part: Part, level: int = 0) -> None:
        """Merges a part that was built with its path folded to `level`."""
        if group.segment is None:
            self._merge(group, part)
            return
        place = (group.version, group.segment.path)
        self.raise_to(place, level)
        self._merge(self._folded(group, self.level(group)), part)
        rule = self.rules.get(group.segment.path)
        if rule is not None:
            values = [g.segment.value for g in self._along(place) if g.segment]
            self.raise_to(place, rule.level(values, self.level(group)))

    def raise_to(self, place: tuple[str, str], level: int) -> None:
        """Folds the segments of a version and path at least as far as `level`."""
        if level <= self.levels.get(place, 0):
            return
        self.levels[place] = level
        for group in self._along(place):
            self._merge(self._folded(group, level), _unpacked(self._parts.pop(group)))

    def _along(self, place: tuple[str, str]) -> list[Group]:
        return [g for g in self._parts if g.segment and (g.version, g.segment.path) == place]

    def _folded(self, group: Group, level: int) -> Group:
        assert group.segment is not None
        rule = self.rules.get(group.segment.path)
        if rule is None:
            return group
        return group._replace(segment=Segment(rule.path, rule.folded(group.segment.value, level)))

    def _merge(self, group: Group, part: Part) -> None:
        known = self._parts.get(group)
        whole = part if known is None else _unpacked(known).merge(part)
        self._parts[group] = _packed(whole) if self.packed else whole

    def keep(self, signals: Collection[str]) -> None:
        """Drops all other signals."""
        for group, part in self._parts.items():
            whole = _unpacked(part)
            kept = {name: profile for name, profile in whole.profile.signals.items() if name in signals}
            if len(kept) < len(whole.profile.signals):
                less = replace(whole, profile=replace(whole.profile, signals=kept))
                self._parts[group] = _packed(less) if self.packed else less

    def settle(self) -> None:
        """Drops the signals that some parts may lack though their events had them, once all parts are there. Of the
        signals of all versions a packet has those with the least hashes. So what is among the least of all packets
        is counted in full, and the rest depends on which events are in one packet."""
        wholes = [part for group, part in self._parts.items() if group.segment is None]
        most = min((part.most for part in wholes), default=0)
        if sum(part.signals for part in wholes) >= most:
            names = {name for part in wholes for name in _unpacked(part).profile.signals} - {ANOMALY}
            if len(names) >= most:  # as many are no sign that there were no others
                self.keep({*least_hashed(names, most), ANOMALY})

    def in_order(self) -> Iterator[tuple[Group, Part]]:
        """Groups with their parts, in the fixed order of groups."""
        return ((group, _unpacked(self._parts[group])) for group in sorted(self._parts, key=lambda group: group.order))


def _packed(part: Part | _Packed) -> _Packed:
    if isinstance(part, _Packed):
        return part
    return _Packed(encode_group(part.profile), part.begin, part.end, part.sightings, part.signals, part.most)


def _unpacked(part: Part | _Packed) -> Part:
    return part.part() if isinstance(part, _Packed) else part
