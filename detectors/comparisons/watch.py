"""What is always watched, whatever the signal's distribution: null, unseen categories, values out of range, types.

Each is an exact test of two rates, so it holds for small counts. The window's events are held against those that the
baseline had, or should count as having had: what it cannot have shown by definition (a category of its own that it
lacks) is estimated from what it barely showed. Signals come in batches, as columns.

Events of one window have something in common: of n that are correlated by rho, `1 + (n - 1) rho` count as one (Rao and
Scott 1981). Counts are divided by that before they are tested; rho is measured over the baseline's windows, for values
out of range and unseen categories that of the distribution.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from detectors.profiles.grid import Counts, Indices
from detectors.profiles.ordering import Floats, keys_of
from detectors.profiles.points import last_keys
from detectors.profiles.profile import Profile
from detectors.profiles.tally import Tally
from detectors.references.cells import Weighed
from detectors.references.reference import Rare, Reference
from detectors.statistics.bar import Bar
from detectors.statistics.significance import rare_event_p, rare_event_threshold
from detectors.statistics.verdicts import Verdicts
from schemas.codec import encode_text

USELESS = "useless"
"""The rate of values that are of no use anywhere; `types` tells of it."""

_OF_NO_USE = ("not finite", "other")


@dataclass(frozen=True, slots=True)
class Rates:
    """`current` of `n_current` events and `reference` of `n_reference` are of the watched kind. Arrays of one shape."""

    current: Counts
    n_current: Counts
    reference: Counts
    n_reference: Counts

    @property
    def change(self) -> Floats:
        """The window's share less the baseline's; 0 where either has no events."""
        before = self.reference / np.maximum(self.n_reference, 1)
        return np.where((self.n_current > 0) & (self.n_reference > 0), self.share - before, 0.0)

    @property
    def share(self) -> Floats:
        shares: Floats = self.current / np.maximum(self.n_current, 1)
        return shares

    def rarer(self) -> "tuple[Rates, np.ndarray]":
        """These, or where the kind is the common one, the same of the events that are not of it; and where that is."""
        n, m = self.n_current, self.n_reference
        common = 2 * (self.current + self.reference) > n + m
        current = np.where(common, n - self.current, self.current)
        return Rates(current, n, np.where(common, m - self.reference, self.reference), m), common


@dataclass(frozen=True, slots=True)
class Batch:
    """Signals of a window: each one's reference on the grids that it shares with it, its profile, what both are made
    of, its categories weighed where the reference has some, and the bar."""

    references: Sequence[Reference]
    profiles: Sequence[Profile]
    before: Tally
    after: Tally
    weighed: dict[int, Weighed]
    bar: Bar

    def alike(self, events: Counts, rows: Indices, *, nulls: bool = False) -> Floats:
        """How many of each window's events count as one, shape (v,): of those that lack a value, or of others."""
        known = [self.references[at] for at in rows.tolist()]
        if nulls:
            within = [one.footing.nulls if one.footing else 0.0 for one in known]
        else:
            within = [one.within for one in known]
        found: Floats = 1.0 + np.maximum(events - 1, 0) * np.array(within, np.float64)
        return found


def watched(batch: Batch) -> list[Verdicts]:
    """The verdicts that apply to the baselines: `null_rate` and `types` always, `unseen` where one has strings,
    `out_of_range` where one has numbers, and in its place `anomalous` where these are scores. O(buckets)."""
    found = [_null_rate(batch), _types(batch), _unseen(batch), _out_of_range(batch)]
    return [*found, _anomalous(batch)] if any(known.rare for known in batch.references) else found


def _null_rate(batch: Batch) -> Verdicts:
    """Two-sided, on whichever is the rarer, to have a value or not to have one: the test is exact for rare events."""
    n, m = batch.after.events, batch.before.events
    rates = Rates(batch.after.nulls, n, batch.before.nulls, m)
    tested, common = rates.rarer()
    alike = batch.alike(n, np.arange(len(n)), nulls=True)
    few, some, many, all_ = tested.current / alike, n / alike, tested.reference / alike, m / alike
    p_value = rare_event_p(few, some, many, all_, two_sided=True)
    fewer = tested.change < 0
    limit = np.empty(len(n))
    for side, rows in ((False, np.flatnonzero(~fewer)), (True, np.flatnonzero(fewer))):
        level = batch.bar.level[rows] / 2
        limit[rows] = alike[rows] * rare_event_threshold(level, some[rows], many[rows], all_[rows], fewer=side)
    threshold = np.where(common, 1.0 - limit / n, limit / n)
    return _verdicts("null_rate", np.arange(len(n)), rates, p_value, np.abs(rates.change), threshold, batch.bar)


