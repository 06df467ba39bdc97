"""What each group is compared with: its baseline, from a file or learned, made ready for comparison.

A learned baseline is the first windows that close. Versions of a model share it.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

from detectors.baseline import Baseline, BaselineGroup
from detectors.budget import Budget
from detectors.chance import Chance
from detectors.footing import Footing
from detectors.group import GroupProfile
from detectors.lens import Lens, skewness_of
from detectors.pairs import Pairs
from detectors.reference import Reference, group_footings, references_of
from detectors.settings import Settings
from pipeline.event_time import BEGINNING
from schemas.config import Config, Learn, ModelConfig
from schemas.group import Group, Segment

MOST_PREPARED = 4000


@dataclass(slots=True)
class Standard:
    """A segment's baseline. Windows that start at `through_ms` or before are part of it."""

    group: BaselineGroup
    wanted: int = 0
    through_ms: int = BEGINNING
    lens: Lens | None = None
    _pairs: Pairs | None = None
    _paired: bool = False
    _references: dict[str, Reference] = field(default_factory=dict)
    _footings: dict[str, Footing] | None = None

    @property
    def learning(self) -> bool:
        return len(self.group.windows) < self.wanted

    @property
    def events(self) -> int:
        return self.group.total.count

    def judges(self, start_ms: int) -> bool:
        """Whether a window that starts then is compared with it: not while it is being learned, nor if part of it."""
        return not self.learning and start_ms > self.through_ms

    def learned_before(self, start_ms: int) -> int:
        """How many of its windows start at `start_ms` or before."""
        return sum(start <= start_ms for start in self.group.windows)

    def references(self, signals: Iterable[str], settings: Settings) -> list[Reference]:
        """The signals' baselines, prepared until `forget`; a signal that it lacks was missing throughout."""
        if self._footings is None:
            self._footings = group_footings(self.group, settings)
        if not self._references:
            self._references = references_of(self.group, settings, self._footings)
        return [self._references.get(signal) or self._missing(signal, settings) for signal in signals]

    def pairs(self) -> Pairs | None:
        """The correlations of its windows; None where it has no lens, or too few windows for any. Prepared once."""
        if not self._paired and self.lens is not None:
            seen = [cross for cross in self.group.crosses() if cross.lens == self.lens.digest]
            total, lens = self.group.total, self.lens
            skewness = [
                skewness_of(total.profile(name), centre, scale)
                for name, centre, scale in zip(lens.names, lens.centres, lens.scales, strict=True)
            ]
            self._pairs, self._paired = Pairs.of(lens, seen, skewness), True
        return self._pairs

    @property
    def tests(self) -> int:
        """Tests that a window takes against it."""
        return len(self.group.total.signals) + (self.lens is not None)

    @property
    def prepared(self) -> int:
        """How many signals are prepared."""
        return len(self._references)

    def forget(self) -> None:
        """Gives up what is prepared and takes much memory; it is prepared again where it is wanted."""
        self._references = {}

    def _missing(self, signal: str, settings: Settings) -> Reference:
        reference = Reference.of(self.group.total.profile(signal), settings)
        found = self._references[signal] = replace(reference, footing=Footing.of_starts(self.group.windows.keys()))
        return found


Key = tuple[str, Segment | None]


class Standards:
    """The baselines of all models that one profiles partition holds."""

    def __init__(
        self, config: Config, files: Mapping[str, Baseline], learned: Mapping[Key, BaselineGroup] | None = None
    ) -> None:
        self._config = config
        detection = config.detection
        self.settings = Settings(
            bins=detection.bins,
            minimum_effect=detection.minimum_effect,
            minimum_events=detection.minimum_events,
            primary=detection.primary,
        )
        self.minimum_change = detection.pairwise.minimum_change
        self._standards: dict[Key, Standard] = {}
        self._prepared: dict[int, Standard] = {}
        for model, baseline in files.items():
            for segment, group in baseline.groups.items():
                lens = baseline.lens if segment is None and detection.pairwise.most else None
                self._standards[model, segment] = Standard(group, lens=lens)
        for (model, segment), group in (learned or {}).items():
            self._standards[model, segment] = self._learned(model, group)

    def find(self, group: Group) -> Standard | None:
        """What the group is compared with, or None where its model's baseline does not have its segment."""
        return self._standards.get((group.model, group.segment))

    def segments(self, model: str, start_ms: int) -> dict[Segment, BaselineGroup]:
        """The baselines of a model's segments that the window which starts then is compared with. O(baselines)."""
        return {
            segment: standard.group
            for (name, segment), standard in self._standards.items()
            if name == model and segment is not None and standard.judges(start_ms)
        }

    def references(self, standard: Standard, signals: Iterable[str]) -> list[Reference]:
        """The signals' baselines in a standard. Those of the standards used last stay prepared, as many as
        `MOST_PREPARED` signals: prepared, a signal takes tens of kilobytes."""
        found = standard.references(signals, self.settings)
        self._prepared.pop(id(standard), None)
        self._prepared[id(standard)] = standard
        left = sum(one.prepared for one in self._prepared.values())
        while left > MOST_PREPARED and len(self._prepared) > 1:
            oldest = self._prepared.pop(next(iter(self._prepared)))
            left -= oldest.prepared
            oldest.forget()
        return found

    def level(self, model: str, start_ms: int) -> float:
        """The level of each signal of a model in the window that starts then: its false-alarm budget, shared out over the
        baselines that the window is not itself part of. Where an alert takes n of m windows, that times n / m: of m
        windows at level a, n exceed it with a probability of at most a m / n, however they depend on each other
        (Markov's inequality)."""
        config = self._model(model)
        budget = Budget(config.false_alarms.at_most, config.false_alarms.per_ms)
        fire = self._config.detection.fire
        level = budget.level(self._config.window.length_ms, self._tests(model, start_ms))
        return level * fire.windows / fire.of

    def chance(self, model: str, start_ms: int) -> Chance:
        """How often the model's tests are taken in the window that starts then."""
        return Chance(self._config.window.length_ms, self._tests(model, start_ms))

    def learn(self, model: str, segment: Segment | None, start_ms: int, profile: GroupProfile) -> BaselineGroup | None:
        """Takes a closed window into a baseline that is being learned; returns what to keep of it, if it changed."""
        wanted = self._wanted(model)
        if not wanted:
            return None
        known = self._standards.get((model, segment))
        if known is not None and (not known.learning or start_ms <= known.through_ms):
            return None
        group = known.group if known else BaselineGroup(GroupProfile.empty(profile.resolution))
        group = group.add(start_ms, profile)
        self._standards[model, segment] = self._learned(model, group)
        return group

    def _learned(self, model: str, group: BaselineGroup) -> Standard:
        return Standard(group, self._wanted(model), max(group.windows, default=BEGINNING))

    def _wanted(self, model: str) -> int:
        baseline = self._model(model).baseline
        return baseline.windows if isinstance(baseline, Learn) else 0

    def _tests(self, model: str, start_ms: int) -> int:
        ready = [s for (name, _), s in self._standards.items() if name == model and s.judges(start_ms)]
        return max(1, sum(standard.tests for standard in ready))

    def _model(self, name: str) -> ModelConfig:
        found = self._config.model(name)
        assert found is not None, f"model {name} is not watched"
        return found
