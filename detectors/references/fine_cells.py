"""Windows of a baseline that is being learned, counted in cells of the first of them.

A window's profile takes tens of kilobytes, and a baseline is learned from hundreds. They are kept for one thing, how far
apart they are in the baseline's cells, which are known once the last is there. So the first windows are kept as they are,
and each later one as counts in fine cells of these: several for each of the cells to come, and beyond the range seen so far
cells that double in width. What the first windows hardly have stays a profile. So does, beside its counts, what these cells
do not tell apart: values all in one of them, or of types and categories that the first windows lack.

    "C" | length of the rest (4 bytes) | the rest's profile | digest of the cells (4 bytes) | varints, deflated | CRC-32

The varints are the window's events and, for each signal in order, its events, those with a value, and the counts.
"""

import zlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import chain, takewhile

import numpy as np

from detectors.baselines.baseline_group import COUNTED
from detectors.groups.deflated import decode_kept, kept_form
from detectors.groups.group import GroupProfile, merged_in_turn
from detectors.groups.varint import decode_varints, encode_varints
from detectors.profiles.grid import Counts
from detectors.profiles.ordering import Keys, keys_of, values_of
from detectors.profiles.profile import Profile
from detectors.references.cells import MOST_CATEGORIES, Cells, NumericCells, quantile_edges
from schemas.errors import StateError

FINE = 64
"""Cells of a signal's numbers, beside those beyond the range of the first windows."""

MOST_BINS = FINE // 2
"""Fine cells are merged into bins; into more than these they cannot be, evenly."""

_LEAST_OF_SIGNAL = 300
# Of a window's values, the share that may lie in one cell, or in none, before its counts say too little.
_MOST_TOGETHER = 0.5
_BEYOND = 2.0 ** np.arange(-2, 9)
_WIDEST = 1e300
# Of a step beyond the range, how much an edge may move to be rounder: a boundary of most grids.
_SLACK = 0.1
_SHIFTS = np.arange(64, dtype=np.uint64)
_LENGTH, _CHECKSUM = 4, 4
_REMEDY = "restore the state topic or use a new kafka.group"


@dataclass(frozen=True)
class FineCells:
    """The cells of each signal of which the first windows have events enough."""

    cells: Mapping[str, Cells]

    @classmethod
    def of(cls, first: Iterable[GroupProfile]) -> "FineCells":
        """The cells of the first windows, of which few are held at a time. Raises StateError where there are none.
        O(buckets)."""
        some = iter(first)
        one = next(some, None)
        if one is None:
            raise StateError(f"a learned baseline is damaged: its first windows are lost; {_REMEDY}")
        total = merged_in_turn(chain([one], some)).signals
        return cls({name: _cells_of(profile) for name, profile in total.items() if profile.count >= _LEAST_OF_SIGNAL})

    @cached_property
    def digest(self) -> bytes:
        """Of where the cells are: counts in others say nothing in these."""
        found = 0
        for name, cells in self.cells.items():
            edges = cells.numbers.edges.tobytes() if cells.numbers else b""
            hashes = cells.categories.hashes.tobytes() + cells.categories.cell.tobytes() if cells.categories else b""
            whole = b"%b|%b|%b|%d|%d" % (name.encode(), edges, hashes, cells.booleans, width_of(cells))
            found = zlib.crc32(whole, found)
        return found.to_bytes(4, "big")

    @cached_property
    def widths(self) -> list[int]:
        """How many cells each signal has."""
        return [width_of(cells) for cells in self.cells.values()]

    @cached_property
    def width(self) -> int:
        """How many numbers a row has."""
        return 1 + sum(2 + width for width in self.widths)

    def row(self, window: GroupProfile) -> Counts:
        """A window in these cells: its events and, for each signal, its events, those with a value, and the counts. A signal
        that the window lacks has none. Where a bucket is across an edge, all of it counts below. O(buckets)."""
        parts = [np.array([window.count], np.int64)]
        for (name, cells), width in zip(self.cells.items(), self.widths, strict=True):
            profile = window.signals.get(name)
            if profile is None:
                parts.append(np.zeros(2 + width, np.int64))
            else:
                parts += [np.array([profile.count, profile.present - profile.null]), _counts(cells, profile)]
        return np.concatenate(parts)

    def columns(self, rows: Counts) -> Iterator[tuple[str, tuple[Counts, Counts, Counts]]]:
        """Of each signal, from rows of windows: its events and those with a value, shape (w,), and the counts, shape
        (w, k)."""
        at = 1
        for name, width in zip(self.cells, self.widths, strict=True):
            yield name, (rows[:, at], rows[:, at + 1], rows[:, at + 2 : at + 2 + width])
            at += 2 + width

    def encode(self, window: GroupProfile) -> bytes:
        """The window, counted."""
        told = [name for name, cells in self.cells.items() if _tells(cells, window.signals.get(name))]
        rest = kept_form(window.without(told))
        numbers = zlib.compress(encode_varints(self.row(window).astype(np.uint64)), 6)
        body = COUNTED + len(rest).to_bytes(_LENGTH, "big") + rest + self.digest + numbers
        return body + zlib.crc32(body).to_bytes(_CHECKSUM, "big")

    def decode(self, data: bytes) -> tuple[Counts, GroupProfile]:
        """The row of a counted window, and the profile of what stayed one. Raises StateError where it was counted in
        other cells."""
        at = len(COUNTED) + _LENGTH
        end = at + int.from_bytes(data[len(COUNTED) : at], "big")
        if data[end : end + 4] != self.digest:
            raise StateError(
                f"a learned baseline is damaged: its windows were counted in other cells than those of the first; {_REMEDY}"
            )
        row = decode_varints(zlib.decompress(data[end + 4 : -_CHECKSUM])).astype(np.int64)
        return row, decode_kept(data[at:end])

    def read(self, data: bytes) -> tuple[Counts, GroupProfile]:
        """The row of a window, counted or not, and the profile of what is kept as one."""
        if data[:1] == COUNTED:
            return self.decode(data)
        window = decode_kept(data)
        return self.row(window), window


