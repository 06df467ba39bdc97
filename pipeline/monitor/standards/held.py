"""What is prepared for comparison and takes much memory: held while there is room, and given up where there is none."""

from typing import Protocol


class Holds(Protocol):
    """What holds prepared signals."""

    @property
    def prepared(self) -> int: ...

    def forget(self) -> None: ...


class Held:
    """Those that have at most `most` signals together, or are one alone. What has nothing prepared is not among them.

    Windows use the same groups in the same order. Were those given up that were used longest ago, each would be gone when its
    turn comes; so those stay that were there first, for as long as each window uses them.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._held: dict[int, tuple[Holds, int, int]] = {}
        self._signals = 0

    def use(self, used: Holds, turn: int) -> None:
        """Notes that the window with that number used it, and how much it has prepared now. For it those are given up that
        neither this window used nor the one before, and else it is itself. O(1) for each that is given up."""
        self.drop(used)
        if not used.prepared:
            return
        self._held[id(used)] = used, used.prepared, turn
        self._signals += used.prepared
        while self._signals > self._most and len(self._held) > 1:
            oldest, _, last = next(iter(self._held.values()))
            gone = oldest if last < turn - 1 else used
            self.drop(gone)
            gone.forget()

    def drop(self, gone: Holds) -> None:
        """Lets go of it, as of what is used no more."""
        _, signals, _ = self._held.pop(id(gone), (gone, 0, 0))
        self._signals -= signals
