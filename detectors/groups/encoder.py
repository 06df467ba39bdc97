"""Writing the wire form of groups' profiles, many at once: `detectors.groups.wire` says what the form is, and reads it."""

import zlib
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from detectors.groups.cross_wire import encode_cross
from detectors.groups.group import GroupProfile
from detectors.groups.varint import varint, varints_of, zigzag
from detectors.profiles.grid import Counts, Grid, Indices
from detectors.profiles.ordering import Keys
from detectors.profiles.profile import Profile
from detectors.profiles.trace import Trace
from schemas import codec

VERSION = 1
CROSS_VERSION = 2
"""The version of a group with cross-products; one without has the bytes that it always had."""

HEAD = 5
_COUNTS = 6
_MOST_SPAN = np.uint64(63)


def encode_group(group: GroupProfile) -> bytes:
    """The bytes of a group's profile. O(buckets)."""
    return encode_groups([group])[0]


def encode_groups(groups: Sequence[GroupProfile]) -> list[bytes]:
    """The bytes of each, in one pass over all. O(buckets)."""
    profiles = [profile for group in groups for profile in group.signals.values()]
    many = np.array([len(group.signals) for group in groups], np.intp)
    grids = [_Grids([p.numbers for p in profiles]), _Grids([p.categories for p in profiles])]
    sizes = _sizes_of(profiles) + grids[0].sizes + grids[1].sizes
    heads = np.arange(len(groups)) * HEAD + np.append(0, np.cumsum(sizes))[np.cumsum(many) - many]
    at = np.cumsum(sizes) - sizes + np.repeat(np.arange(len(groups)) + 1, many) * HEAD
    numbers = np.empty(HEAD * len(groups) + int(sizes.sum()), np.uint64)
    numbers[heads[:, None] + np.arange(HEAD)] = [_head(group) for group in groups]
    _put_profiles(numbers, at, profiles, grids)
    varints, ends = varints_of(numbers)
    bounds = np.append(np.append(0, ends)[heads], len(varints)).tolist()
    return [
        _sealed(group, varints[lo:hi].tobytes()) for group, lo, hi in zip(groups, bounds[:-1], bounds[1:], strict=True)
    ]


def _head(group: GroupProfile) -> tuple[int, ...]:
    resolution = group.resolution
    caps = resolution.numbers
    return group.count, caps.regions, caps.buckets, resolution.categories, resolution.signals


def _sealed(group: GroupProfile, integers: bytes) -> bytes:
    names = codec.encode([[name, *p.labels] for name, p in group.signals.items()])
    floats = np.array([(p.least, p.greatest) for p in group.signals.values() if len(p.numbers.keys)], "<f8").tobytes()
    version, cross = VERSION, b""
    if group.cross is not None:
        version, cross = CROSS_VERSION, encode_cross(group.cross)
        cross = _length(cross) + cross
    body = b"".join((bytes([version]), _length(names), names, _length(integers), integers, cross, floats))
    return body + zlib.crc32(body).to_bytes(4, "big")


def _length(data: bytes) -> bytes:
    return varint(len(data))


