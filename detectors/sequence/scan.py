"""A window's slices read by sequence detectors, after what is remembered of the windows before.

A pure function of the slices: fresh detectors are fed the earlier ones, then the new ones, so that no detector's
memory needs to be stored, and a replay answers alike. All signals of a group are read at once: a screen tells in
columns which of them a detector could find a change in, and only those are fed to it value by value.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from detectors.alignment import Flags
from detectors.grid import Indices
from detectors.ordering import Floats
from detectors.sequence.adwin import Adwin
from detectors.sequence.page_hinkley import PageHinkley
from detectors.sequence.screen import adwin_may_change, page_hinkley_may_change
from detectors.sequence.slices import REMEMBERED, Rows, Slice
from schemas.verdict import State, Verdict

__all__ = ["LEAST_EARLIER", "MOST_EARLIER", "Slice", "scan", "scan_all"]

MOST_EARLIER = REMEMBERED
LEAST_EARLIER = 30

_FARTHEST = 4.0
_LEAST_SPREAD = 1e-9
_DELTA, _THRESHOLD, _LEAST_READ = 0.5, 15.0, 30
_CONFIDENCE, _CLOCK = 0.002, 4


@dataclass(frozen=True, slots=True)
class _Reader:
    """A detector: a fresh one, what it reads of standardised slices, and whether it may find a change in columns of
    these, see `detectors.sequence.screen`."""

    name: str
    fresh: Callable[[], Adwin | PageHinkley]
    readable: Callable[[Floats], Floats]
    may_change: Callable[[Floats, Indices], Flags]


# For standardised slices. Of 2,000 simulated windows of 60 steady slices after 120, none warned; a shift of the slices'
# mean by one of their standard deviations is seen by Page-Hinkley in 4 of 5, by two, in all, after 11 slices (ADWIN: 37).
# ADWIN's bound is for values in [0, 1]: two standard deviations to either side fill it.
_READERS = (
    _Reader(
        "adwin",
        lambda: Adwin(delta=_CONFIDENCE, clock=_CLOCK),
        lambda scores: np.minimum(1.0, np.maximum(0.0, 0.5 + 0.25 * scores)),
        lambda values, lengths: adwin_may_change(values, lengths, _CONFIDENCE, _CLOCK),
    ),
    _Reader(
        "page_hinkley",
        lambda: PageHinkley(delta=_DELTA, threshold=_THRESHOLD, min_instances=_LEAST_READ, alpha=1.0),
        lambda scores: scores,
        lambda values, lengths: page_hinkley_may_change(values, lengths, _DELTA, _THRESHOLD, _LEAST_READ),
    ),
)


def scan(earlier: Sequence[Slice], new: Sequence[Slice]) -> tuple[Verdict, ...]:
    """`scan_all` of one signal."""
    return scan_all(Rows.of([earlier], MOST_EARLIER), Rows.of([new], max(1, len(new))))[0]


def scan_all(earlier: Rows, new: Rows) -> list[tuple[Verdict, ...]]:
    """For each signal, a verdict of ADWIN and one of Page-Hinkley: warning where it detects a change within the new
    slices, ok otherwise. `earlier` has at most `MOST_EARLIER` columns.

    Slices are standardised by the mean and the spread of the earlier ones, so that units do not matter: a slice of n
    values by the spread that means of n values have. One slice counts for four standard deviations at most, so that a
    single odd one is no change. Slices say little of a series of single values, so there is no drift. Without new
    slices the state is no_data, with fewer than `LEAST_EARLIER` earlier ones learning. The statistic is the first
    detection's standardised mean. O(slices), and about 1 µs for each slice of a signal that may have changed.
    """
    rows = np.flatnonzero((new.lengths > 0) & (earlier.lengths >= LEAST_EARLIER))
    past, now = earlier.at(rows), new.at(rows)
    scores = _standardised(past, now)
    columns = [_verdicts(reader, scores, past, now) for reader in _READERS]
    read = dict(zip(rows.tolist(), zip(*columns, strict=True), strict=True))
    nothing, learning = (
        tuple(Verdict(reader.name, state) for reader in _READERS) for state in (State.NO_DATA, State.LEARNING)
    )
    return [read.get(row) or (learning if n else nothing) for row, n in enumerate(new.lengths.tolist())]


def _verdicts(reader: _Reader, scores: Floats, past: Rows, now: Rows) -> list[Verdict]:
    n, m = past.sizes().tolist(), now.sizes().tolist()
    verdicts = [Verdict(reader.name, State.OK, n_reference=a, n_current=b) for a, b in zip(n, m, strict=True)]
    for row, at in _found(reader, scores, past.lengths + now.lengths, past.lengths).items():
        note = f"at slice {at - past.lengths[row] + 1} of {now.lengths[row]}"
        verdicts[row] = verdicts[row]._replace(state=State.WARNING, statistic=float(scores[at, row]), note=note)
    return verdicts


def _found(reader: _Reader, scores: Floats, lengths: Indices, earlier: Indices) -> dict[int, int]:
    """The first slice, after the earlier ones, at which a change is found, by series; none for the others."""
    values = reader.readable(scores)
    found = {}
    for at in np.flatnonzero(reader.may_change(values, lengths)).tolist():
        changed = reader.fresh().changed
        changes = (i for i, value in enumerate(values[: lengths[at], at].tolist()) if changed(value))
        first = next((i for i in changes if i >= earlier[at]), None)
        if first is not None:
            found[at] = first
    return found


def _standardised(past: Rows, now: Rows) -> Floats:
    """Shape (t, n): the scores of the past slices and then the new ones, in columns."""
    both = past.then(now)
    means, counts = np.ascontiguousarray(both.means.T), np.ascontiguousarray(both.counts.T)
    greatest = np.abs(means).max(axis=0, initial=0.0)
    means /= np.where(greatest > 0.0, greatest, 1.0)
    p = past.lengths
    weights = counts * (np.arange(len(counts))[:, None] < p)
    size = _sum(weights)
    mean = _sum(means * weights) / size
    deviations = means - mean
    spread = np.sqrt(_sum(weights * deviations * deviations) / (p - 1))
    scores = deviations * np.sqrt(counts) / np.maximum(spread, _LEAST_SPREAD * np.sqrt(size / p))
    return np.minimum(_FARTHEST, np.maximum(-_FARTHEST, scores))


def _sum(values: Floats) -> Floats:
    """Along time, one by one: a sum's last bits must not depend on how many columns there are."""
    total: Floats = np.cumsum(values, axis=0)[-1]
    return total
