"""What the notifier knows right now, for its `/metrics`."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

from pipeline.serving.health import Health

TAKEN, FAILED = "taken", "failed"


@dataclass(slots=True)
class NotifyBoard:
    """Counters only grow; the rest is what holds now. Pushes are counted by peer and outcome, and `last_s` has the epoch
    seconds of each peer's last push that was taken. `address` is where it is served, empty where it is not."""

    events: Counter[str] = field(default_factory=Counter)
    pushes: Counter[tuple[str, str]] = field(default_factory=Counter)
    up: dict[str, bool] = field(default_factory=dict)
    last_s: dict[str, float] = field(default_factory=dict)
    firing: int = 0
    lag: int = 0
    health: Health = field(default_factory=Health)
    address: str = ""

    def expect(self, peers: Iterable[str]) -> None:
        """Peers that are to be told; until they are asked they count as up."""
        for peer in peers:
            self.up[peer] = True
            self.pushes.update({(peer, TAKEN): 0, (peer, FAILED): 0})  # so that a rate sees the first of each

    def pushed(self, peer: str, now_s: float, *, taken: bool) -> None:
        """Notes what became of a push."""
        self.pushes[peer, TAKEN if taken else FAILED] += 1
        self.up[peer] = taken
        if taken:
            self.last_s[peer] = now_s
