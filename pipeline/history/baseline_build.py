"""A baseline of a history: what its windows are like, a lens for their correlations, and a scorer of its events."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from itertools import chain

from detectors.baselines.baseline import Baseline
from detectors.baselines.choice import candidates, chosen
from detectors.baselines.scoring import marginals_of, normal_scores, scorer_of
from detectors.groups.group import GroupProfile, merged_groups, merged_in_turn
from detectors.lenses.cross import CrossProducts, Seeing
from detectors.lenses.frozen import NOTHING, Frozen, FrozenParts
from detectors.lenses.lens import Lens
from detectors.lenses.scorer import Scorer
from detectors.references.gathering import Gathering
from detectors.statistics.spread import LEAST_WINDOWS
from pipeline.history.fates import disorder
from pipeline.history.history import FileHistory, History, Stretch
from pipeline.history.local import closed_windows
from pipeline.history.unmet import Unmet
from pipeline.monitor.collect import OpenWindow
from pipeline.monitor.standards.standards import settings_of
from schemas.config import Config
from schemas.errors import InputError
from schemas.group import Segment
from schemas.season import Season

Progress = Callable[[float], None]
Stage = Callable[[str], Progress]
"""Takes the name of a stage of the work, and then how much of it is done, from 0 to 1."""
Seen = Callable[[Config, FrozenParts], History]
"""The history as it is seen through the frozen parts of models' baselines."""
ModelWindow = tuple[int, dict[Segment | None, GroupProfile]]
"""When a window begins, and the profile of each of a model's groups, of all versions."""


def build(config: Config, seen: Seen, model: str | None, stage: Stage) -> tuple[Baseline, Counter[str]]:
    """The baseline of the one model in a history, or of the one named, and what became of the events. They are read up to
    four times: for what the signals are like, of which a lens and a scorer are made; for which of them are the most
    correlated, where a lens cannot take all; for how those of the scorer hang together; and for the windows. Raises
    InputError where there is nothing to build it of, files are in no order of time, it has no signals, or the model is not
    clear."""
    lens, frozen = None, NOTHING
    if config.detection.anomalies or config.detection.pairwise.most:
        looks = _Looks(config, seen, stage)
        model, total, windows = looks.total(model)
        lens = looks.lens(model, total) if windows >= LEAST_WINDOWS else None
        frozen = Frozen(lens, looks.scorer(model, total) if config.detection.anomalies else None)
    reading = _Reading(config, seen, model, frozen, stage("reading the windows"))
    watched = config.model(reading.model)
    season = watched.season if watched else Season.NONE
    gathering = Gathering(reading.model, config.window.length_ms, settings_of(config), season, lens)
    for start_ms, groups in reading.windows():
        for segment, profile in groups.items():
            gathering.add(segment, start_ms, profile)
    baseline = replace(gathering.baseline(stage("measuring the windows")), scorer=frozen.scorer)
    if not baseline.groups[None].total.signals:
        unmet = unmet_of(config, baseline)
        why = "; ".join(unmet) or "no feature, prediction or latency; driftline sniff -c FILE EVENTS says what to set"
        raise InputError(f"no event of model {baseline.model!r} has a signal: {why}")
    return baseline, reading.counts


def unmet_of(config: Config, baseline: Baseline) -> list[str]:
    """A line for each signal and segment that the configuration names, and that none of the baseline's events had."""
    unmet = Unmet(config)
    for segment, group in baseline.groups.items():
        unmet.meet(baseline.model, segment, group.total.signals)
    return unmet.lines()


def model_windows(windows: Iterable[OpenWindow], model: str) -> Iterator[ModelWindow]:
    """A model's part in each of the windows that have one."""
    for window in windows:
        groups: dict[Segment | None, list[GroupProfile]] = {}
        for group, part in window.models[model].in_order() if model in window.models else ():
            groups.setdefault(group.segment, []).append(part.profile.collapsed())
        if groups:
            yield window.start_ms, {segment: merged_groups(profiles) for segment, profiles in groups.items()}


