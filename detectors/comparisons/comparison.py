"""Signals of a window compared with their baselines: for each one primary p-value, one state, and the verdicts it rests
on. All signals of a group are compared in one pass; what comes of one does not depend on the others."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from detectors.comparisons.counted import Counted
from detectors.comparisons.distribution import Minorities, distribution_verdicts
from detectors.comparisons.rate_cells import with_rate
from detectors.comparisons.rated import Rated
from detectors.comparisons.shares import Shares, Words, has_sustained, primaries, tests_of
from detectors.comparisons.sight import Sight
from detectors.comparisons.watch import Batch, watched
from detectors.profiles.grid import Counts, Indices
from detectors.profiles.ordering import Floats
from detectors.profiles.profile import Profile
from detectors.profiles.tally import Tally, made_of
from detectors.references.reference import BASELINE, Reference
from detectors.statistics.bar import DRIFT, STATES, WARNING, Bar
from detectors.statistics.settings import Settings
from detectors.statistics.spread import Excesses, Spreads
from detectors.statistics.sustained import LENGTHS, NO_TAILS, REMEMBERED, sustained
from detectors.statistics.verdicts import Verdicts
from schemas.basis import Basis
from schemas.verdict import State, Verdict
from schemas.window import Cell

__all__ = ["Cell", "Comparison", "Reference", "Settings", "compare", "compare_all"]


WATCHED = ("null_rate", "types", "unseen", "out_of_range", "anomalous")
SUSTAINED = "sustained"
_NOTE = f"the mean score of the last {LENGTHS[0]} or {LENGTHS[1]} windows, in standard deviations of the baseline's"
_WORST_FIRST = tuple(
    STATES.index(s) for s in (State.LEARNING, State.INSUFFICIENT, State.DRIFT, State.WARNING, State.OK)
)


class Comparison(NamedTuple):
    """`p_value` is that of the signal: the least of its component tests', each over its share of the level (Bonferroni).
    `effect` is that of the primary test, between `effect_low` and `effect_high` with 95 % confidence; `level` is what
    `p_value` was held against, and `basis` what that rests on. A change of `minimum_detectable_effect` would be found
    with a power of 0.8. Medians are of the numbers, null rates of all events. Numbers that do not apply are None.
    `raised` is whether any verdict is warning or drift; `against` names the reference. `score` is the window's standard score
    among the baseline's. `rate` is the one that alone says that the signal drifts, by its detector's name, or `useless`
    (`detectors.comparisons.watch`): `effect`, its bounds and the first of `cells` are then that rate's. `primary` names the
    primary test."""

    state: State
    level: float
    p_value: float | None = None
    effect: float | None = None
    tests: int = 0
    verdicts: tuple[Verdict, ...] = ()
    cells: tuple[Cell, ...] = ()
    n_reference: int = 0
    n_current: int = 0
    null_rates: tuple[float, float] | None = None
    medians: tuple[float, float] | None = None
    raised: bool = False
    basis: Basis | None = None
    minimum_detectable_effect: float | None = None
    effect_low: float | None = None
    effect_high: float | None = None
    score: float | None = None
    against: str = BASELINE
    rate: str = ""
    primary: str = "g"

    def verdict(self, detector: str) -> Verdict | None:
        """The verdict of that name, where it applies."""
        return next((v for v in self.verdicts if v.detector == detector), None)


def compare(reference: Reference | Profile, current: Profile, settings: Settings, level: float) -> Comparison:
    """`compare_all` of one signal. Give a `Reference` where a baseline is compared with many windows: making one costs
    more than using it."""
    known = Reference.of(reference, settings) if isinstance(reference, Profile) else reference
    return compare_all([known], [current], settings, level)[0]


def compare_all(
    references: Sequence[Reference],
    profiles: Sequence[Profile],
    settings: Settings,
    level: float,
    tally: Tally | None = None,
    past: Floats | None = None,
) -> list[Comparison]:
    """Each signal of a window against its baseline, at `level` for the signal as a whole. `tally` is what
    the window's events are, where profiles do not say how many lack the signal; `past`, shape (n, r), are the scores of
    the windows before (see `detectors.statistics.sustained`).

    The component tests are the primary test of the distribution, widened by the spread of the baseline's windows where
    the reference has one, and what is always watched; each is held to its share of the level, and for drift one of them
    must also have an effect that matters. The other verdicts are shown, and decide nothing. Which tests there are depends
    on the baseline alone. `no_data` where either side has no events, `learning` where the baseline has too few windows,
    `insufficient` where either has fewer than `settings.minimum_events`. O(buckets).
    """
    before = np.array([reference.events for reference in references], np.int64)
    after = Tally.of([made_of(profile) for profile in profiles]) if tally is None else tally
    found = [
        Comparison(State.NO_DATA, level, n_reference=n, n_current=m)
        for n, m in zip(before.tolist(), after.events.tolist(), strict=True)
    ]
    rows = np.flatnonzero((before > 0) & (after.events > 0))
    if len(rows):
        known, current = [references[at] for at in rows.tolist()], [profiles[at] for at in rows.tolist()]
        scores = np.full((len(rows), REMEMBERED), np.nan) if past is None else past[rows]
        compared = _compared(known, current, after.at(rows), settings, level, scores)
        for at, comparison in zip(rows.tolist(), compared, strict=True):
            found[at] = comparison
    return found


def _compared(
    known: list[Reference], current: list[Profile], after: Tally, settings: Settings, level: float, past: Floats
) -> list[Comparison]:
    shared = [reference.meet(profile) for reference, profile in zip(known, current, strict=True)]
    primary = primaries(known, settings)
    tests = np.array(list(map(tests_of, known, primary.tolist())), np.int64)
    shares = Shares.of(known, primary, tests)
    n = np.array([reference.events for reference in known], np.int64)
    least, bases = np.minimum(n, after.events), [reference.basis for reference in known]
    bar = Bar.of(settings, level, shares.primary, least, bases)
    watch = Bar.of(settings, level, shares.watched, least, bases)
    counted = Counted.of(shared, current, after)
    before = Tally.of([reference.made for reference in shared])
    minorities = Minorities.of([known[at] for at in counted.tested.rows[counted.tested.scarce].tolist()])
    verdicts = distribution_verdicts(counted.tested, counted.numeric, counted.numbers, bar, minorities)
    verdicts += watched(Batch(shared, current, before, after, counted.weighed, watch))
    excesses = _excesses_of(verdicts, counted, len(known))
    _widen(verdicts, primary, shared, excesses, bar)
    lasting = Bar.of(settings, level, shares.sustained, least, bases)
    scores = _sustain(verdicts, known, excesses, past, lasting)
    decided = _Decided.of(verdicts, primary, shares)
    sight = Sight.of(verdicts, primary == "ks", shared, counted.tested, excesses, bar, minorities)
    cells = _cells(shared, counted.counts)
    for at in np.flatnonzero(decided.rated.rows).tolist():
        cells[at] = with_rate(decided.rated.names[at], cells[at], shared[at], current[at], int(after.missing[at]))
    medians = counted.medians(shared)
    null_rates = zip((before.nulls / n).tolist(), (after.nulls / after.events).tolist(), strict=True)
    columns = (
        decided.states,
        [level] * len(known),
        decided.p_values,
        decided.effects,
        tests.tolist(),
        _by_signal(verdicts, len(known)),
        cells,
        n.tolist(),
        after.events.tolist(),
        null_rates,
        medians,
        _raised(verdicts, len(known)),
        bases,
        *map(_or_none, (sight.minimum_detectable, *decided.rated.bounds(sight.low, sight.high), scores)),
        [reference.name for reference in known],
        decided.rated.names,
        primary.tolist(),
    )
    return list(map(Comparison._make, zip(*columns, strict=True)))


def _widen(verdicts: list[Verdicts], primary: Words, known: list[Reference], excesses: Excesses, bar: Bar) -> None:
    """Widens the primary tests' verdicts, where chance alone would not do: a window must stand out among the baseline's
    own."""
    widened = excesses.defined & np.array([reference.spread is not None for reference in known], np.bool_)
    for found in verdicts:
        places = np.flatnonzero(widened[found.rows] & (primary[found.rows] == found.detector))
        if len(places):
            _widen_one(found, places, known, excesses, bar)


def _excesses_of(verdicts: list[Verdicts], counted: Counted, n: int) -> Excesses:
    """The excess of each signal, in the frozen cells; most often G is known already."""
    tested = counted.tested
    statistic = next(found.statistic for found in verdicts if found.detector == "g")
    known = Excesses.of_merged(tested.merged, tested.scarcity, statistic)
    known = known._replace(defined=known.defined & ~tested.scarce)
    all_of_them = Excesses(np.zeros(n), np.ones(n, np.int64), np.ones(n), np.zeros(n, np.bool_))
    for rows, some in ((tested.rows, known), (counted.apart, Excesses.of(counted.frozen))):
        for column, values in zip(all_of_them, some, strict=True):
            column[rows] = values
    return all_of_them


def _widen_one(found: Verdicts, places: Indices, known: list[Reference], excesses: Excesses, bar: Bar) -> None:
    assert found.p_value is not None
    rows = found.rows[places]
    spreads = [spread for at in rows.tolist() if (spread := known[at].spread) is not None]
    columns, own = Spreads.of(spreads), excesses.at(rows)
    among, by_chance = columns.p_values(own), found.p_value[places]
    found.p_value = found.p_value.copy()
    found.p_value[places] = np.maximum(by_chance, among)
    if found.detector == "g" and found.threshold is not None:
        # Categories are tested in other cells than the baseline's windows were: what is shown are those of the test that
        # decides.
        decides = among >= by_chance
        found.statistic, found.threshold = found.statistic.copy(), found.threshold.copy()
        found.statistic[places] = np.where(decides, own.ratio * own.scale, found.statistic[places])
        found.threshold[places] = np.where(decides, columns.thresholds(bar.level[rows], own), found.threshold[places])
    floor = bar.effect if found.resolution is None else np.fmax(bar.effect, found.resolution[places])
    found.states[places] = bar.of_signals(rows).states(found.p_value[places], found.effect[places], floor)
    notes = found.notes or [""] * len(found.rows)
    for place, spread, worth in zip(places.tolist(), spreads, columns.effective_windows.tolist(), strict=True):
        name = known[found.rows[place]].name
        notes[place] = f"among {spread.windows} windows of {name}, worth {worth:.3g}"
    found.notes = notes


def _sustain(verdicts: list[Verdicts], known: list[Reference], excesses: Excesses, past: Floats, bar: Bar) -> Floats:
    """Adds the verdicts on the last windows together, and returns each signal's standard score, NaN where there is none.
    The effect that has to matter is that of the window."""
    scores = np.full(len(known), np.nan)
    g = next(found for found in verdicts if found.detector == "g")
    spreads = [known[at].spread for at in g.rows.tolist()]
    apt = [has_sustained(known[at]) for at in g.rows.tolist()]
    places = np.flatnonzero(excesses.defined[g.rows] & np.array(apt, np.bool_))
    rows = g.rows[places]
    columns = Spreads.of([spread for at in places.tolist() if (spread := spreads[at]) is not None])
    scores[rows] = columns.standard(excesses.at(rows))
    tails = [footing.tails if (footing := known[at].footing) else NO_TAILS for at in rows.tolist()]
    means, p_values = sustained(columns, tails, past[rows], scores[rows])
    resolution = None if g.resolution is None else g.resolution[places]
    floor = bar.effect if resolution is None else np.fmax(bar.effect, resolution)
    states = bar.of_signals(rows).states(p_values, g.effect[places], floor)
    found = Verdicts(
        SUSTAINED,
        rows,
        states,
        means,
        None,
        p_values,
        g.effect[places],
        resolution,
        g.n_reference[places],
        g.n_current[places],
    )
    found.notes = [_NOTE] * len(rows)
    verdicts.append(found)
    return scores


@dataclass(frozen=True, slots=True)
class _Decided:
    """What the component tests of each signal come to together."""

    states: list[State]
    p_values: list[float]
    effects: list[float | None]
    rated: Rated

    @classmethod
    def of(cls, verdicts: list[Verdicts], primary: Words, shares: Shares) -> "_Decided":
        n = len(primary)
        p_values, effects = np.ones(n), np.full(n, np.nan)
        held, of_shape = np.zeros((len(STATES), n), np.bool_), np.zeros((len(STATES), n), np.bool_)
        for found in verdicts:
            if found.p_value is None:
                continue
            lasting = found.detector == SUSTAINED
            deciding = lasting or found.detector in WATCHED
            places = np.arange(len(found.rows)) if deciding else np.flatnonzero(primary[found.rows] == found.detector)
            rows = found.rows[places]
            share = (shares.sustained if lasting else shares.watched if deciding else shares.primary)[rows]
            p_values[rows] = np.minimum(p_values[rows], found.p_value[places] / share)
            held[found.states[places], rows] = True
            if found.detector not in WATCHED:
                of_shape[found.states[places], rows] = True
            if not deciding:
                effects[rows] = found.effect[places]
        worst = np.array(_WORST_FIRST)[held[list(_WORST_FIRST)].argmax(axis=0)]
        states = [STATES[code] for code in worst.tolist()]
        alone = np.isin(worst, (DRIFT, WARNING)) & ~of_shape[worst, np.arange(n)]
        shaped = np.where(of_shape[[DRIFT, WARNING]].any(axis=0), effects, np.nan)
        rated = Rated.of([found for found in verdicts if found.detector in WATCHED], worst, alone, shaped)
        effects = np.where(rated.rows, rated.effect, effects)
        return cls(states, np.minimum(1.0, p_values).tolist(), _or_none(effects), rated)


def _or_none(values: Floats) -> list[float | None]:
    return [None if value != value else value for value in values.tolist()]


def _by_signal(verdicts: list[Verdicts], n: int) -> list[tuple[Verdict, ...]]:
    """Each signal's verdicts, in the order of the detectors."""
    rows = np.concatenate([found.rows for found in verdicts])
    unordered = [verdict for found in verdicts for verdict in found.rows_of()]
    ordered = tuple([unordered[at] for at in np.argsort(rows, kind="stable").tolist()])
    ends = np.bincount(rows, minlength=n).cumsum().tolist()
    return [ordered[begin:end] for begin, end in zip([0, *ends], ends, strict=False)]


def _raised(verdicts: list[Verdicts], n: int) -> list[bool]:
    raised = np.zeros(n, np.bool_)
    for found in verdicts:
        raised[found.rows[(found.states == WARNING) | (found.states == DRIFT)]] = True
    return raised.tolist()


def _cells(known: list[Reference], counts: list[Counts]) -> list[tuple[Cell, ...]]:
    return [
        Cell.of_columns(reference.cells.labels, reference.counts.tolist(), own.tolist())
        for reference, own in zip(known, counts, strict=True)
    ]
