"""A window's slices read by sequence detectors, after what is remembered of the windows before.

A pure function of the slices: fresh detectors are fed the earlier ones, then the new ones, so that no detector's
memory needs to be stored, and a replay answers alike. All signals of a group are read at once: Page-Hinkley in columns;
for ADWIN a screen tells in columns which of them it could find a change in, and only those are fed to it value by value.
"""

from collections.abc import Callable, Sequence

import numpy as np

from detectors.profiles.grid import Indices
from detectors.profiles.ordering import Floats
from detectors.sequence.adwin import Adwin
from detectors.sequence.page_hinkley import page_hinkley_changes
from detectors.sequence.screen import adwin_may_change
from detectors.sequence.slices import REMEMBERED, Rows, Slice
from schemas.verdict import State, Verdict

__all__ = ["LEAST_EARLIER", "MOST_EARLIER", "Slice", "scan", "scan_all"]

MOST_EARLIER = REMEMBERED
LEAST_EARLIER = 30

_FARTHEST = 4.0
_LEAST_SPREAD = 1e-9
_DELTA, _THRESHOLD, _LEAST_READ = 0.5, 15.0, 30
_CONFIDENCE, _CLOCK = 0.002, 4


def _adwin(scores: Floats, lengths: Indices, after: Indices) -> Indices:
    """ADWIN's bound is for values in [0, 1]: two standard deviations to either side fill it."""
    values = np.minimum(1.0, np.maximum(0.0, 0.5 + 0.25 * scores))
    found = np.full(len(lengths), -1, np.intp)
    for at in np.flatnonzero(adwin_may_change(values, lengths, _CONFIDENCE, _CLOCK)).tolist():
        fresh = Adwin(delta=_CONFIDENCE, clock=_CLOCK)
        found[at] = fresh.first_change(values[: lengths[at], at].tolist(), int(after[at]))
    return found


def _page_hinkley(scores: Floats, lengths: Indices, after: Indices) -> Indices:
    return page_hinkley_changes(scores, lengths, after, _DELTA, _THRESHOLD, _LEAST_READ)


# For standardised slices. Of 2,000 simulated windows of 60 steady slices after 120, none warned; a shift of the slices'
# mean by one of their standard deviations is seen by Page-Hinkley in 4 of 5, by two, in all, after 11 slices (ADWIN: 37).
_READERS: tuple[tuple[str, Callable[[Floats, Indices, Indices], Indices]], ...] = (
    ("adwin", _adwin),
    ("page_hinkley", _page_hinkley),
)
"""Each detector's name, and the first slice at which it finds a change in columns of them, of those from `after` on; -1
for none."""


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
    read = dict(zip(rows.tolist(), _read(earlier.at(rows), new.at(rows)), strict=True)) if len(rows) else {}
    nothing, learning = (
        tuple(Verdict(name, state) for name, _ in _READERS) for state in (State.NO_DATA, State.LEARNING)
    )
    return [read.get(row) or (learning if n else nothing) for row, n in enumerate(new.lengths.tolist())]


def _read(past: Rows, now: Rows) -> list[tuple[Verdict, ...]]:
    scores = _standardised(past, now)
    both = past.lengths + now.lengths
    columns = [_verdicts(name, first(scores, both, past.lengths), scores, past, now) for name, first in _READERS]
    return list(zip(*columns, strict=True))


def _verdicts(name: str, first: Indices, scores: Floats, past: Rows, now: Rows) -> list[Verdict]:
    size = len(first)
    unknown = [None] * size
    states, notes = [State.OK] * size, [""] * size
    statistics: list[float | None] = [None] * size
    for row in np.flatnonzero(first >= 0).tolist():
        at = first[row]
        states[row], statistics[row] = State.WARNING, float(scores[at, row])
        notes[row] = f"at slice {at - past.lengths[row] + 1} of {now.lengths[row]}"
    sizes = past.sizes().tolist(), now.sizes().tolist()
    return Verdict.of_columns([name] * size, states, statistics, *[unknown] * 4, *sizes, notes)


def _standardised(past: Rows, now: Rows) -> Floats:
    """Shape (t, n): the scores of the past slices and then the new ones, in columns."""
    both = past.then(now)
    means, counts = np.ascontiguousarray(both.means.T), np.ascontiguousarray(both.counts.T)
    greatest = np.abs(means).max(axis=0, initial=0.0)
    means /= np.where(greatest > 0.0, greatest, 1.0)
    p = past.lengths
    longest = int(p.max(initial=1))
    weights = counts[:longest] * (np.arange(longest)[:, None] < p)
    size = _sum(weights)
    mean = _sum(means[:longest] * weights) / size
    deviations = means - mean
    spread = np.sqrt(_sum(weights * deviations[:longest] * deviations[:longest]) / (p - 1))
    scores = deviations * np.sqrt(counts) / np.maximum(spread, _LEAST_SPREAD * np.sqrt(size / p))
    return np.minimum(_FARTHEST, np.maximum(-_FARTHEST, scores))


def _sum(values: Floats) -> Floats:
    """Along time, one by one: a sum's last bits must not depend on how many columns there are."""
    total: Floats = values[0].copy()
    for row in values[1:]:
        total += row
    return total
