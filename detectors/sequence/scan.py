"""A window's slices read by sequence detectors, after what is remembered of the windows before.

A pure function of the slices: fresh detectors are fed the earlier ones, then the new ones, so that no detector's
memory needs to be stored, and a replay answers alike.
"""

from collections.abc import Callable, Mapping, Sequence

import numpy as np

from detectors.sequence.adwin import Adwin
from detectors.sequence.page_hinkley import PageHinkley
from schemas.verdict import State, Verdict

Slice = tuple[float, int]
"""The mean of a slice's values, and their number."""

MOST_EARLIER = 120
LEAST_EARLIER = 30

_FARTHEST = 4.0
_LEAST_SPREAD = 1e-9

# For standardised slices. Of 2,000 simulated windows of 60 steady slices after 120, none warned; a shift of the slices'
# mean by one of their standard deviations is seen by Page-Hinkley in 4 of 5, by two, in all, after 11 slices (ADWIN: 37).
_FRESH: Mapping[str, Callable[[], Adwin | PageHinkley]] = {
    "adwin": lambda: Adwin(clock=4),
    "page_hinkley": lambda: PageHinkley(delta=0.5, threshold=15.0, alpha=1.0),
}


def scan(earlier: Sequence[Slice], new: Sequence[Slice]) -> tuple[Verdict, ...]:
    """A verdict of ADWIN and one of Page-Hinkley: warning where it detects a change within the new slices, ok otherwise.

    Slices are standardised by the mean and the spread of the last `MOST_EARLIER` earlier ones, so that units do not
    matter: a slice of n values by the spread that means of n values have. One slice counts for four standard
    deviations at most, so that a single odd one is no change. Slices say little of a series of single values, so
    there is no drift. Without new slices the state is no_data, with fewer than `LEAST_EARLIER` earlier ones learning.
    The statistic is the first detection's standardised mean. About 1 µs a slice.
    """
    past, now = _finite(earlier)[-MOST_EARLIER:], _finite(new)
    if not now or len(past) < LEAST_EARLIER:
        state = State.LEARNING if now else State.NO_DATA
        return tuple(Verdict(name, state) for name in _FRESH)
    scores = _standardised(past, now)
    sizes = sum(n for _, n in past), sum(n for _, n in now)
    return tuple(_verdict(name, scores, len(past), *sizes) for name in _FRESH)


def _finite(slices: Sequence[Slice]) -> list[Slice]:
    return [(mean, n) for mean, n in slices if abs(mean) < float("inf")]


def _standardised(past: list[Slice], now: list[Slice]) -> list[float]:
    means, counts = (np.array(column, np.float64) for column in zip(*past, *now, strict=True))
    means = means / (float(np.abs(means).max()) or 1.0)
    x, n = means[: len(past)], counts[: len(past)]
    mean = float(np.average(x, weights=n))
    spread = float(np.sqrt(np.dot(n, (x - mean) ** 2) / (len(past) - 1)))
    scores = (means - mean) * np.sqrt(counts) / max(spread, _LEAST_SPREAD * float(np.sqrt(n.mean())))
    return [min(_FARTHEST, max(-_FARTHEST, score)) for score in scores.tolist()]


def _verdict(name: str, scores: list[float], earlier: int, n_reference: int, n_current: int) -> Verdict:
    changed = _FRESH[name]().changed
    changes = [at for at, value in enumerate(_readable(name, scores)) if changed(value)]
    found = next((at for at in changes if at >= earlier), None)
    return Verdict(
        name,
        State.OK if found is None else State.WARNING,
        statistic=None if found is None else scores[found],
        n_reference=n_reference,
        n_current=n_current,
        note="" if found is None else f"at slice {found - earlier + 1} of {len(scores) - earlier}",
    )


def _readable(name: str, scores: list[float]) -> list[float]:
    """ADWIN's bound is for values in [0, 1]: two standard deviations to either side fill it."""
    return [min(1.0, max(0.0, 0.5 + 0.25 * score)) for score in scores] if name == "adwin" else scores
