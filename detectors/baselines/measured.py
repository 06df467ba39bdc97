"""What the windows of a baseline said of its signals, kept in place of the windows.

Hundreds of windows, in tens of kilobytes each, are kept for one thing: how far apart windows are. Once they are all there
that is a few numbers a signal.
"""

from bisect import bisect_left
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from itertools import pairwise
from sys import intern
from typing import Any

import numpy as np

from detectors.profiles.ordering import Floats
from detectors.statistics.footing import Footing
from detectors.statistics.settings import Settings
from detectors.statistics.spread import Spread
from detectors.statistics.sustained import LENGTHS, Tails
from detectors.statistics.tail import NO_TAIL, Tail

METHOD = 1
"""Raised whenever windows are measured in another way: what was measured before then no longer holds."""

_OF_SIGNAL = 3
"""Figures of a signal before those of its spread: `worth`, `usable`, `nulls`. After them stands `minority`, which baselines
of before its time lack."""


class Footings(Mapping[str, Footing]):
    """How far apart windows are, by signal: columns, of which a signal's are made when they are asked for. `names` are in
    order; `figures`, shape (s, 12), are NaN where a signal has no spread, and where nothing was measured."""

    __slots__ = ("_figures", "_group", "_names")

    def __init__(self, names: tuple[str, ...], figures: Floats, group: Footing) -> None:
        self._names = names
        self._figures = figures
        self._group = group

    @classmethod
    def of(cls, footings: Mapping[str, Footing], starts: Collection[int]) -> "Footings":
        """Those of one group: its windows, and so the tails, are the same for all signals."""
        names = tuple(map(intern, sorted(footings)))
        figures = np.array([_figures(footings[name]) for name in names], np.float64).reshape(-1, _WIDTH)
        any_of_them = footings[names[0]] if names else Footing()
        group = Footing.of_starts(starts)._replace(tails=any_of_them.tails, rare=any_of_them.rare)
        return cls(names, figures, group)

    def __getitem__(self, name: str) -> Footing:
        at = bisect_left(self._names, name)
        if at == len(self._names) or self._names[at] != name:
            raise KeyError(name)
        worth, usable, nulls, windows, *rest, minority = self._figures[at].tolist()
        spread = Spread(int(windows), *rest) if windows == windows else None
        return self._group._replace(spread=spread, worth=worth, usable=int(usable), nulls=nulls, minority=minority)

    def __iter__(self) -> Iterator[str]:
        return iter(self._names)

    def __len__(self) -> int:
        return len(self._names)

    def to_json(self) -> dict[str, Any]:
        rows = [[None if x != x else x for x in row] for row in self._figures.tolist()]
        tails = [list(map(float, tail)) for tail in self._group.tails]
        rare = list(map(float, self._group.rare))
        return {"tails": tails, "rare": rare, "names": self._names, "figures": rows}

    @classmethod
    def from_json(cls, data: Any, starts: Collection[int]) -> "Footings":
        """Raises LookupError, TypeError or ValueError where that is not what `to_json` gave."""
        tails: Tails = tuple(Tail(*map(float, tail)) for tail in data["tails"])
        if len(tails) != len(LENGTHS):
            raise ValueError(f"{len(tails)} tails instead of {len(LENGTHS)}")
        names = tuple(intern(name) for name in data["names"])
        if any(a >= b for a, b in pairwise(names)):
            raise ValueError("its signals are not in order")
        figures = np.array([_completed(row) for row in data["figures"]], np.float64).reshape(-1, _WIDTH)
        if len(figures) != len(names) or not np.isfinite(figures[:, :_OF_SIGNAL]).all():
            raise ValueError(f"{len(figures)} rows of figures for {len(names)} signals")
        rare = Tail(*map(float, data["rare"])) if data.get("rare") else NO_TAIL
        return cls(names, figures, Footing.of_starts(starts)._replace(tails=tails, rare=rare))


@dataclass(frozen=True, slots=True)
class Measured:
    """`starts` are those of the windows, in order; `footings` say how far apart they are, by signal. They were measured in
    `bins` cells, of windows with `minimum_events` of a signal, by `method`."""

    starts: tuple[int, ...]
    footings: Mapping[str, Footing]
    bins: int
    minimum_events: int
    method: int = METHOD

    @classmethod
    def of(cls, starts: Collection[int], footings: Mapping[str, Footing], settings: Settings) -> "Measured":
        ordered = tuple(sorted(starts))
        return cls(ordered, Footings.of(footings, ordered), settings.bins, settings.minimum_events)

    def holds_for(self, settings: Settings) -> bool:
        """Whether the windows would say the same under these settings."""
        return (self.bins, self.minimum_events, self.method) == (settings.bins, settings.minimum_events, METHOD)

    def to_json(self) -> dict[str, Any]:
        measured = [self.bins, self.minimum_events, self.method]
        return {"starts": self.starts, "measured": measured} | Footings.of(self.footings, self.starts).to_json()

    @classmethod
    def from_json(cls, data: Any) -> "Measured":
        """Raises LookupError, TypeError or ValueError where that is not what `to_json` gave."""
        starts = tuple(map(int, data["starts"]))
        if not starts or any(a >= b for a, b in pairwise(starts)):
            raise ValueError("its windows are not in order")
        bins, minimum_events, method = map(int, data["measured"])
        return cls(starts, Footings.from_json(data, starts), bins, minimum_events, method)


def _figures(footing: Footing) -> list[float]:
    spread = footing.spread or [np.nan] * len(Spread._fields)
    return [footing.worth, footing.usable, footing.nulls, *map(float, spread), footing.minority]


def _completed(row: Any) -> list[Any]:
    return [*row, None] if len(row) == _WIDTH - 1 else list(row)


_WIDTH = _OF_SIGNAL + len(Spread._fields) + 1