class _Grids:
    """The grids of many profiles, end to end. `keys`, `shifts` and `counts`, shape (k,), are all buckets; `lengths`,
    shape (m,), how many each grid has; `regions`, shape (k,), the region of each bucket; `starts`, shape (r,), the
    bucket that each region begins with, and `many`, shape (m,), how many regions each grid has."""

    def __init__(self, grids: Sequence[Grid]) -> None:
        self.lengths = np.array([len(grid.keys) for grid in grids], np.intp)
        self.spans = np.array([grid.span for grid in grids], np.uint64)
        self.keys = _joined([grid.keys for grid in grids], np.uint64)
        self.shifts = _joined([grid.shifts for grid in grids], np.uint8).astype(np.uint64)
        self.counts = _joined([grid.counts for grid in grids], np.int64).view(np.uint64)
        self.firsts = np.cumsum(self.lengths) - self.lengths
        self.spans_of_keys = np.repeat(self.spans, self.lengths)
        self.regions = regions_of(self.keys, self.spans_of_keys)
        begins = np.diff(self.regions, prepend=0) != 0
        begins[self.firsts[self.lengths > 0]] = True
        self.starts = np.flatnonzero(begins)
        self.many = np.diff(np.append(0, np.cumsum(begins))[np.append(self.firsts, len(begins))])

    @property
    def sizes(self) -> Indices:
        """Shape (m,): how many numbers each grid is written as."""
        return np.where(self.lengths > 0, 3 + 3 * self.many + 2 * self.lengths, 1)

    def put(self, numbers: Keys, at: Indices) -> None:
        """Writes each grid into `numbers` from its `at` on."""
        some = np.flatnonzero(self.lengths)
        numbers[at] = self.lengths
        numbers[at[some] + 1] = self.spans[some]
        numbers[at[some] + 2] = self.many[some]
        regions, first_regions = self.regions[self.starts], np.cumsum(self.many) - self.many
        steps = np.diff(regions, prepend=np.uint64(0))
        steps[first_regions[some]] = regions[first_regions[some]]
        to = places_of(at + 3, self.many)
        many = np.repeat(self.many, self.many)
        numbers[to] = steps
        numbers[to + many] = self.shifts[self.starts]
        numbers[to + 2 * many] = np.diff(self.starts, append=len(self.keys))
        before = np.empty_like(self.keys)
        before[1:] = self.keys[:-1]
        before[self.starts] = region_floor(regions, self.spans_of_keys[self.starts])
        to = places_of(at + 3 + 3 * self.many, self.lengths)
        numbers[to] = (self.keys - before) >> self.shifts
        numbers[to + np.repeat(self.lengths, self.lengths)] = self.counts


def _sizes_of(profiles: Sequence[Profile]) -> Indices:
    """Shape (m,): how many numbers each profile is written as, its grids left out."""
    return np.array([_COUNTS + _size_of(p.trace) for p in profiles], np.intp)


def _size_of(trace: Trace) -> int:
    return 1 + trace.slices + 2 * 2 + trace.sums.digits.size + trace.squares.digits.size


def _put_profiles(numbers: Keys, at: Indices, profiles: Sequence[Profile], all_grids: Sequence[_Grids]) -> None:
    """Writes each profile into `numbers` from its `at` on."""
    counts = [(*p.booleans, p.null, p.missing, p.not_finite, p.other) for p in profiles]
    numbers[at[:, None] + np.arange(_COUNTS)] = np.array(counts, np.uint64).reshape(-1, _COUNTS)
    at = at + _COUNTS
    for grids in all_grids:
        grids.put(numbers, at)
        at = at + grids.sizes
    numbers[at] = [p.trace.slices for p in profiles]
    at = _put_runs(numbers, at + 1, [p.trace.counts for p in profiles])
    for sums in ([p.trace.sums for p in profiles], [p.trace.squares for p in profiles]):
        numbers[at] = zigzag(np.array([s.low for s in sums], np.int64))
        numbers[at + 1] = [s.digits.shape[1] for s in sums]
        at = _put_runs(numbers, at + 2, [s.digits.ravel() for s in sums], zigzag)


def _put_runs(
    numbers: Keys, at: Indices, runs: Sequence[Counts], form: Callable[[Counts], Keys] = lambda run: run.view(np.uint64)
) -> Indices:
    """Writes each run of integers from its `at` on; returns where each ends."""
    lengths = np.array([len(run) for run in runs], np.intp)
    numbers[places_of(at, lengths)] = form(_joined(runs, np.int64))
    return at + lengths


def places_of(at: Indices, lengths: Indices) -> Indices:
    """Places from each `at` on, as many as its length, end to end."""
    return np.repeat(at - (np.cumsum(lengths) - lengths), lengths) + np.arange(int(lengths.sum()))


def _joined(parts: Sequence[npt.NDArray[Any]], dtype: type) -> npt.NDArray[Any]:
    return np.concatenate(parts) if parts else np.empty(0, dtype)


def regions_of(keys: Keys, spans: Keys | np.uint64) -> Keys:
    """The region of each key; a span of 64 is one region."""
    return (keys >> np.minimum(spans, _MOST_SPAN)) * (spans < 64)


def region_floor(regions: Keys, spans: Keys | np.uint64) -> Keys:
    """The first key of each region."""
    return regions << np.minimum(spans, _MOST_SPAN)
