"""Halves of events that wait for their other half, the oldest first, within a bound."""

from collections.abc import Sequence
from typing import Any, NamedTuple

from pipeline.events.formats.envelope import Document, Half

BYTES_OF_EACH = 8_192
"""Of a record, on average: of larger ones fewer wait."""

Key = tuple[Any, ...]


class Waiting(NamedTuple):
    """A half: its record, its events, and the clock when it came."""

    offset: int
    key: bytes | None
    value: bytes | None
    half: Half
    documents: Sequence[Document]
    clock_ms: int

    @property
    def size(self) -> int:
        return len(self.value or b"")


class WaitingRoom:
    """At most `most` halves, and records of no more than `BYTES_OF_EACH` for each of these; the last one always."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._halves: dict[Key, Waiting] = {}
        self._bytes = 0

    def put(self, key: Key, one: Waiting) -> list[Waiting]:
        """Lets a half wait whose key none has; returns those, the oldest, that have to leave for it."""
        self._halves[key] = one
        self._bytes += one.size
        left = []
        while self._is_full and len(self._halves) > 1:
            left.append(self._take_oldest())
        return left

    def take(self, key: Key) -> Waiting | None:
        """The half with that key, which waits no longer."""
        found = self._halves.pop(key, None)
        self._bytes -= found.size if found else 0
        return found

    def take_older(self, clock_ms: int) -> list[Waiting]:
        """Those that came when the clock was before that."""
        left = []
        while (oldest := self.oldest) and oldest.clock_ms < clock_ms:
            left.append(self._take_oldest())
        return left

    def take_before(self, offset: int) -> list[Waiting]:
        """Those that lie before that offset."""
        left = []
        while (oldest := self.oldest) and oldest.offset < offset:
            left.append(self._take_oldest())
        return left

    def take_all(self) -> list[Waiting]:
        left = list(self._halves.values())
        self._halves.clear()
        self._bytes = 0
        return left

    @property
    def offsets(self) -> list[int]:
        """Where they lie, ascending."""
        return [half.offset for half in self._halves.values()]

    @property
    def oldest(self) -> Waiting | None:
        return next(iter(self._halves.values()), None)

    @property
    def _is_full(self) -> bool:
        return len(self._halves) > self._most or self._bytes > self._most * BYTES_OF_EACH

    def _take_oldest(self) -> Waiting:
        found = self._halves.pop(next(iter(self._halves)))
        self._bytes -= found.size
        return found