def _types(batch: Batch) -> Verdicts:
    """Values of a type that the baseline lacks, held against none; and those that are of no use anywhere, not finite, or
    neither number, string nor boolean, against the baseline's. Each one-sided: fewer are no cause for alarm. The less
    probable of the two decides, of those that matter where one does; twice its p."""
    before, after, bar = batch.before, batch.after, batch.bar
    none = np.zeros_like(after.other)
    lacked = {
        name: np.where(getattr(before, name) > 0, none, getattr(after, name))
        for name in ("numbers", "strings", "booleans")
    }
    useless = dict(zip(_OF_NO_USE, (after.not_finite, after.other), strict=True))
    first = Rates(sum(lacked.values(), none), after.events, none, before.events)
    second = Rates(sum(useless.values(), none), after.events, before.not_finite + before.other, before.events)
    p_values = [rare_event_p(r.current, r.n_current, r.reference, r.n_reference) for r in (first, second)]
    effects = [np.maximum(0.0, r.change) for r in (first, second)]
    places = [p + (effect < bar.rare_effect) for p, effect in zip(p_values, effects, strict=True)]
    later = (places[1] < places[0]) | ((places[1] == places[0]) & (effects[1] > effects[0]))
    rates = Rates(
        np.where(later, second.current, first.current),
        after.events,
        np.where(later, second.reference, none),
        before.events,
    )
    notes = [""] * len(later)
    for at in np.flatnonzero(rates.current).tolist():
        notes[at] = ", ".join(name for name, counts in (useless if later[at] else lacked).items() if counts[at])
    limit = rare_event_threshold(bar.level / 2, rates.n_current, rates.reference, rates.n_reference)
    p_value, threshold = np.minimum(1.0, 2.0 * np.where(later, *p_values[::-1])), limit / np.maximum(1, rates.n_current)
    return _verdicts(
        "types", np.arange(len(later)), rates, p_value, np.where(later, *effects[::-1]), threshold, bar, notes
    )


def rate_told_by(detector: str, note: str) -> str:
    """Which rate a verdict with this note tells of: that of its detector, or of the two that `types` has, `useless` where it
    is that."""
    return USELESS if detector == "types" and note.startswith(_OF_NO_USE) else detector


def _out_of_range(batch: Batch) -> Verdicts:
    """Numbers beyond the baseline's least and greatest. These two are its own most extreme, so of a baseline's values
    two are out of the range of the others; held against one of them, the tail is that of sampling from one
    distribution, whatever it is (the range holds all but a Beta(2, n - 1) share of the mass). Wilks 1941."""
    numeric = (at for at, known in enumerate(batch.references) if known.ladder is not None and known.rare is None)
    rows = np.fromiter(numeric, np.intp)
    pairs = [(batch.profiles[at], batch.references[at].profile) for at in rows.tolist()]
    notes, beyond = [""] * len(rows), np.zeros(len(rows), np.int64)
    for at, (current, baseline) in enumerate(pairs):
        if current.least < baseline.least or current.greatest > baseline.greatest:
            below, above = beyond_range(current, baseline)
            beyond[at] = below + above
            notes[at] = f"{below} below, {above} above" if below + above else ""
    rates = Rates(beyond, batch.after.numbers[rows], np.ones(len(rows), np.int64), batch.before.numbers[rows])
    return _one_sided("out_of_range", rows, rates, batch.alike(rates.n_current, rows), batch.bar, notes)


def beyond_range(current: Profile, baseline: Profile) -> tuple[int, int]:
    """The window's numbers in buckets wholly below the baseline's least, and wholly above its greatest."""
    least, greatest = keys_of(np.array([baseline.least, baseline.greatest]))
    grid = current.numbers
    below = grid.counts[last_keys(grid.keys, grid.shifts) < least].sum()
    return int(below), int(grid.counts[grid.keys > greatest].sum())


