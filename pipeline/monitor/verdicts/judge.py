"""The verdicts on one group's window: each signal against its baseline, and its trace against its own past."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import repeat
from math import isfinite
from typing import Any

import numpy as np

from detectors.comparisons.comparison import Comparison, compare_all
from detectors.comparisons.description import describe
from detectors.comparisons.either import either
from detectors.correlations.pairwise import SIGNAL as PAIRWISE
from detectors.groups.group import GroupProfile
from detectors.lenses.scorer import SIGNAL as ANOMALY
from detectors.profiles.profile import Profile
from detectors.profiles.tally import Tally, made_of
from detectors.references.reference import Reference
from detectors.sequence.scan import scan_all
from detectors.sequence.slices import Remembered, Rows, Sums, sums_of
from detectors.statistics.chance import Chance
from detectors.statistics.sustained import Scores
from pipeline.monitor.standards.rolling import Rolling
from pipeline.monitor.standards.standard import Standard
from pipeline.monitor.standards.standards import Standards
from pipeline.monitor.verdicts.correlations import correlations_of
from pipeline.monitor.verdicts.embedded import with_embeddings
from schemas.group import Group
from schemas.verdict import State, Verdict
from schemas.window import Completeness, SignalRecord

_WORST_FIRST = (State.DRIFT, State.WARNING, State.OK, State.LEARNING, State.INSUFFICIENT, State.NO_DATA)


@dataclass(frozen=True, slots=True)
class Judgement:
    """A group's signals in one window: what is recorded of each, and the slices and the scores to remember."""

    signals: tuple[SignalRecord, ...]
    traces: Remembered
    scores: Scores
    baseline_events: int = 0
    learned_windows: int | None = None

    @property
    def state(self) -> State:
        """The worst of the signals' states."""
        states = {signal.state for signal in self.signals}
        return next((state for state in _WORST_FIRST if state in states), State.NO_DATA)


def judge(
    group: Group,
    start_ms: int,
    profile: GroupProfile,
    completeness: Completeness,
    standards: Standards,
    past: Remembered,
    scores: Scores,
    firing: Iterable[str] = (),
    versions: int = 1,
    rolling: Rolling | None = None,
    scorer: str = "",
) -> Judgement:
    """The judgement on one window of one group, of so many `versions` of its model that the window has. Signals that are
    `firing` are judged though neither the window nor the baseline has them: without a verdict their alerts would never
    resolve. `rolling` is its rolling baseline, where it has one; `scorer` the digest of the one that its events were scored
    by: scores of another than the baseline's are not judged. O(buckets)."""
    standard = standards.find(group)
    if completeness is not Completeness.COMPLETE:
        return _unjudged(profile, past, scores, State.NO_DATA, standard)
    if standard is None or not standard.judges(start_ms):
        learning = standard is not None
        judgement = _unjudged(profile, past, scores, State.LEARNING if learning else State.NO_DATA, standard)
        learned = standard.learned_before(start_ms) if standard else None
        return replace(judgement, learned_windows=learned)
    level = standards.level(group.model, start_ms, versions)
    chance = standards.chance(group.model, start_ms, versions)
    strange = scorer != standard.scorer
    apart = {PAIRWISE, ANOMALY} if strange else {PAIRWISE}
    names = sorted({*profile.signals, *standard.group.total.signals, *firing} - apart)
    judgement = _judged(group, profile, start_ms, names, standard, standards, level, chance, past, scores, rolling)
    return replace(judgement, signals=(*judgement.signals, _not_scored(profile))) if strange else judgement


def _judged(
    group: Group,
    profile: GroupProfile,
    start_ms: int,
    names: list[str],
    standard: Standard,
    standards: Standards,
    level: float,
    chance: Chance,
    past: Remembered,
    scores: Scores,
    rolling: Rolling | None,
) -> Judgement:
    signals = _Signals.of(profile, names)
    references = standards.references(standard, signals.names, start_ms)
    before = scores.on(standard.events)
    rows = before.rows_of(signals.names)
    compared = compare_all(references, signals.profiles, standards.settings, level, signals.tally, rows)
    after = before.after(signals.names, [comparison.score for comparison in compared])
    if rolling is not None:
        rolled = standards.rolled(rolling, signals.names, start_ms)
        compared = _with_rolling(compared, signals, rolled, standards, level)
    new = Rows.of_sums(signals.sums)
    sequences = scan_all(past.rows_of(signals.names), new)
    records = signals.records(list(map(_state, compared, sequences)), compared, sequences, chance)
    moved = {name for name, one in zip(signals.names, compared, strict=True) if one.raised and not one.rate}
    records = with_embeddings(records, moved, standards.embeddings(group.model))
    records += correlations_of(profile, standard, standards, level, chance)
    return Judgement(records, past.after(signals.names, new), after, standard.events)


