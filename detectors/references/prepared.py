"""A baseline made ready for comparison, signal by signal, as they are wanted."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from detectors.baselines.baseline_group import BaselineGroup
from detectors.references.footings import group_footings
from detectors.references.reference import BASELINE, Reference, reference_of
from detectors.statistics.footing import Footing
from detectors.statistics.settings import Settings
from schemas.basis import Basis


@dataclass(slots=True)
class Prepared:
    """The references of a baseline's signals. What its windows say of them is measured once and kept: it is small, and
    takes longest. What takes memory is kept until `forget`. Where its windows do not bear verdicts on a signal and `others`
    do, these say how far apart windows are."""

    group: BaselineGroup
    settings: Settings
    name: str = BASELINE
    others: Mapping[str, Footing] = field(default_factory=dict)
    _references: dict[str, Reference] = field(default_factory=dict)
    _footings: Mapping[str, Footing] | None = None

    def references(self, signals: Iterable[str]) -> list[Reference]:
        """The signals' references; a signal that the baseline lacks was missing throughout."""
        return [self._references.get(signal) or self._prepare(signal) for signal in signals]

    def footing(self, signal: str) -> Footing:
        """How far the windows can be trusted about a signal."""
        other = self.others.get(signal)
        if other is not None and other.basis in (Basis.THIN, Basis.FULL):
            return other
        if self._footings is None:
            self._footings = group_footings(self.group, self.settings)
        return self._footings.get(signal) or self._of_absent()

    def _of_absent(self) -> Footing:
        """The footing of a signal that the baseline lacks."""
        measured = self.group.measured
        return Footing() if measured and not measured.holds_for(self.settings) else Footing.of_starts(self.group.starts)

    def bears(self, signal: str) -> bool:
        """Whether the windows are worth enough for verdicts on a signal."""
        return self.footing(signal).basis in (Basis.THIN, Basis.FULL)

    @property
    def size(self) -> int:
        """How many signals are prepared."""
        return len(self._references)

    def forget(self) -> None:
        """Gives up what takes memory; it is prepared again where it is wanted."""
        self._references = {}

    def _prepare(self, signal: str) -> Reference:
        footing = self.footing(signal)
        found = self._references[signal] = reference_of(self.group, signal, self.settings, footing, self.name)
        return found
