"""What a batch of windows' signals is made of: counts of events by type of value, as columns."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from detectors.profiles.grid import Counts, Indices
from detectors.profiles.profile import Profile

Made = tuple[int, int, int, int, int, int, int]
"""A profile's events: numbers, strings, booleans, null, missing, not finite, other."""


def made_of(p: Profile) -> Made:
    """O(buckets)."""
    numbers = p.numbers.total if len(p.numbers.keys) else 0
    strings = p.categories.total if len(p.categories.keys) else 0
    return numbers, strings, p.booleans[0] + p.booleans[1], p.null, p.missing, p.not_finite, p.other


@dataclass(frozen=True, slots=True)
class Tally:
    """Arrays of shape (n,), one entry for each signal."""

    numbers: Counts
    strings: Counts
    booleans: Counts
    null: Counts
    missing: Counts
    not_finite: Counts
    other: Counts

    @classmethod
    def of(cls, some: Sequence[Made], events: int | None = None) -> "Tally":
        """The tally of signals; with `events`, those that none of the others is are missing."""
        tally = cls(*np.array(some, np.int64).reshape(-1, 7).T)
        return tally if events is None else replace(tally, missing=events - tally.present)

    def at(self, rows: Indices) -> "Tally":
        """That of some of the signals."""
        return Tally(*(getattr(self, name)[rows] for name in Tally.__slots__))

    @property
    def present(self) -> Counts:
        """Events that have the signal, whatever its value."""
        return self.numbers + self.strings + self.booleans + self.null + self.not_finite + self.other

    @property
    def events(self) -> Counts:
        return self.present + self.missing

    @property
    def nulls(self) -> Counts:
        """Events without a value: null, or without the signal."""
        return self.null + self.missing