def width_of(cells: Cells) -> int:
    """How many there are, and one for values that are in none."""
    numbers = len(cells.numbers.edges) + 1 if cells.numbers else 0
    return numbers + (len(cells.categories.labels) if cells.categories else 0) + 2 * cells.booleans + 1


def first_windows(windows: Mapping[int, bytes]) -> Iterator[GroupProfile]:
    """Of a baseline's windows, one after the other, those before the first that is counted. Under other settings later ones
    may have been kept as they are, too."""
    ordered = (data for _, data in sorted(windows.items()))
    return map(decode_kept, takewhile(lambda data: data[:1] != COUNTED, ordered))


def _counts(cells: Cells, profile: Profile) -> Counts:
    """The counts of a profile, and how many of its values are in no cell. Where there is a cell for the rest of the
    categories they are in that: the first windows lack just what is rare."""
    counts = np.append(cells.count(profile), 0)
    at = -1
    if cells.categories and len(cells.categories.labels) > MOST_CATEGORIES:
        at = len(counts) - 2 - 2 * cells.booleans
    counts[at] += _values(profile) - counts.sum()
    return counts


def _tells(cells: Cells, profile: Profile | None) -> bool:
    """Whether the cells tell a window's values apart: no cell has too many of them, but of one bucket, and few are in
    none. O(buckets)."""
    if profile is None:
        return True
    beyond, together = _values(profile) - int(cells.count(profile).sum()), 0
    if cells.numbers is not None and len(profile.numbers.keys):
        cell = cells.numbers.edges.searchsorted(profile.numbers.keys, "right")
        starts = np.flatnonzero(np.diff(cell, prepend=-1))
        counts = profile.numbers.counts
        together = int((np.add.reduceat(counts, starts) - np.maximum.reduceat(counts, starts)).max())
    return max(beyond, together) <= _MOST_TOGETHER * _values(profile)


def _values(profile: Profile) -> int:
    return profile.numbers.total + profile.categories.total + sum(profile.booleans)


def _cells_of(profile: Profile) -> Cells:
    found = Cells.of(profile, 1)
    numbers = found.numbers and NumericCells(_edges(profile))
    categories = found.categories and replace(found.categories, labels=("",) * len(found.categories.labels))
    return Cells(numbers, categories, found.booleans, ())  # names for people would take most of the memory


def _edges(profile: Profile) -> Keys:
    """Quantiles, and on both sides of them steps that double."""
    inner = quantile_edges(profile.numbers, FINE)
    low, high = (values_of(inner[[0, -1]]) if len(inner) else np.array([profile.least, profile.greatest])).tolist()
    width = high - low or 0.5 * max(abs(low), 1.0)
    if max(width, abs(low), abs(high)) > _WIDEST:
        return inner
    steps = width * _BEYOND
    outer = np.concatenate([_rounded(low - steps, steps), _rounded(high + steps, steps)])
    return np.unique(np.concatenate([inner, outer]))


def _rounded(values: np.ndarray, steps: np.ndarray) -> Keys:
    """The keys of values, each with as many trailing zeros as moves it by no more than `_SLACK` of its step."""
    keys = keys_of(values)[:, None] >> _SHIFTS << _SHIFTS
    with np.errstate(invalid="ignore"):  # some of these keys are of no number
        moved = np.abs(values_of(keys.ravel()).reshape(keys.shape) - values[:, None])
    allowed = moved <= _SLACK * steps[:, None]
    most = len(_SHIFTS) - 1 - np.argmax(allowed[:, ::-1], axis=1)
    found: Keys = keys[np.arange(len(keys)), most]
    return found
