"""Names of rows, as small integers: the version of each event, or its segment along a path."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from detectors.profiles.grid import Indices


@dataclass(frozen=True, slots=True)
class Labels:
    """`names`, distinct; `codes`, shape (n,), says which of them each row has."""

    names: tuple[str, ...]
    codes: Indices

    @classmethod
    def of(cls, values: Sequence[str]) -> "Labels":
        """O(n)."""
        places = {name: place for place, name in enumerate(dict.fromkeys(values))}
        if len(places) == 1:
            return cls(tuple(places), np.zeros(len(values), np.intp))
        return cls(tuple(places), np.fromiter(map(places.__getitem__, values), np.intp, len(values)))

    def take(self, rows: Indices) -> "Labels":
        """The rows named, in the order named."""
        return Labels(self.names, self.codes[rows])

    def part(self, begin: int, end: int) -> "Labels":
        """Consecutive rows, as a copy."""
        return Labels(self.names, self.codes[begin:end].copy())


def joined(parts: Sequence[Labels]) -> Labels:
    """The rows of all, one after the other."""
    places = {name: place for place, name in enumerate(dict.fromkeys(name for part in parts for name in part.names))}
    renamed = [np.array([places[name] for name in part.names], np.intp)[part.codes] for part in parts]
    return Labels(tuple(places), np.concatenate(renamed))


def pairs(first: Labels, second: Labels) -> tuple[list[tuple[str, str]], Indices]:
    """The pairs of names that rows have, distinct, and which of them each row has, shape (n,). O(n + names)."""
    both = first.codes * len(second.names) + second.codes
    met = np.flatnonzero(np.bincount(both, minlength=1)) if _dense(first, second) else np.unique(both)
    names = [(first.names[code // len(second.names)], second.names[code % len(second.names)]) for code in met.tolist()]
    return names, np.searchsorted(met, both)


def _dense(first: Labels, second: Labels) -> bool:
    return len(first.names) * len(second.names) <= 4 * len(first.codes) + 1000
