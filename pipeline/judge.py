"""The verdicts on one group's window: each signal against its baseline, and its trace against its own past."""

from collections.abc import Mapping
from dataclasses import dataclass
from math import isfinite

from detectors.comparison import Comparison, compare, describe
from detectors.group import GroupProfile
from detectors.profile import Profile
from detectors.sequence.scan import scan
from detectors.trace import Trace
from pipeline.standards import Standard, Standards
from schemas.group import Group
from schemas.verdict import State, Verdict
from schemas.window import Cell, Completeness, SignalRecord

Steps = tuple[tuple[float, int], ...]

REMEMBERED = 120
_WORST_FIRST = (State.DRIFT, State.WARNING, State.OK, State.LEARNING, State.INSUFFICIENT, State.NO_DATA)


@dataclass(frozen=True, slots=True)
class Judgement:
    """A group's signals in one window: what is recorded of each, and the slices to remember."""

    signals: tuple[SignalRecord, ...]
    traces: Mapping[str, Steps]
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
    past: Mapping[str, Steps],
) -> Judgement:
    """The judgement on one window of one group. O(buckets)."""
    standard = standards.find(group)
    if completeness is not Completeness.COMPLETE:
        return _unjudged(profile, past, State.NO_DATA, standard)
    if standard is None or not standard.judges(start_ms):
        learning = standard is not None
        judgement = _unjudged(profile, past, State.LEARNING if learning else State.NO_DATA, standard)
        learned = standard.learned_before(start_ms) if standard else None
        return Judgement(judgement.signals, judgement.traces, judgement.baseline_events, learned)
    level = standards.level(group.model, start_ms)
    names = sorted({*profile.signals, *standard.group.total.signals})
    steps = {name: _steps(profile.profile(name).trace) for name in names}
    signals = tuple(
        _signal(name, profile.profile(name), standard, standards, level, past.get(name, ()), steps[name])
        for name in names
    )
    return Judgement(signals, _remembered(past, steps), standard.events)


def _unjudged(profile: GroupProfile, past: Mapping[str, Steps], state: State, standard: Standard | None) -> Judgement:
    signals = tuple(_record(name, profile.profile(name), state) for name in profile.signals)
    steps = {name: _steps(p.trace) for name, p in profile.signals.items()}
    return Judgement(signals, _remembered(past, steps), standard.events if standard else 0)


def _signal(
    name: str, current: Profile, standard: Standard, standards: Standards, level: float, past: Steps, steps: Steps
) -> SignalRecord:
    comparison = compare(standard.reference(name, standards.settings), current, standards.settings, level)
    sequence = scan(past, steps)
    warned = comparison.state is State.OK and any(v.state is State.WARNING for v in sequence)
    return _record(name, current, State.WARNING if warned else comparison.state, comparison, sequence)


def _record(
    name: str, p: Profile, state: State, comparison: Comparison | None = None, sequence: tuple[Verdict, ...] = ()
) -> SignalRecord:
    numeric = bool(p.numbers.total)
    count = int(p.trace.counts.sum())
    total = float(p.trace.sums.total().values()[0])
    basics = SignalRecord(
        name=name,
        state=state,
        present=p.present,
        null=p.null,
        missing=p.missing,
        not_finite=p.not_finite,
        mean=total / count if count and isfinite(total) else None,
        least=p.least if numeric else None,
        greatest=p.greatest if numeric else None,
    )
    if comparison is None:
        return basics
    return basics.model_copy(
        update={
            "p_value": comparison.p_value,
            "level": comparison.level,
            "effect": comparison.effect,
            "summary": describe(name, comparison),
            "verdicts": tuple(v.to_json() for v in (*comparison.verdicts, *sequence)),
            "cells": tuple(Cell(label=c.label, reference=c.reference, current=c.current) for c in comparison.cells),
        }
    )


def _steps(trace: Trace) -> Steps:
    """The mean and the count of each slice that has any, and whose sum is not beyond the floats."""
    counts = trace.counts.tolist()
    return tuple((s / n, n) for s, n in zip(trace.sums.values().tolist(), counts, strict=True) if n and isfinite(s))


def _remembered(past: Mapping[str, Steps], steps: Mapping[str, Steps]) -> dict[str, Steps]:
    names = sorted({*past, *steps})
    return {name: (*past.get(name, ()), *steps.get(name, ()))[-REMEMBERED:] for name in names}
