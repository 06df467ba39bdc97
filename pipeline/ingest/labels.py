"""Names of rows, as small integers: the version of each event, or its segment along a path."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from sys import getsizeof

import numpy as np

from detectors.profiles.grid import Indices

_PLACE_BYTES = 8
_SPLIT_BYTES = 220  # what a name takes while rows are split by it, for entries, a pair and a hash; measured


@dataclass(frozen=True, slots=True)
class Labels:
    """`names`, distinct; `codes`, shape (n,), says which of them each row has. `size_bytes` is what the names take, or
    nearly: of labels that share them, each has a share by its rows."""

    names: tuple[str, ...]
    codes: Indices
    size_bytes: int

    @classmethod
    def of(cls, values: Sequence[str]) -> "Labels":
        """O(n)."""
        places = {name: place for place, name in enumerate(dict.fromkeys(values))}
        if len(places) == 1:
            return cls(tuple(places), np.zeros(len(values), np.intp), _size_bytes(places))
        codes = np.fromiter(map(places.__getitem__, values), np.intp, len(values))
        return cls(tuple(places), codes, _size_bytes(places))

    def take(self, rows: Indices) -> "Labels":
        """All rows, in the order named."""
        return Labels(self.names, self.codes[rows], self.size_bytes)

    def part(self, begin: int, end: int) -> "Labels":
        """Consecutive rows, as a copy. Fewer rows than there are names hold only their own."""
        codes = self.codes[begin:end].copy()
        names = self.names
        if len(codes) < len(names):
            met, codes = np.unique(codes, return_inverse=True)
            names = tuple(map(names.__getitem__, met.tolist()))
        return Labels(names, codes, self.size_bytes * len(codes) // max(1, len(self.codes)))


def joined(parts: Sequence[Labels]) -> Labels:
    """The rows of all, one after the other."""
    places = {name: place for place, name in enumerate(dict.fromkeys(name for part in parts for name in part.names))}
    renamed = [np.array([places[name] for name in part.names], np.intp)[part.codes] for part in parts]
    return Labels(tuple(places), np.concatenate(renamed), _size_bytes(places) + _SPLIT_BYTES * len(places))


def _size_bytes(names: Collection[str]) -> int:
    return sum(map(getsizeof, names)) + _PLACE_BYTES * len(names)


def pairs(first: Labels, second: Labels) -> tuple[list[tuple[str, str]], Indices]:
    """The pairs of names that rows have, distinct, and which of them each row has, shape (n,). O(n + names)."""
    both = first.codes * len(second.names) + second.codes
    met = np.flatnonzero(np.bincount(both, minlength=1)) if _dense(first, second) else np.unique(both)
    names = [(first.names[code // len(second.names)], second.names[code % len(second.names)]) for code in met.tolist()]
    return names, np.searchsorted(met, both)


def _dense(first: Labels, second: Labels) -> bool:
    return len(first.names) * len(second.names) <= 4 * len(first.codes) + 1000
