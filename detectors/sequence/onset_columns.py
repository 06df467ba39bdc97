"""Onset over many series at once: what `Onset` answers for each, from columns."""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from detectors.profiles.alignment import Flags
from detectors.profiles.grid import Counts, Indices
from detectors.profiles.ordering import Floats
from detectors.sequence.checkpoints import Checkpoints
from detectors.sequence.evidence import likeliest, mixed, of_bits, of_numbers
from detectors.sequence.onset import LEAST_STEPS, ROUNDING, YOUTH, OnsetSettings
from detectors.sequence.regime import Change
from detectors.sequence.sums import SUMS, columns_are_bits, columns_of, shift
from schemas.verdict import State

States = npt.NDArray[np.object_]


class Standing(NamedTuple):
    """How n series stand after a step: their states, and their statistics, NaN while learning; shape (n,)."""

    states: States
    statistics: Floats


class OnsetColumns:
    """n series, each read as one `Onset` reads it, with equal states, and statistics equal to 1e-9: sums over onsets are
    rounded in another order. Steps of 1,000 series take 2 to 3 ms: 60 slices of them about 0.1 s.
    """

    def __init__(self, n: int, settings: OnsetSettings | None = None) -> None:
        self._settings = OnsetSettings() if settings is None else settings
        bits = self._settings.family != "numbers"
        self._bits = np.full(n, bits)
        self._regimes = [self._settings.regime(bits) for _ in range(n)]
        self._effects = np.array([regime.effect for regime in self._regimes])
        self._began = np.zeros(n)
        self._open: set[int] = set()
        self._origins = np.full(n, 0.0 if bits else np.nan)
        self._checkpoints = Checkpoints()
        self._past = np.zeros((SUMS, 16, n))
        self._held = 1
        self._now = np.zeros((SUMS, n))
        self._start = np.zeros((SUMS, n))
        self._start_step = np.zeros(n, np.int64)
        self._ended = np.zeros(n, np.bool_)

    def update(self, totals: Floats, counts: Counts, squares: Floats | None = None) -> Standing:
        """Takes a slice of each series, shape (n,) each. A series that has ended has counts of 0 from then on, and its
        state is no_data. Raises ValueError as `Onset.update` does, and where a series goes on after its end."""
        self._check(totals, counts, squares)
        self._read_numbers(np.flatnonzero(self._bits & ~self._as_bits(totals, counts, squares)), totals, counts)
        self._origins = np.where(np.isnan(self._origins) & ~self._ended, totals / np.maximum(counts, 1), self._origins)
        self._now += columns_of(totals, counts, squares, self._origins)
        self._forget()
        standing = self._judged()
        self._keep()
        return standing

    def _check(self, totals: Floats, counts: Counts, squares: Floats | None) -> None:
        if (counts < 0).any():
            raise ValueError(f"count must be at least 0, got {counts.min()}")
        ended = counts == 0
        if (self._ended & ~ended).any():
            raise ValueError(f"series {np.flatnonzero(self._ended & ~ended)[0]} has ended, and goes on")
        self._ended = ended
        for name, values in (("total", totals), ("squares", squares)):
            if values is not None and not np.isfinite(values[~ended]).all():
                raise ValueError(f"{name} must be finite, got {values[~ended & ~np.isfinite(values)][0]}")

    def _as_bits(self, totals: Floats, counts: Counts, squares: Floats | None) -> Flags:
        return self._ended | columns_are_bits(totals, counts, squares, self._settings.family)

    def _read_numbers(self, at: Indices, totals: Floats, counts: Counts) -> None:
        """The series of these numbers are no bits: see `Onset`."""
        if len(at) == 0:
            return
        self._bits[at] = False
        self._origins[at] = totals[at] / counts[at]
        for column in at.tolist():
            self._regimes[column] = self._settings.regime(False).after(self._regimes[column])
            self._effects[column] = self._regimes[column].effect
        for sums in (self._past, self._now, self._start):
            shifted = sums[..., at]
            shift(shifted, self._origins[at])
            sums[..., at] = shifted

    def _forget(self) -> None:
        step = self._checkpoints.now + 1
        if self._now[0].max(initial=0.0) < self._settings.memory or step <= 4 * LEAST_STEPS:
            return
        times = np.array(self._checkpoints.times)
        old = (self._past[0, : self._held] <= self._now[0] - self._settings.memory).sum(axis=0) - 1
        old = np.minimum(old, np.searchsorted(times, step - 4 * LEAST_STEPS, side="right") - 1)
        moved = np.flatnonzero((old >= 0) & (self._past[0, old, np.arange(len(old))] > self._start[0]))
        self._start[:, moved] = self._past[:, old[moved], moved]
        self._start_step[moved] = times[old[moved]]

    def _judged(self) -> Standing:
        for column in list(self._open):
            self._regimes[column].at(float(self._now[0, column]))
        known = self._now[0] - self._start[0]
        ready = (known >= self._settings.learning) & ~self._ended
        ready &= self._checkpoints.now + 1 - self._start_step >= LEAST_STEPS
        statistics = np.full(len(known), np.nan)
        drifted: list[int] = []
        for bits in (True, False):
            at = np.flatnonzero(ready & (self._bits == bits))
            if len(at):
                statistics[at] = self._weighed(at, bits, drifted)
        return Standing(self._said(~np.isnan(statistics), drifted), statistics)

    def _said(self, known: Flags, drifted: list[int]) -> States:
        states: States = np.where(known, State.OK, State.LEARNING).astype(object)
        for column in list(self._open):
            regime = self._regimes[column]
            states[column] = regime.state(bool(known[column]))
            if regime.opened is None:
                self._open.discard(column)
        states[drifted] = State.DRIFT
        states[self._ended] = State.NO_DATA
        return states

    def _weighed(self, at: Indices, bits: bool, drifted: list[int]) -> Floats:
        """The statistics of these series; those among them that drift are added to `drifted`."""
        which, sums = slice(None) if len(at) == len(self._bits) else at, 2 if bits else SUMS
        past = self._past[:sums, : self._held, which]
        now, start = self._now[:sums, None, which], self._start[:sums, None, which]
        recent = np.searchsorted(self._checkpoints.times, self._checkpoints.now + 1 - 2 * LEAST_STEPS)
        looked_at = past[0] >= now[0] - self._settings.horizon
        looked_at[recent:] = True
        looked_at &= past[0] > start[0]
        first = int(looked_at.any(axis=1).argmax())
        looked_at, gaps = looked_at[first:], past[0, first:] - past[0, first - 1 : -1]
        onsets = np.where(looked_at, past[:, first:], start)
        after, before = now - onsets, onsets - start
        z, sizes = (of_bits if bits else of_numbers)(after, before)
        weights = looked_at & (np.abs(sizes) >= self._effects[at] - ROUNDING)
        z *= weights
        weights = weights * gaps * (1.0 + YOUTH / np.maximum(onsets[0] - self._began[at], 1.0))
        statistics = mixed(z, before[0] * after[0] / (now[0] - start[0]), weights)
        for place in np.flatnonzero(statistics > self._settings.threshold).tolist():
            onset = likeliest(z[:, place])
            change = _change(
                onsets[:, onset, place], before[:, onset, place], after[:, onset, place], sizes[onset, place]
            )
            self._restart(int(at[place]), first + onset, change, drifted)
        return np.where(looked_at.any(axis=0), statistics, np.nan)

    def _restart(self, column: int, onset: int, change: Change, drifted: list[int]) -> None:
        if self._regimes[column].changed(change):
            drifted.append(column)
        self._open.add(column)
        self._began[column] = change.onset
        self._start[:, column] = self._past[:, onset, column]
        self._start_step[column] = self._checkpoints.times[onset]

    def _keep(self) -> None:
        dropped = self._checkpoints.step()
        if dropped is not None:
            self._past[:, dropped : self._held - 1] = self._past[:, dropped + 1 : self._held]
            self._held -= 1
        if self._held == self._past.shape[1]:
            self._past = np.concatenate((self._past, np.zeros_like(self._past)), axis=1)
        self._past[:, self._held] = self._now
        self._held += 1


def _change(onset: Floats, before: Floats, after: Floats, size: float) -> Change:
    return Change(float(onset[0]), float(before[1] / before[0]), float(after[1] / after[0]), float(size))
