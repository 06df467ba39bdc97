"""What is prepared for comparison and takes much memory: held while it is used, and given up where there is too much."""

from typing import Protocol


class Holds(Protocol):
    """What holds prepared signals."""

    @property
    def prepared(self) -> int: ...

    def forget(self) -> None: ...


class Held:
    """Those used last, as long as they have at most `most` signals together, or are one alone. What has nothing prepared is
    not among them."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._held: dict[int, tuple[Holds, int]] = {}
        self._signals = 0

    def use(self, used: Holds) -> None:
        """Notes that it was used, and how much it has prepared now; those used longest ago give up theirs for it. O(1) for
        each that is given up."""
        self.drop(used)
        if not used.prepared:
            return
        self._held[id(used)] = used, used.prepared
        self._signals += used.prepared
        while self._signals > self._most and len(self._held) > 1:
            oldest, _ = next(iter(self._held.values()))
            self.drop(oldest)
            oldest.forget()

    def drop(self, gone: Holds) -> None:
        """Lets go of it, as of what is used no more."""
        _, signals = self._held.pop(id(gone), (gone, 0))
        self._signals -= signals