class _Looks:
    """What is found of the whole model before its windows are read; of segments nothing is asked."""

    def __init__(self, config: Config, seen: Seen, stage: Stage) -> None:
        self._config = _without_segments(config)
        self._seen = seen
        self._stage = stage

    def total(self, model: str | None) -> tuple[str, GroupProfile, int]:
        """The model's name, the profile of all its events, and in how many windows they are."""
        reading = _Reading(self._config, self._seen, model, NOTHING, self._stage("reading the events"))
        total = merged_in_turn(groups[None] for _, groups in reading.windows())
        return reading.model, total, reading.taken

    def lens(self, model: str, total: GroupProfile) -> Lens | None:
        """The lens of all signals that may be in one, of the most correlated where these are too many."""
        pairwise = self._config.detection.pairwise
        only = None if pairwise.signals == "auto" else pairwise.signals
        lens = candidates(total, only) if pairwise.most else None
        if lens is None or len(lens.names) <= pairwise.most:
            return lens
        return chosen(lens, self._cross(model, lens, "choosing correlations"), pairwise.most)

    def scorer(self, model: str, total: GroupProfile) -> Scorer | None:
        """The scorer of the model's events; None where they have no signals."""
        marginals = marginals_of(total)
        through = normal_scores(marginals)
        if through is None:
            return scorer_of(marginals, None) if marginals else None
        return scorer_of(marginals, self._cross(model, through, "learning to score events"))

    def _cross(self, model: str, seeing: Seeing, what: str) -> CrossProducts:
        """The cross-products of all events, seen through that."""
        reading = _Reading(self._config, self._seen, model, Frozen(seeing), self._stage(what))
        cross = merged_in_turn(replace(groups[None], signals={}) for _, groups in reading.windows()).cross
        assert cross is not None, "the history was read through a lens"
        return cross


class _Reading:
    """A history that is read once, for one model: the one named or the only one. Once it is, `counts` says what became of
    its events, and `taken` how many windows there were. Raises InputError where there is no event, those of files are in no
    order of time, or the model is not clear."""

    def __init__(self, config: Config, seen: Seen, model: str | None, frozen: Frozen, progress: Progress) -> None:
        history = seen(config, {model: frozen} if model and frozen != NOTHING else {})
        self._config = config
        self._of_files = isinstance(history, FileHistory)
        self.counts: Counter[str] = Counter()
        messages = history.messages(config, _told(history.stretches(), progress), self.counts)
        self._rest = (
            w for w in closed_windows(config, messages) if history.begin_ms <= w.start_ms and w.end_ms <= history.end_ms
        )
        self._first = next((window for window in self._rest if window.models), None)
        if self._first is None:
            fate = ", ".join(f"{n:,} {what}" for what, n in sorted(self.counts.items()) if n)
            raise InputError(f"no event to build a baseline of ({fate or 'there are none'})")
        self._only = model is None
        self.model = model or min(self._first.models)
        self.taken = 0

    def windows(self) -> Iterator[ModelWindow]:
        """The model's windows, in order."""
        found: set[str] = set()
        for window in chain(filter(None, [self._first]), self._rest):
            found |= window.models.keys()
            if self._only and len(found) > 1:
                raise InputError(f"the events have several models ({', '.join(sorted(found))}): name one with --model")
            for one in model_windows([window], self.model):
                self.taken += 1
                yield one
        if self._of_files and (hint := disorder(self._config, self.counts)) is not None:
            raise InputError(hint)
        if self.model not in found:
            raise InputError(f"no event of model {self.model!r}; there are {', '.join(sorted(found))}")


def _without_segments(config: Config) -> Config:
    if config.models == "auto":
        return config
    models = tuple(model.model_copy(update={"segments": ()}) for model in config.models)
    return config.model_copy(update={"models": models})


def _told(stretches: Iterable[Stretch], progress: Progress) -> Iterable[Stretch]:
    for stretch in stretches:
        yield stretch
        progress(stretch.done)
