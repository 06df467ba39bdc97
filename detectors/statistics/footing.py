"""How far a baseline's windows can be trusted, signal by signal: what a false-alarm budget rests on."""

from collections.abc import Collection, Mapping
from typing import NamedTuple

from detectors.statistics.spread import Spread
from detectors.statistics.sustained import NO_TAILS, Tails
from detectors.statistics.tail import NO_TAIL, Tail
from schemas.basis import Basis

LEAST_WORTH, FULL_WORTH = 20.0, 50.0
# Two cycles of the longest season that people keep: the week.
FULL_SPAN_MS = 14 * 86_400_000


class Footing(NamedTuple):
    """`worth` is how many independent windows a signal's windows count for, of which `usable` have events enough of it.
    `windows` is how many the baseline has, without which it is a sum without time, and `span_ms` how far they are
    apart. `nulls` is the correlation, within a window, between events that lack a value, and `minority` that between events
    in the cells of `minority`, NaN where it was not measured; `tails` are those of the group's running means, `rare` that of
    its exact tests of minorities."""

    spread: Spread | None = None
    worth: float = 0.0
    usable: int = 0
    windows: int = 0
    span_ms: int = 0
    nulls: float = 0.0
    minority: float = 0.0
    tails: Tails = NO_TAILS
    rare: Tail = NO_TAIL

    @classmethod
    def of_starts(cls, starts: Collection[int]) -> "Footing":
        """That of a signal of which no event of the baseline says anything: each window counts."""
        span_ms = max(starts) - min(starts) if starts else 0
        return cls(None, float(len(starts)), len(starts), len(starts), span_ms)

    @property
    def basis(self) -> Basis | None:
        """None while the windows are too few for any verdict."""
        if self.worth >= LEAST_WORTH:
            return Basis.FULL if self.worth >= FULL_WORTH and self.span_ms >= FULL_SPAN_MS else Basis.THIN
        rare = self.usable < LEAST_WORTH <= self.windows
        return Basis.ASSUMED if rare or not self.windows else None


def footings_of(
    spreads: Mapping[str, Spread],
    usable: Mapping[str, int],
    nulls: Mapping[str, float],
    minority: Mapping[str, float],
    starts: Collection[int],
    tails: Tails = NO_TAILS,
    rare: Tail = NO_TAIL,
) -> dict[str, Footing]:
    """The footing of each signal in `usable`, which says how many of the baseline's windows have events enough of it. A
    signal without a spread although it has such windows takes a single value: there each window counts."""
    group = Footing.of_starts(starts)
    found = {}
    for name, count in usable.items():
        spread = spreads.get(name)
        worth = spread.effective_windows if spread else float(count)
        found[name] = group._replace(
            spread=spread,
            worth=worth,
            usable=count,
            nulls=nulls[name],
            minority=minority[name],
            tails=tails,
            rare=rare,
        )
    return found
