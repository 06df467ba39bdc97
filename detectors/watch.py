"""What is always watched, whatever the signal's distribution: null, unseen categories, values out of range, types.

Each is an exact test of two rates, so it holds for small counts. The window's events are held against those that the
baseline had, or should count as having had: what it cannot have shown by definition (a category of its own that it
lacks) is estimated from what it barely showed.
"""

import math
from dataclasses import dataclass

import numpy as np

from detectors.alignment import starts_of_runs
from detectors.bar import Bar
from detectors.grid import Counts
from detectors.ordering import Keys, keys_of
from detectors.points import last_keys
from detectors.profile import Profile
from detectors.reference import Reference
from detectors.significance import rare_event_p, rare_event_threshold
from schemas.codec import encode_text
from schemas.verdict import Verdict


@dataclass(frozen=True, slots=True)
class Rates:
    """`current` of `n_current` events and `reference` of `n_reference` are of the watched kind."""

    current: int
    n_current: int
    reference: int
    n_reference: int

    @property
    def change(self) -> float:
        """The window's share less the baseline's; 0 where either has no events."""
        if not self.n_current or not self.n_reference:
            return 0.0
        return self.current / self.n_current - self.reference / self.n_reference

    @property
    def share(self) -> float:
        return self.current / self.n_current if self.n_current else 0.0

    @property
    def others(self) -> "Rates":
        """The same of the events that are not of the kind."""
        n, m = self.n_current, self.n_reference
        return Rates(n - self.current, n, m - self.reference, m)


def watched(reference: Reference, current: Profile, events: int, bar: Bar) -> tuple[Verdict, ...]:
    """The verdicts that apply to the baseline: `null_rate` and `types` always, `unseen` where it has strings,
    `out_of_range` where it has numbers. `events` are the window's. O(buckets)."""
    verdicts = [_null_rate(reference, current, events, bar), _types(reference, current, events, bar)]
    if reference.cells.categories is not None:
        verdicts.append(_unseen(reference, current, bar))
    if reference.ladder is not None:
        verdicts.append(_out_of_range(reference, current, bar))
    return tuple(verdicts)


def nulls(profile: Profile) -> int:
    """Events without a value: null, or without the signal."""
    return profile.null + profile.missing


def _null_rate(reference: Reference, current: Profile, events: int, bar: Bar) -> Verdict:
    """Two-sided, on whichever is the rarer, to have a value or not to have one: the test is exact for rare events."""
    rates = Rates(nulls(current), events, nulls(reference.profile), reference.events)
    common = 2 * (rates.current + rates.reference) > rates.n_current + rates.n_reference
    tested = rates.others if common else rates
    p_value = rare_event_p(tested.current, tested.n_current, tested.reference, tested.n_reference, two_sided=True)
    limit = rare_event_threshold(
        bar.level / 2, tested.n_current, tested.reference, tested.n_reference, fewer=tested.change < 0
    )
    threshold = (1.0 - limit / events) if common else limit / events
    return _verdict("null_rate", rates, p_value, abs(rates.change), threshold, bar)


def _types(reference: Reference, current: Profile, events: int, bar: Bar) -> Verdict:
    """Values of a type that the baseline lacks, and those that are of no use anywhere: not finite, or neither number,
    string nor boolean. One-sided: fewer are no cause for alarm."""
    base = reference.profile
    found = {
        "numbers": 0 if reference.ladder is not None else current.numbers.total,
        "strings": 0 if reference.strings else current.categories.total,
        "booleans": 0 if any(base.booleans) else sum(current.booleans),
        "not finite": current.not_finite,
        "other": current.other,
    }
    rates = Rates(sum(found.values()), events, base.not_finite + base.other, reference.events)
    note = ", ".join(name for name, count in found.items() if count)
    return _one_sided("types", rates, bar, note)


def _out_of_range(reference: Reference, current: Profile, bar: Bar) -> Verdict:
    """Numbers beyond the baseline's least and greatest. These two are its own most extreme, so of a baseline's values
    two are out of the range of the others; held against one of them, the tail is that of sampling from one
    distribution, whatever it is (the range holds all but a Beta(2, n - 1) share of the mass). Wilks 1941."""
    below, above = _beyond(current, reference.profile)
    rates = Rates(below + above, current.numbers.total, 1, reference.profile.numbers.total)
    return _one_sided("out_of_range", rates, bar, f"{below} below, {above} above" if below + above else "")


def _beyond(current: Profile, baseline: Profile) -> tuple[int, int]:
    """The window's numbers in buckets wholly below the baseline's least, and wholly above its greatest."""
    if current.least >= baseline.least and current.greatest <= baseline.greatest:
        return 0, 0
    least, greatest = keys_of(np.array([baseline.least, baseline.greatest]))
    grid = current.numbers
    below = grid.counts[last_keys(grid.keys, grid.shifts) < least].sum()
    return int(below), int(grid.counts[grid.keys > greatest].sum())


def _unseen(reference: Reference, current: Profile, bar: Bar) -> Verdict:
    """Strings of categories that the baseline lacks. The chance that the next is one is about the share of those met
    once (Good 1953), so the window's unseen categories are held against the baseline's singletons, and the events of
    the most frequent of them against none, times the number of categories it was chosen from. Twice the lesser."""
    assert reference.cells.categories is not None
    grid = current.categories
    at = reference.cells.categories.unseen(grid)
    rates = Rates(int(grid.counts[at].sum()), grid.total, reference.singletons, reference.strings)
    n, m, categories = rates.n_current, rates.n_reference, len(reference.profile.categories.keys)
    counts = _by_category(grid.keys[at], grid.counts[at], reference.cells.categories.shift)
    most, distinct = int(counts.max(initial=0)), len(counts)
    many = rare_event_p(distinct, n, rates.reference, m)
    much = (categories + distinct) * rare_event_p(most, n, 0, m)
    least = min(
        rare_event_threshold(bar.level / 2, n, rates.reference, m),
        rare_event_threshold(bar.level / 2 / (categories + distinct), n, 0, m),
    )
    note = f"such as {encode_text(current.labels[at[np.argmax(grid.counts[at])]])}" if len(at) else ""
    p_value = min(1.0, 2.0 * min(many, much))
    return _verdict("unseen", rates, p_value, max(0.0, rates.change), least / max(1, n), bar, note)


def _by_category(keys: Keys, counts: Counts, shift: np.uint8) -> Counts:
    """The counts of ascending keys by bucket of that shift."""
    if not len(keys):
        return counts
    return np.add.reduceat(counts, starts_of_runs(keys >> shift))


def _one_sided(name: str, rates: Rates, bar: Bar, note: str) -> Verdict:
    p_value = rare_event_p(rates.current, rates.n_current, rates.reference, rates.n_reference)
    limit = rare_event_threshold(bar.level, rates.n_current, rates.reference, rates.n_reference)
    return _verdict(name, rates, p_value, max(0.0, rates.change), limit / max(1, rates.n_current), bar, note)


def _verdict(
    name: str, rates: Rates, p_value: float, effect: float, threshold: float, bar: Bar, note: str = ""
) -> Verdict:
    return Verdict(
        name,
        bar.state(p_value, effect, bar.rare_effect),
        rates.share,
        threshold if math.isfinite(threshold) else None,
        p_value,
        effect,
        None,
        rates.n_reference,
        rates.n_current,
        note,
    )
