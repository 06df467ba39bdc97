"""The nested grid: counts of keys in buckets whose width adapts to where the mass is.

The 64-bit key range is cut into regions `key >> span`, and each region has a shift of its own; a bucket is
`key >> shift`. `span` is the least of at least 52 with at most `caps.regions` regions occupied, and a region's
shift is the least with at most `caps.buckets` of its buckets occupied. Both are monotone in the set of occupied
keys, so the grid is a pure function of the multiset of keys, however it was split, ordered or merged.

The family is HdrHistogram, OpenTelemetry's exponential histogram and Prometheus native histograms; the nesting
keeps a few far values from taking the resolution of all others.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from detectors.profiles.ordering import Bits, Keys, gaps_of, least_shift, least_shifts

Counts = npt.NDArray[np.int64]
Indices = npt.NDArray[np.intp]

LEAST_SPAN = 52
_APART = 255
_FEW = 4


@dataclass(frozen=True, slots=True)
class Caps:
    """At most `regions` regions, each of at most `buckets` buckets. One region means one cap over all keys."""

    regions: int
    buckets: int

    def __post_init__(self) -> None:
        if self.regions < 1 or self.buckets < 1:
            raise ValueError(f"caps must be at least 1, got {self.regions} regions of {self.buckets} buckets")

    def least(self, other: "Caps") -> "Caps":
        """The caps that both keep to."""
        return Caps(min(self.regions, other.regions), min(self.buckets, other.buckets))


@dataclass(frozen=True, slots=True)
class Grid:
    """Buckets `[key, key + 2**shift)` with their counts: keys ascending, counts positive. Arrays of shape (k,)."""

    span: int
    keys: Keys
    shifts: Bits
    counts: Counts

    @property
    def total(self) -> int:
        return int(self.counts.sum())

    def merge(self, other: "Grid", caps: Caps) -> "Grid":
        """The grid of both multisets. O((k + l) log (k + l))."""
        if not len(other.keys):
            return self
        if not len(self.keys):
            return other
        return merged([self, other], caps)

    def coarsened(self, caps: Caps) -> "Grid":
        """The same multiset under `caps`. O(k)."""
        if not len(self.keys):
            return self
        few = len(self.keys) <= caps.buckets and caps.regions > 1  # one region is as wide as all numbers
        if few and 1 + np.count_nonzero(gaps_of(self.keys) > self.span) <= caps.regions:
            return self
        return merged([self], caps)


def empty_grid() -> Grid:
    return Grid(LEAST_SPAN, np.empty(0, np.uint64), np.empty(0, np.uint8), np.empty(0, np.int64))


def merged(grids: list[Grid], caps: Caps) -> Grid:
    """The grid of the union of the multisets behind `grids`, under `caps`. O(k log k) in the buckets of all."""
    keys = np.concatenate([g.keys for g in grids])
    order = np.argsort(keys, kind="stable")
    shifts = np.concatenate([g.shifts for g in grids])[order]
    counts = np.concatenate([g.counts for g in grids])[order]
    span = max(g.span for g in grids)
    return next(grids_of(keys[order], np.zeros(1, np.intp), caps, span=span, shifts=shifts, counts=counts))


def grids_of(
    keys: Keys,
    starts: Indices,
    caps: Caps,
    *,
    span: int = LEAST_SPAN,
    shifts: Bits | None = None,
    counts: Counts | None = None,
) -> Iterator[Grid]:
    """One grid for each owner, in one pass over all keys.

    `keys`, shape (n,), ascending within each owner; `starts`, shape (m,), where each owner's keys begin (owners
    without keys are not named). `shifts` and `counts`, shape (n,), where keys are already buckets. O(n).
    """
    if not len(keys):
        return
    gaps = np.empty(len(keys), np.uint8)
    gaps[1:] = gaps_of(keys)
    gaps[starts] = _APART
    spans = _spans(gaps, starts, caps.regions, span)
    lengths = np.diff(starts, append=len(keys))
    region_starts = np.flatnonzero(gaps > (np.repeat(spans, lengths) if len(starts) > 1 else spans[0]))
    region_shifts = _region_shifts(gaps, region_starts, caps.buckets, shifts)
    shift_of_key = np.repeat(region_shifts, np.diff(region_starts, append=len(keys)))
    firsts = np.flatnonzero(gaps > shift_of_key)
    bucket_shifts = shift_of_key[firsts]
    bucket_keys = keys[firsts] >> bucket_shifts << bucket_shifts
    bucket_counts = np.diff(firsts, append=len(keys)) if counts is None else np.add.reduceat(counts, firsts)
    bounds = np.append(np.searchsorted(firsts, starts), len(firsts))
    for owner in range(len(starts)):
        lo, hi = bounds[owner], bounds[owner + 1]
        yield Grid(int(spans[owner]), bucket_keys[lo:hi], bucket_shifts[lo:hi], bucket_counts[lo:hi])


def _spans(gaps: Bits, starts: Indices, regions: int, least: int) -> Bits:
    spans = np.full(len(starts), least, np.uint8)
    if regions == 1:
        spans[:] = 64
        return spans
    occupied = np.add.reduceat(gaps > least, starts, dtype=np.int64)
    ends = np.append(starts[1:], len(gaps))
    for owner in np.flatnonzero(occupied > regions):
        spans[owner] = least_shift(gaps[starts[owner] + 1 : ends[owner]], regions)
    return spans


def _region_shifts(gaps: Bits, starts: Indices, buckets: int, incoming: Bits | None) -> Bits:
    shifts = np.zeros(len(starts), np.uint8) if incoming is None else np.maximum.reduceat(incoming, starts)
    ends = np.append(starts[1:], len(gaps))
    full = np.flatnonzero(ends - starts > buckets)
    if len(full) < _FEW:
        for region in full:
            least = least_shift(gaps[starts[region] + 1 : ends[region]], buckets)
            shifts[region] = max(shifts[region], least)
    else:
        shifts[full] = np.maximum(shifts[full], least_shifts(gaps, starts[full] + 1, ends[full], buckets))
    return shifts
