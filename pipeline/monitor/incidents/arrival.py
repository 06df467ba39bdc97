"""When a group was first there, and beside which version of its model: what is remembered of a rollout."""

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from pipeline.events.event_time import BEGINNING


class Arrival(NamedTuple):
    """`first_ms` is the start of the group's first window. `old` is the version that its own came beside; None where the
    model had none. `differs` are signals that were found to be others than the old version's. `came` are those whose drift
    was there when the version was, which nothing could be compared with; `well` those that have been ok since it came, so
    that what they show later did not come with it. Before version 6 there was neither, and `differs` had both."""

    first_ms: int = BEGINNING
    old: str | None = None
    differs: tuple[str, ...] = ()
    came: tuple[str, ...] = ()
    well: tuple[str, ...] = ()

    def to_json(self, version: int) -> list[Any]:
        return [*self[:3]] if version < 6 else [*self]

    @classmethod
    def from_json(cls, data: list[Any]) -> "Arrival":
        first_ms, old, *signals = data
        return cls(int(first_ms), None if old is None else str(old), *(tuple(map(str, names)) for names in signals))


SINCE_EVER = Arrival()


class Seen(NamedTuple):
    """A version that was there before: when it was last, and how many events it has in the window at hand."""

    version: str
    closed_through_ms: int
    events: int


def old_of(seen: Iterable[Seen]) -> str | None:
    """The version that a new one is held against: that with most events in the window at hand; where there is none, that
    which was there last. None where there was none before."""
    best = max(seen, key=lambda one: (one.events, one.closed_through_ms, one.version), default=None)
    return best.version if best else None


def in_order_of_arrival(versions: Mapping[str, Arrival]) -> list[str]:
    """Old versions first, for what they show is asked when a new one is judged."""
    return sorted(versions, key=lambda version: (versions[version].first_ms, version))
