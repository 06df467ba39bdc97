"""Which models, and which versions of them, a window has room for, where producers send names without end.

First come, first served, in offset order, among the events that a source partition has read and not yet sent. All of those
are read again by whoever takes over, so the answer depends on nothing but the partition. Models that bring much traffic
come early in a window, and names that are made up for each event do not push them out. Models that the configuration names
are not counted.
"""

from collections.abc import Iterable, Iterator, Sequence
from itertools import repeat
from typing import NamedTuple

from pipeline.events.event_time import Times
from schemas.config import Config
from schemas.event import Refusal


class _Name(NamedTuple):
    start_ms: int
    model: str
    version: str


class Admission:
    """The models and versions met in each window of a source partition that is not sent yet."""

    def __init__(self, config: Config) -> None:
        self._most_models = config.limits.models if config.models == "auto" else None
        self._most_versions = config.limits.versions_per_model
        self._met: dict[int, dict[str, set[str]]] = {}

    def refused(self, starts: Times, models: Sequence[str], versions: Sequence[str]) -> dict[int, Refusal]:
        """Of n events, in offset order and with the starts of their windows, those that there is no room for, by place, and
        why. The others' names are met. O(n)."""
        if not len(models):
            return {}
        met = set(_tuples(starts, models, versions))
        new = [name for name in map(_Name._make, met) if not self._knows(name)]
        if self._has_room(new):
            for name in new:
                self._meet(name)
            return {}
        return dict(self._in_order(map(_Name._make, _tuples(starts, models, versions))))

    def forget(self, starts: Iterable[int]) -> None:
        """Forgets windows of which nothing waits any more."""
        for start_ms in starts:
            self._met.pop(start_ms, None)

    def _in_order(self, names: Iterable[_Name]) -> Iterator[tuple[int, Refusal]]:
        for place, name in enumerate(names):
            if not self._knows(name):
                refusal = self._refusal(name)
                if refusal is None:
                    self._meet(name)
                else:
                    yield place, refusal

    def _refusal(self, name: _Name) -> Refusal | None:
        models = self._met.get(name.start_ms, {})
        versions = models.get(name.model)
        if versions is None:
            full = self._most_models is not None and len(models) >= self._most_models
            return Refusal.TOO_MANY_MODELS if full else None
        return Refusal.TOO_MANY_VERSIONS if len(versions) >= self._most_versions else None

    def _has_room(self, new: Sequence[_Name]) -> bool:
        """Whether all that are new are sure to be admitted, in whatever order."""
        if not new:
            return True
        windows = [self._met.get(name.start_ms, {}) for name in new]
        models = max(map(len, windows)) + len(new)
        versions = max(len(met.get(name.model, ())) for met, name in zip(windows, new, strict=True)) + len(new)
        return (self._most_models is None or models <= self._most_models) and versions <= self._most_versions

    def _knows(self, name: _Name) -> bool:
        return name.version in self._met.get(name.start_ms, {}).get(name.model, ())

    def _meet(self, name: _Name) -> None:
        self._met.setdefault(name.start_ms, {}).setdefault(name.model, set()).add(name.version)


def _tuples(starts: Times, models: Sequence[str], versions: Sequence[str]) -> Iterator[tuple[int, str, str]]:
    first, last = int(starts.min()), int(starts.max())
    windows: Iterable[int] = repeat(first) if first == last else starts.tolist()
    return zip(windows, models, versions, strict=False)  # one window is repeated without end
