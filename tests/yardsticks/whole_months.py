"""Simulated months of a model through the monitor itself: profiles of raw values, a baseline with a lens, the shipped
configuration with every detector on, alerts counted as a person gets them.

`tests.yardsticks.months` has a thousand months of counts of cells; here are fewer, of everything that may fire: the primary
test, what lasts, null rates, types, unseen categories, values out of range, and correlations.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from scipy import signal

from detectors.baselines.baseline import Baseline
from detectors.baselines.choice import candidates
from detectors.groups.group import GroupProfile
from detectors.lenses.cross import CrossProducts
from detectors.lenses.lens import Lens
from detectors.profiles.column import Column, Kind
from detectors.profiles.ordering import Floats
from detectors.profiles.profile import FINE, columns_profiles
from detectors.profiles.trace import SLICES
from detectors.profiles.vocabulary import Vocabulary
from pipeline.ingest.segments import GroupSet, Part
from pipeline.monitor.closing import Closer, Closing
from pipeline.monitor.collect import OpenWindow
from pipeline.monitor.standards.standards import Standards
from schemas.alert import AlertState
from schemas.config import Config
from schemas.group import Group
from tests.detectors.gathered import gathered
from tests.yardsticks.months import BASELINE, BURN_IN, HOUR_MS, HOURS, Tally

MODEL = Group("whole", "1")
NUMBERS, WORDS, VOCABULARY = 40, 10, 12
EVENTS, NULLS, STRANGERS = 1_000, 0.01, 0.001
TOGETHER = 0.5
AUTOCORRELATION = 0.9
START_MS = 1_700_000_000_000 // HOUR_MS * HOUR_MS


@dataclass(frozen=True)
class Drifts:
    """What moves from window to window, as much as chance does, shape (windows, signals): the means of numbers, the
    weights of words, and the null rates of both, in standard deviations."""

    means: Floats
    weights: Floats
    nulls: Floats

    @classmethod
    def of(cls, rng: np.random.Generator, windows: int) -> "Drifts":
        deviation = 1.0 / np.sqrt(EVENTS)
        return cls(
            deviation * _hidden(rng, windows, (NUMBERS,)),
            deviation * _hidden(rng, windows, (WORDS, VOCABULARY)),
            _hidden(rng, windows, (NUMBERS + WORDS,)),
        )


def _hidden(rng: np.random.Generator, windows: int, shape: tuple[int, ...]) -> Floats:
    r = AUTOCORRELATION
    steps = rng.normal(size=(windows + BURN_IN, *shape))
    found: Floats = signal.lfilter([np.sqrt(1.0 - r * r)], [1.0, -r], steps, axis=0)[BURN_IN:]
    return found


class Model:
    """A model's hours, one after the other. Numbers share a factor, and so are correlated."""

    def __init__(self, seed: int, windows: int) -> None:
        self._rng = np.random.default_rng([7, seed])
        self._drifts = Drifts.of(self._rng, windows)
        self._vocabulary = Vocabulary()
        self._words = np.array([self._vocabulary[f"w{i}"] for i in range(VOCABULARY)], np.uint64)

    def profile(self, hour: int, lens: Lens | None) -> GroupProfile:
        columns = dict(self._columns(hour))
        slices = np.arange(EVENTS) * SLICES // EVENTS
        profiles = columns_profiles(list(columns.values()), np.zeros(1, np.intp), slices, FINE, self._vocabulary)
        cross = None if lens is None else CrossProducts.of(lens, columns, slice(0, EVENTS))
        return GroupProfile.of(EVENTS, dict(zip(columns, profiles[0], strict=True)), FINE, cross)

    def _columns(self, hour: int) -> Iterator[tuple[str, Column]]:
        rng, drifts = self._rng, self._drifts
        factor = rng.normal(size=EVENTS)
        rates = NULLS + np.sqrt(NULLS / EVENTS) * drifts.nulls[hour]
        for at in range(NUMBERS):
            own = rng.normal(size=EVENTS)
            values = drifts.means[hour, at] + np.sqrt(TOGETHER) * factor + np.sqrt(1.0 - TOGETHER) * own
            yield f"n{at:02}", Column(EVENTS, self._kinds(Kind.NUMBER, rates[at]), values, None)
        for at in range(WORDS):
            weights = np.exp(drifts.weights[hour, at]) / np.arange(1, VOCABULARY + 1)
            words = self._words[rng.choice(VOCABULARY, EVENTS, p=weights / weights.sum())]
            for row in np.flatnonzero(rng.random(EVENTS) < STRANGERS):
                words[row] = self._vocabulary[f"stranger{rng.integers(1 << 40)}"]
            yield f"w{at:02}", Column(EVENTS, self._kinds(Kind.STRING, rates[NUMBERS + at]), None, words)

    def _kinds(self, kind: Kind, rate: float) -> np.ndarray:
        return np.where(self._rng.random(EVENTS) < max(rate, 0.0), Kind.NULL, kind).astype(np.uint8)


def months_of(seed: int, each: int) -> Tally:
    """So many months after one baseline of 60 days, which is thrown away with its lens."""
    model = Model(seed, BASELINE + each * HOURS)
    baseline = _built(model, seed)
    config = Config.from_mapping(
        {"window": {"length": "1h"}, "models": [{"name": MODEL.model, "baseline": "whole.json"}]}
    )
    closer = Closer(config, Standards(config, {MODEL.model: baseline}))
    closings = (
        closing
        for hour in range(BASELINE, BASELINE + each * HOURS)
        for closing in closer.close(_window(hour, model.profile(hour, baseline.lens)))
    )
    return _tally(closings, each)


def _built(model: Model, seed: int) -> Baseline:
    """The lens is chosen on a baseline without one, as `driftline baseline build` does in its first pass."""
    first = Model(seed, BASELINE + HOURS)
    lens = candidates(first.profile(0, None).collapsed())
    assert lens is not None
    hours = ((START_MS + hour * HOUR_MS, {None: model.profile(hour, lens)}) for hour in range(BASELINE))
    return gathered(MODEL.model, HOUR_MS, hours, lens=lens)


def _window(hour: int, profile: GroupProfile) -> OpenWindow:
    start = START_MS + hour * HOUR_MS
    groups = GroupSet({})
    groups.add(MODEL, Part(profile, 0, EVENTS))
    return OpenWindow(start, start + HOUR_MS, 0, {MODEL.model: groups})


def _tally(closings: Iterator[Closing], months: int) -> Tally:
    incidents: set[str] = set()
    firing: set[str] = set()
    drifts = hours = 0
    for closing in closings:
        for alert in closing.alerts:
            if alert.state is AlertState.FIRING:
                incidents.add(alert.incident)
                firing.add(alert.id)
                drifts += 1
            else:
                firing.discard(alert.id)
        hours += bool(firing)
    return Tally(months, drifts, len(incidents), hours)