def _not_scored(profile: GroupProfile) -> SignalRecord:
    why = "events not scored by the baseline's scorer"
    return SignalRecord(ANOMALY, State.NO_DATA, 0, 0, profile.count, summary=f"{ANOMALY}: {why}")


def _with_rolling(
    compared: list[Comparison],
    signals: "_Signals",
    references: dict[str, Reference],
    standards: Standards,
    level: float,
) -> list[Comparison]:
    """The comparisons, and those with the rolling baseline of the signals that it has references of."""
    rows = np.array([at for at, name in enumerate(signals.names) if name in references], np.intp)
    if not len(rows):
        return compared
    profiles = [signals.profiles[at] for at in rows.tolist()]
    rolled = compare_all(list(references.values()), profiles, standards.settings, level, signals.tally.at(rows))
    found = list(compared)
    for at, one in zip(rows.tolist(), rolled, strict=True):
        found[at] = either(compared[at], one)
    return found


def _unjudged(
    profile: GroupProfile, past: Remembered, scores: Scores, state: State, standard: Standard | None
) -> Judgement:
    signals = _Signals.of(profile, list(profile.signals))
    records = signals.records([state] * len(signals.names))
    remembered = past.after(signals.names, Rows.of_sums(signals.sums))
    return Judgement(records, remembered, scores, standard.events if standard else 0)


def _state(comparison: Comparison, sequence: tuple[Verdict, ...]) -> State:
    if comparison.state is not State.OK or all(verdict.state is not State.WARNING for verdict in sequence):
        return comparison.state
    return State.WARNING


@dataclass(frozen=True, slots=True)
class _Signals:
    """A window's signals, in order of their names."""

    names: list[str]
    profiles: list[Profile]
    tally: Tally
    sums: Sums

    @classmethod
    def of(cls, profile: GroupProfile, names: list[str]) -> "_Signals":
        absent = Profile.empty(profile.slices)
        profiles = [profile.signals.get(name, absent) for name in names]
        return cls(
            names,
            profiles,
            Tally.of([made_of(p) for p in profiles], profile.count),
            sums_of([p.trace for p in profiles]),
        )

    def records(
        self,
        states: Sequence[State],
        compared: Sequence[Comparison] | None = None,
        sequences: Sequence[tuple[Verdict, ...]] | None = None,
        chance: Chance | None = None,
    ) -> tuple[SignalRecord, ...]:
        basics = self._basics(states)
        if compared is None or sequences is None:
            return tuple(map(SignalRecord, *basics))
        found = (
            [comparison.p_value for comparison in compared],
            [comparison.level for comparison in compared],
            [comparison.effect for comparison in compared],
            map(describe, self.names, compared, repeat(chance)),
            [
                tuple([verdict.to_json() for verdict in (*comparison.verdicts, *sequence)])
                for comparison, sequence in zip(compared, sequences, strict=True)
            ],
            [comparison.cells for comparison in compared],
            [comparison.basis for comparison in compared],
            [comparison.minimum_detectable_effect for comparison in compared],
            [comparison.effect_low for comparison in compared],
            [comparison.effect_high for comparison in compared],
        )
        return tuple(map(SignalRecord, *basics, *found))

    def _basics(self, states: Sequence[State]) -> list[Sequence[Any]]:
        """What a record says of the signal in the window alone, in the order of its fields."""
        tally = self.tally
        counts = self.sums.counts.sum(axis=1).tolist()
        totals = self.sums.totals.tolist()
        numeric = (tally.numbers > 0).tolist()
        return [
            self.names,
            states,
            tally.present.tolist(),
            tally.null.tolist(),
            tally.missing.tolist(),
            tally.not_finite.tolist(),
            [x / n if n and isfinite(x) else None for x, n in zip(totals, counts, strict=True)],
            [p.least if yes else None for p, yes in zip(self.profiles, numeric, strict=True)],
            [p.greatest if yes else None for p, yes in zip(self.profiles, numeric, strict=True)],
        ]
