"""What a group is compared with: its baseline, made ready for comparison."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import compress

from detectors.baselines.baseline_group import BaselineGroup
from detectors.baselines.season import Hour
from detectors.correlations.pairs import Pairs, skewness_through
from detectors.lenses.lens import Lens
from detectors.references.prepared import Prepared
from detectors.references.reference import Reference
from detectors.statistics.settings import Settings
from pipeline.events.event_time import BEGINNING
from pipeline.monitor.standards.probation import Probation
from schemas.season import Season


@dataclass(slots=True)
class Standard:
    """A segment's baseline. Windows that start at `through_ms` or before are part of it. `scorer` is the digest of the one
    that its events were scored by, empty where they were not."""

    group: BaselineGroup
    settings: Settings
    wanted: int = 0
    through_ms: int = BEGINNING
    lens: Lens | None = None
    pairs: Pairs | None = None
    scorer: str = ""
    season: Season = Season.NONE
    probation: Probation | None = None
    _paired: bool = False
    _whole: Prepared | None = None
    _step: int = 0
    _hour: Hour | None = None
    _of_hour: Prepared | None = None

    @property
    def learning(self) -> bool:
        return self.group.measured is None and len(self.group.windows) < self.wanted

    @property
    def events(self) -> int:
        return self.group.total.count

    def judges(self, start_ms: int) -> bool:
        """Whether a window that starts then is compared with it: not while it is being learned, nor if part of it."""
        return not self.learning and start_ms > self.through_ms

    def learned_before(self, start_ms: int) -> int:
        """How many of its windows start at `start_ms` or before."""
        return sum(start <= start_ms for start in self.group.starts)

    def references(self, signals: Sequence[str], start_ms: int) -> list[Reference]:
        """What the signals are compared with in the window that starts then, prepared until `forget`: the baseline's
        windows of the same hour of its season, where these are worth enough, and else all of them."""
        hour = self._prepared_hour(start_ms)
        if hour is None:
            return self._prepared_whole(start_ms).references(signals)
        by_hour = [hour.bears(signal) for signal in signals]
        own = iter(hour.references(compress(signals, by_hour)))
        if all(by_hour):
            return list(own)
        rest = iter(
            self._prepared_whole(start_ms).references(s for s, found in zip(signals, by_hour, strict=True) if not found)
        )
        return [next(own) if found else next(rest) for found in by_hour]

    def _prepared_whole(self, start_ms: int) -> Prepared:
        step = self.probation.step(start_ms) if self.probation else 0
        if self._whole is None or step != self._step:
            others = self.probation.footings(step) if self.probation else {}
            self._whole, self._step = Prepared(self.group, self.settings, others=others), step
        return self._whole

    def _prepared_hour(self, start_ms: int) -> Prepared | None:
        """That of the window's hour. Windows close in order, so one hour at a time is held."""
        hour = Hour.of(self.season, start_ms)
        if hour != self._hour:
            part = self.group.of_hour(hour) if hour else None
            self._hour, self._of_hour = hour, Prepared(part, self.settings, str(hour)) if part else None
        return self._of_hour

    def correlations(self) -> Pairs | None:
        """Those of its windows; None where it has no lens, or too few windows for any. Prepared once."""
        if self.pairs is None and not self._paired and self.lens is not None:
            seen = [cross for cross in self.group.crosses() if cross.lens == self.lens.digest]
            skewness = skewness_through(self.lens, self.group.total)
            self.pairs, self._paired = Pairs.of(self.lens, seen, skewness), True
        return self.pairs

    @property
    def tests(self) -> int:
        """Tests that a window takes against it."""
        return len(self.group.total.signals) + (self.lens is not None)

    @property
    def prepared(self) -> int:
        """How many signals are prepared."""
        return sum(some.size for some in (self._whole, self._of_hour) if some)

    def forget(self) -> None:
        """Gives up what is prepared and takes much memory; it is prepared again where it is wanted."""
        for some in (self._whole, self._of_hour):
            if some:
                some.forget()
