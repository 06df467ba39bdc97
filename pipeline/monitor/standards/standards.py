"""The baselines of all models, from files or learned: what each group is compared with, and at which level.

A learned baseline is the first windows that close. Versions of a model share it.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

from detectors.baselines.baseline import Baseline
from detectors.baselines.baseline_group import BaselineGroup
from detectors.baselines.hour_totals import hours_had, whole_hours, with_hour, with_hours
from detectors.baselines.season import Hour
from detectors.groups.group import GroupProfile
from detectors.lenses.scorer import SIGNAL as ANOMALY
from detectors.references.footings import measured
from detectors.references.reference import Reference
from detectors.references.taking import KEPT, Taking
from detectors.statistics.budget import Budget
from detectors.statistics.chance import Chance
from detectors.statistics.settings import Settings
from pipeline.events.event_time import BEGINNING
from pipeline.ingest.embeddings import Embedding, Embeddings
from pipeline.monitor.standards.held import Held
from pipeline.monitor.standards.probation import Probation
from pipeline.monitor.standards.rolling import Rolled, Rolling
from pipeline.monitor.standards.standard import Standard
from schemas.config import Config
from schemas.group import Group, Segment
from schemas.model_config import ModelConfig
from schemas.season import Season

BUILD = "build a file with driftline baseline build, and name it under models"
MOST_PREPARED = 12_000
"""Prepared, a signal takes tens of kilobytes."""

Key = tuple[str, Segment | None]


def settings_of(config: Config) -> Settings:
    """What the configuration sets of detection."""
    detection = config.detection
    return Settings(
        bins=detection.bins,
        minimum_effect=detection.minimum_effect,
        minimum_events=detection.minimum_events,
        primary=detection.primary,
    )


class Standards:
    """The baselines of all models that one profiles partition holds."""

    def __init__(
        self,
        config: Config,
        files: Mapping[str, Baseline],
        learned: Mapping[Key, BaselineGroup] | None = None,
        watched: Mapping[Key, BaselineGroup] | None = None,
        held: Held | None = None,
    ) -> None:
        """`learned` are those of models without files, and the windows of probation of those with files; `watched` are such
        windows of those that have learned a baseline, under other settings or before they had a file. `held` is what
        partitions prepare together."""
        self._config = config
        detection = config.detection
        self.settings = settings_of(config)
        self._embeddings = Embeddings(config)
        self.minimum_change = detection.pairwise.minimum_change
        self._standards: dict[str, dict[Segment | None, Standard]] = {}
        self._held = Held(MOST_PREPARED) if held is None else held
        self._taking: dict[Key, Taking] = {}
        self._made = dict.fromkeys(files, ("built", "build it again with driftline baseline build"))
        for model, baseline in files.items():
            for segment, group in baseline.groups.items():
                lens = baseline.lens if segment is None and detection.pairwise.most else None
                kept = (learned or {}).get((model, segment))
                if kept is None or kept.measured is not None:  # what the model learned before it had a file
                    kept = (watched or {}).get((model, segment))
                watched_for = _is_strange(group, self.settings) or Probation.needed(group)
                own = replace(kept, hour_totals={}) if kept else None
                probation = Probation(self.settings, own) if watched_for else None
                season = self._season(model)
                scorer = baseline.scorer.digest if baseline.scorer and segment is None else ""
                standard = Standard(
                    group,
                    self.settings,
                    lens=lens,
                    pairs=baseline.pairs,
                    scorer=scorer,
                    season=season,
                    probation=probation,
                )
                self._put(model, segment, standard)
        for (model, segment), group in (learned or {}).items():
            if model not in files and config.model(model) is not None:  # one that is listed no longer finds it again
                own = with_hours(group, self._season(model)) if group.windows else group
                self._put(model, segment, self._learned(model, own, (watched or {}).get((model, segment))))

    def find(self, group: Group) -> Standard | None:
        """What the group is compared with, or None where its model's baseline does not have its segment."""
        return self._of(group.model).get(group.segment)

    def embeddings(self, model: str) -> list[Embedding]:
        """The embeddings among the model's signals."""
        return self._embeddings.of_model(self._model(model))

    def segments(self, model: str, start_ms: int) -> dict[Segment, BaselineGroup]:
        """The baselines of a model's segments that the window which starts then is compared with. O(baselines)."""
        return {
            segment: standard.group
            for segment, standard in self._of(model).items()
            if segment is not None and standard.judges(start_ms)
        }

    def references(self, standard: Standard, signals: Sequence[str], start_ms: int) -> list[Reference]:
        """The signals' baselines in a standard, for the window that starts then."""
        found = standard.references(signals, start_ms)
        self._held.use(standard, self._turn(start_ms))
        return found

    def rolled(self, rolling: Rolling, signals: Sequence[str], start_ms: int) -> dict[str, Reference]:
        """The signals' rolling baselines for the window that starts then, of those that its windows bear verdicts on."""
        ready = rolling.before(start_ms)
        apart = (signal for signal in signals if signal != ANOMALY)  # those windows may have had another scorer
        bearing = [signal for signal in apart if ready.bears(signal)] if ready else []
        found = ready.references(bearing) if ready else []
        self._held.use(rolling, self._turn(start_ms))
        return dict(zip(bearing, found, strict=True))

    def rolling(self, group: Group, kept: Mapping[int, Rolled] | None = None) -> Rolling | None:
        """A group's rolling baseline, of the windows kept of it; None where its model has none."""
        model = self._config.model(group.model)
        return Rolling.of(model.rolling_windows, self.settings, kept or {}) if model and model.rolling_windows else None

    def let_go(self, rolling: Rolling) -> None:
        """Holds the rolling baseline of a group that is forgotten no longer."""
        self._held.drop(rolling)

    def level(self, model: str, start_ms: int, versions: int = 1) -> float:
        """The level of each signal of a model in the window that starts then, and that has so many of its versions: its
        false-alarm budget, shared out over the baselines that the window is not itself part of, and over versions.
        Where an alert takes n of m windows, that times n / m: of m windows at level a, n exceed it with a probability of at most a m / n, however they depend on each other
        (Markov's inequality)."""
        config = self._model(model)
        budget = Budget(config.false_alarms.at_most, config.false_alarms.per_ms)
        fire = self._config.detection.fire
        level = budget.level(self._config.window.length_ms, self._tests(model, start_ms, versions))
        return level * fire.windows / fire.of

    def chance(self, model: str, start_ms: int, versions: int = 1) -> Chance:
        """How often the model's tests are taken in the window that starts then, and that has so many of its versions."""
        return Chance(self._config.window.length_ms, self._tests(model, start_ms, versions))

    def learn(self, model: str, segment: Segment | None, start_ms: int, profile: GroupProfile) -> BaselineGroup | None:
        """Takes a closed window into a baseline that is being learned, and gives up its windows for what they say once they
        are all there; returns what to keep of it, if it changed. O(buckets), and of all windows once."""
        if not self._wanted(model):
            return None
        known = self._of(model).get(segment)
        group = known.group if known else BaselineGroup(GroupProfile.empty(profile.resolution))
        if known is None or (known.learning and start_ms > known.through_ms):
            group = self._with_window(model, segment, group, start_ms, profile)
        hour = Hour.of(self._season(model), start_ms)
        if hour is not None and start_ms == max(group.windows, default=None):
            group = with_hour(group, hour, profile)  # of a window that is closed again it may be all that lacks
        if group.measured is None and len(group.windows) >= self._wanted(model):
            taking = self._taking.pop((model, segment), None)
            group = measured(group, self.settings, whole_hours(group), taking.fine if taking else None)
        if known is not None and group is known.group:
            return None
        if known is not None:
            self._held.drop(known)
        self._put(model, segment, self._learned(model, group))
        return group

    def _with_window(
        self, model: str, segment: Segment | None, group: BaselineGroup, start_ms: int, profile: GroupProfile
    ) -> BaselineGroup:
        """The baseline with one more window."""
        taking = self._taking.get((model, segment))
        if taking is None:
            by_hour = self._season(model) is not Season.NONE
            taking = Taking(self.settings.bins, KEPT) if by_hour else Taking(self.settings.bins)
            self._taking[model, segment] = taking
        return taking.take(group, start_ms, profile).packed()

    def complaints(self) -> list[str]:
        """What the configuration asks of baselines that they cannot give, for they hold their windows no longer."""
        found = []
        for model, standards in sorted(self._standards.items()):
            made, remedy = self._made.get(model, ("learned", BUILD))
            gone = [one for one in standards.values() if one.group.measured is not None or one.group.is_counted]
            found += [f"{model}: {complaint}: {remedy}" for complaint in self._of_season(model, made, gone)]
            left = max(
                (one.probation.left for one in gone if one.probation and _is_strange(one.group, self.settings)),
                default=0,
            )
            if left:
                found.append(
                    f"{model}: its baseline was {made} under other detection.bins or detection.minimum_events: there are "
                    f"warnings and no alerts for its next {left} windows; to have alerts at once, {remedy}"
                )
        return found

    def watches(self, model: str) -> bool:
        """Whether a baseline of the model has too few windows of its own."""
        return any(standard.probation for standard in self._of(model).values())

    def watch(self, model: str, segment: Segment | None, start_ms: int, profile: GroupProfile) -> BaselineGroup | None:
        """Takes a closed window of a baseline that has too few of its own; returns what to keep of it, if it changed."""
        known = self._of(model).get(segment)
        return known.probation.add(start_ms, profile) if known and known.probation else None

    def forget(self, group: Group) -> BaselineGroup | None:
        """Gives up the group's baseline where it is still being learned, and returns it."""
        standard = self.find(group)
        if standard is None or not standard.learning:
            return None
        self._held.drop(standard)
        self._taking.pop((group.model, group.segment), None)
        del self._standards[group.model][group.segment]
        if not self._standards[group.model]:
            del self._standards[group.model]
        return standard.group

    def _turn(self, start_ms: int) -> int:
        return start_ms // self._config.window.length_ms

    def _put(self, model: str, segment: Segment | None, standard: Standard) -> None:
        self._standards.setdefault(model, {})[segment] = standard

    def _of(self, model: str) -> Mapping[Segment | None, Standard]:
        return self._standards.get(model, {})

    def _learned(self, model: str, group: BaselineGroup, watched: BaselineGroup | None = None) -> Standard:
        through_ms = max(group.starts, default=BEGINNING)
        probation = Probation(self.settings, watched) if _is_strange(group, self.settings) else None
        by_hour = group.hours if group.measured else not group.is_counted
        season = self._season(model) if by_hour else Season.NONE
        return Standard(group, self.settings, self._wanted(model), through_ms, season=season, probation=probation)

    def _wanted(self, model: str) -> int:
        """None of a model that is listed no longer: windows of it may still be open."""
        found = self._config.model(model)
        return found.learned_windows if found else 0

    def _of_season(self, model: str, made: str, standards: Sequence[Standard]) -> Iterator[str]:
        """What baselines whose windows are gone lack of the season that is asked of them."""
        season = self._season(model)
        if season is Season.NONE or not standards:
            return
        had, wanted = map(sum, zip(*(hours_had(one.group, season) for one in standards), strict=True))
        if not had:
            yield f"its baseline was {made} without that season, and has none"
        elif had < wanted:
            yield (
                f"of {wanted} hours of its baseline's season {wanted - had} are missing, and their windows are compared with "
                "the whole baseline"
            )
        if had and any(_is_strange(one.group, self.settings) for one in standards):
            yield (
                f"its season was {made} under other detection.bins or detection.minimum_events, and all windows are compared "
                "with the whole baseline"
            )

    def _season(self, model: str) -> Season:
        found = self._config.model(model)
        return found.season if found else Season.NONE

    def _tests(self, model: str, start_ms: int, versions: int) -> int:
        ready = [standard for standard in self._of(model).values() if standard.judges(start_ms)]
        rolling = sum(len(s.group.total.signals) for s in ready) if self._model(model).rolling_windows else 0
        return max(1, (sum(standard.tests for standard in ready) + rolling) * versions)

    def _model(self, name: str) -> ModelConfig:
        found = self._config.model(name)
        assert found is not None, f"model {name} is not watched"
        return found


def _is_strange(group: BaselineGroup, settings: Settings) -> bool:
    """Whether what its windows said was measured under other settings."""
    return group.measured is not None and not group.measured.holds_for(settings)
