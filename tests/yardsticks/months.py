"""Simulated months of a model whose signals drift as traffic does: cell counts of hourly windows, and what becomes of
them by the project's own functions of counts.

Each signal's cells follow a hidden AR(1) between windows, and the window's events are drawn from them. `kind` says what
the hidden process moves: the mean of a normal signal, its scale, every cell on its own, or a single rate. `relative` is
the hidden deviation over that of sampling: at 1 traffic moves as much as chance does.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from scipy import signal, special

from detectors.comparisons.shares import PRIMARY_SHARE, SUSTAINED_SHARE
from detectors.references.footings import parts_of
from detectors.statistics import distances, power, significance
from detectors.statistics.bar import DRIFT, STATES, Bar
from detectors.statistics.budget import Budget
from detectors.statistics.settings import Settings
from detectors.statistics.spread import Excesses, Spread, Spreads, spreads_of
from detectors.statistics.sustained import REMEMBERED, Tails, sustained, tails_of
from detectors.statistics.tables import Tables
from pipeline.monitor.incidents.alerting import SignalMemory, decide
from schemas.alert import AlertState
from schemas.basis import Basis
from schemas.detection_config import DetectionConfig

HOUR_MS, HOURS = 3_600_000, 720
SIGNALS, BASELINE = 50, 1_440
BUDGET = Budget(1.0, HOURS * HOUR_MS)
SETTINGS, DETECTION = Settings(), DetectionConfig()
BURN_IN = 100


@dataclass(frozen=True)
class Traffic:
    """What is simulated; `events` is the mean number of events in a window, which varies by `sizes`: not at all
    (`same`), as chance has it (`poisson`), or sevenfold over the day (`daily`)."""

    kind: str = "mean"
    relative: float = 1.0
    events: int = 1_000
    sizes: str = "poisson"
    cells: int = 10
    autocorrelation: float = 0.9
    innovations: float = np.inf

    def counts(self, rng: np.random.Generator, windows: int) -> np.ndarray:
        """Shape (windows, signals, cells)."""
        shares = self.shares(rng, windows)
        sizes = self._sizes(rng, windows)
        return rng.multinomial(sizes, shares)

    def shares(self, rng: np.random.Generator, windows: int) -> np.ndarray:
        """Those that windows are drawn with, shape (windows, signals, cells)."""
        deviation = self.relative / np.sqrt(self.events)
        edges = special.ndtri(np.arange(1, self.cells) / self.cells)
        if self.kind == "cells":
            return _normalised(np.exp(deviation * self._hidden(rng, windows, (SIGNALS, self.cells))))
        if self.kind == "skewed":
            halves = 0.5 ** np.arange(1.0, self.cells + 1.0)
            return _normalised(halves * np.exp(deviation * self._hidden(rng, windows, (SIGNALS, self.cells))))
        hidden = deviation * self._hidden(rng, windows, (SIGNALS,))[:, :, None]
        if self.kind == "rate":
            rate = special.expit(2.0 * hidden)
            return np.concatenate([rate, 1.0 - rate], axis=2)
        moved = edges * np.exp(-hidden) if self.kind == "scale" else edges * np.sqrt(1.0 + deviation**2) - hidden
        return np.diff(special.ndtr(moved), axis=2, prepend=0.0, append=1.0)

    def _hidden(self, rng: np.random.Generator, windows: int, shape: tuple[int, ...]) -> np.ndarray:
        size = (windows + BURN_IN, *shape)
        if np.isfinite(self.innovations):
            steps = rng.standard_t(self.innovations, size) / np.sqrt(self.innovations / (self.innovations - 2.0))
        else:
            steps = rng.normal(size=size)
        r = self.autocorrelation
        return signal.lfilter([np.sqrt(1.0 - r * r)], [1.0, -r], steps, axis=0)[BURN_IN:]

    def _sizes(self, rng: np.random.Generator, windows: int) -> np.ndarray:
        means = np.full((windows, SIGNALS), float(self.events))
        if self.sizes == "same":
            return means.astype(np.int64)
        if self.sizes == "daily":
            day = np.exp(np.sin(np.arange(windows) * (2.0 * np.pi / 24.0)))
            means *= (day / day.mean())[:, None]
        return np.maximum(rng.poisson(means), 30)


def _normalised(weights: np.ndarray) -> np.ndarray:
    return weights / weights.sum(axis=-1, keepdims=True)


@dataclass(frozen=True)
class Known:
    """What is known of a baseline's signals: their counts, shape (signals, cells), their spreads, and the tails of their
    running means."""

    counts: np.ndarray
    spreads: list[Spread]
    tails: Tails

    @classmethod
    def of(cls, baseline: np.ndarray) -> "Known":
        """That of windows, shape (windows, signals, cells)."""
        total = baseline.sum(axis=0)
        others = parts_of(baseline.reshape(len(baseline), -1))
        rest = (total.ravel() - others).reshape(baseline.shape)
        names = [f"s{at:02}" for at in range(baseline.shape[1])]
        excesses = {
            name: Excesses.of(Tables.of_rows(rest[:, at], baseline[:, at])).known() for at, name in enumerate(names)
        }
        spreads = spreads_of(excesses)
        return cls(total, [spreads[name] for name in names], tails_of(spreads, excesses))


@dataclass(frozen=True)
class Compared:
    """Windows of all signals, row after row, compared with what is known; `level` is that of a signal."""

    known: Known
    windows: np.ndarray
    level: float
    tables: Tables
    scarcity: np.ndarray
    statistic: np.ndarray
    spreads: Spreads
    excesses: Excesses

    @classmethod
    def of(cls, known: Known, windows: np.ndarray, level: float) -> "Compared":
        """`windows`, shape (windows, signals, cells)."""
        rows = windows.reshape(-1, windows.shape[2])
        tables, scarcity = Tables.of_rows(np.tile(known.counts, (len(windows), 1)), rows).merged()
        statistic = distances.g_of(tables)
        spreads = Spreads(*(np.tile(column, len(windows)) for column in Spreads.of(known.spreads)))
        return cls(
            known, windows, level, tables, scarcity, statistic, spreads, Excesses.of_merged(tables, scarcity, statistic)
        )

    @property
    def p_values(self) -> np.ndarray:
        """Those of the primary test, as `compare_all` gives them."""
        t = self.tables
        chance = significance.g_p(self.statistic, t.k, t.n, t.m, self.scarcity)
        return np.maximum(chance, self.spreads.p_values(self.excesses))

    @property
    def states(self) -> np.ndarray:
        """Codes, shape (windows, signals): drift by the window alone, or by the last windows together."""
        lasting = self._states(self.sustained, SUSTAINED_SHARE)
        return np.where(lasting == DRIFT, lasting, self._states(self.p_values, PRIMARY_SHARE))

    @property
    def sustained(self) -> np.ndarray:
        """The p-values of the last windows together, the windows given being in order of time."""
        now = self.spreads.standard(self.excesses)
        signals = self.windows.shape[1]
        by_window = np.vstack([np.full((REMEMBERED, signals), np.nan), now.reshape(-1, signals)])
        past = sliding_window_view(by_window[:-1], REMEMBERED, axis=0).reshape(-1, REMEMBERED)
        return sustained(self.spreads, [self.known.tails] * len(now), past, now)[1]

    @property
    def drifts(self) -> np.ndarray:
        """Whether each drifts by itself, shape (windows, signals)."""
        return self._states(self.p_values, PRIMARY_SHARE) == DRIFT

    def _states(self, p_values: np.ndarray, share: float) -> np.ndarray:
        effect = distances.total_variation_of(self.tables)
        found = self._bar(share).states(p_values, effect, SETTINGS.minimum_effect)
        return found.reshape(self.windows.shape[:2])

    @property
    def minimum_detectable(self) -> np.ndarray:
        """Shape (windows, signals): the effect that is found with a power of 0.8."""
        t, level = self.tables, self._bar(PRIMARY_SHARE).level
        chance = significance.g_threshold(level, t.k, t.n, t.m, self.scarcity)
        threshold = np.maximum(chance, self.spreads.thresholds(level, self.excesses))
        law = power.Law(*self.spreads.laws(self.excesses))
        floor = np.full(len(level), SETTINGS.minimum_effect)
        found = power.minimum_detectable(threshold, law, t.n, t.m, floor)
        return found.reshape(self.windows.shape[:2])

    def _bar(self, share: float) -> Bar:
        t = self.tables
        return Bar.of(SETTINGS, self.level, np.full(len(t.k), share), np.minimum(t.n, t.m), [Basis.FULL] * len(t.k))


@dataclass(frozen=True)
class Tally:
    """What came of months: `drifts`, the windows of a signal in drift; `incidents`, alerts that overlap taken together;
    `firing`, the hours in which any fired."""

    months: int
    drifts: int = 0
    incidents: int = 0
    firing: int = 0

    def __add__(self, other: "Tally") -> "Tally":
        return Tally(
            self.months + other.months,
            self.drifts + other.drifts,
            self.incidents + other.incidents,
            self.firing + other.firing,
        )

    @property
    def rate(self) -> float:
        return self.incidents / self.months

    @property
    def firing_share(self) -> float:
        return self.firing / (self.months * HOURS)


def tally_of(states: np.ndarray) -> Tally:
    """The tally of hourly states, codes of shape (hours, signals), by the project's state machine."""
    spans = sorted(span for at in range(states.shape[1]) for span in _alerts(states[:, at]))
    incidents = firing = through = 0
    for begin, end in spans:
        incidents += begin >= through
        firing += max(0, end - max(begin, through))
        through = max(through, end)
    return Tally(len(states) // HOURS, int((states == DRIFT).sum()), incidents, firing)


def _alerts(states: np.ndarray) -> Iterator[tuple[int, int]]:
    """From the window in which an alert fired to that in which it resolved. Where none is firing, windows that did not
    drift change nothing, so they are passed over."""
    through = 0
    for begin in np.flatnonzero(states == DRIFT).tolist():
        if begin < through:
            continue
        memory, through = SignalMemory(), begin
        while through < len(states):
            decision = decide(memory, through * HOUR_MS, STATES[states[through]], DETECTION)
            memory = decision.memory
            if decision.event is AlertState.RESOLVED:
                break
            through += 1
        yield begin, through


def months_of(traffic: Traffic, seed: int, baselines: int, each: int) -> Tally:
    """The tally of `each` months after each of `baselines` baselines."""
    tally = Tally(0)
    for at in range(baselines):
        rng = np.random.default_rng([seed, at])
        counts = traffic.counts(rng, BASELINE + each * HOURS)
        known = Known.of(counts[:BASELINE])
        for month in np.split(counts[BASELINE:], each):
            level = BUDGET.level(HOUR_MS, month.shape[1])
            tally += tally_of(Compared.of(known, month, level).states)
    return tally