def _anomalous(batch: Batch) -> Verdicts:
    """Events with scores that only the most anomalous of the baseline's have. That these begin where they do was read off the
    baseline, as its range is."""
    tails = [(at, known.rare) for at, known in enumerate(batch.references) if known.rare is not None]
    rows = np.array([at for at, _ in tails], np.intp)
    beyond = [beyond_rare(batch.profiles[at], rare) for at, rare in tails]
    counts = np.array([rare.events for _, rare in tails], np.int64)
    rates = Rates(np.array(beyond, np.int64), batch.after.numbers[rows], counts, batch.before.numbers[rows])
    notes = [_as_rare_as(rare.events, n) for (_, rare), n in zip(tails, rates.n_reference.tolist(), strict=True)]
    return _one_sided("anomalous", rows, rates, batch.alike(rates.n_current, rows), batch.bar, notes)


def beyond_rare(current: Profile, rare: Rare) -> int:
    """The window's scores that are as high as the baseline's highest."""
    return int(current.numbers.counts[current.numbers.keys >= np.uint64(rare.key)].sum())


def _as_rare_as(events: int, of: int) -> str:
    if not events:
        return "more so than any of the baseline"
    return f"as the {100 * events / of:.2g} % most anomalous of the baseline"


def _unseen(batch: Batch) -> Verdicts:
    """Strings of categories that the baseline lacks. The chance that the next is one is about the share of those met
    once (Good 1953), so the window's unseen categories are held against the baseline's singletons, and the events of
    the most frequent of them against none, times the number of categories it was chosen from. Twice the lesser."""
    rows = np.array(sorted(batch.weighed), np.intp)
    weighed = [batch.weighed[at] for at in rows.tolist()]
    known = [batch.references[at] for at in rows.tolist()]
    events, most, distinct, categories, singletons = (
        np.array(
            [
                (w.new.sum(), w.new.max(initial=0), len(w.new), len(k.profile.categories.keys), k.singletons)
                for w, k in zip(weighed, known, strict=True)
            ],
            np.int64,
        )
        .reshape(-1, 5)
        .T
    )
    rates = Rates(events, batch.after.strings[rows], singletons, batch.before.strings[rows])
    alike = batch.alike(rates.n_current, rows)
    n, m, none = rates.n_current / alike, rates.n_reference / alike, np.zeros(len(rows), np.int64)
    chosen = categories + distinct
    p_value = np.minimum(
        rare_event_p(distinct / alike, n, singletons / alike, m), chosen * rare_event_p(most / alike, n, none, m)
    )
    level = batch.bar.level[rows] / 2
    least = np.minimum(
        rare_event_threshold(level, n, singletons / alike, m), rare_event_threshold(level / chosen, n, none, m)
    )
    notes = [_such_as(batch.profiles[at], w.unseen) for at, w in zip(rows.tolist(), weighed, strict=True)]
    effect, threshold = np.maximum(0.0, rates.change), least / np.maximum(1.0, n)
    return _verdicts("unseen", rows, rates, np.minimum(1.0, 2.0 * p_value), effect, threshold, batch.bar, notes)


def _such_as(profile: Profile, unseen: Indices) -> str:
    if not len(unseen):
        return ""
    return f"such as {encode_text(profile.labels[unseen[np.argmax(profile.categories.counts[unseen])]])}"


def _one_sided(name: str, rows: Indices, rates: Rates, alike: Floats, bar: Bar, notes: list[str]) -> Verdicts:
    """The baseline's count is not divided: it stands for what the baseline should count as having had."""
    few, some, all_ = rates.current / alike, rates.n_current / alike, rates.n_reference / alike
    p_value = rare_event_p(few, some, rates.reference, all_)
    limit = alike * rare_event_threshold(bar.level[rows], some, rates.reference, all_)
    threshold = limit / np.maximum(1, rates.n_current)
    return _verdicts(name, rows, rates, p_value, np.maximum(0.0, rates.change), threshold, bar, notes)


def _verdicts(
    name: str,
    rows: Indices,
    rates: Rates,
    p_value: Floats,
    effect: Floats,
    threshold: Floats,
    bar: Bar,
    notes: list[str] | None = None,
) -> Verdicts:
    states = bar.of_signals(rows).states(p_value, effect, bar.rare_effect)
    n, m = rates.n_reference, rates.n_current
    return Verdicts(name, rows, states, rates.share, threshold, p_value, effect, None, n, m, notes or [])
