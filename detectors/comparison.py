"""A window's signal compared with its baseline: one primary p-value, one state, and the verdicts it rests on."""

from dataclasses import dataclass, replace
from typing import NamedTuple

from detectors.bar import Bar
from detectors.distribution import Numbers, distribution_verdicts
from detectors.grid import Counts
from detectors.profile import Profile
from detectors.reference import Reference
from detectors.settings import Settings
from detectors.spread import Excess, Spread
from detectors.watch import nulls, watched
from schemas.verdict import State, Verdict

__all__ = ["Cell", "Comparison", "Reference", "Settings", "compare", "describe"]

_WATCHED = ("null_rate", "types", "unseen", "out_of_range")
_RAISED = (State.WARNING, State.DRIFT)


class Cell(NamedTuple):
    """One cell of the frozen partition, with the events of the baseline and of the window in it."""

    label: str
    reference: int
    current: int


@dataclass(frozen=True, slots=True)
class Comparison:
    """`p_value` is that of the signal: the least of its component tests' times their number `tests` (Bonferroni).
    `effect` is that of the primary test; `level` is what `p_value` was held against. Medians are of the numbers, null
    rates of all events. Numbers that do not apply are None."""

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

    def verdict(self, detector: str) -> Verdict | None:
        """The verdict of that name, where it applies."""
        return next((v for v in self.verdicts if v.detector == detector), None)


def compare(reference: Reference | Profile, current: Profile, settings: Settings, level: float) -> Comparison:
    """The window `current` against the baseline, at `level` for the signal as a whole.

    The component tests are the primary test of the distribution, widened by the spread of the baseline's windows where
    the reference has one, and what is always watched; each is held to `level / tests`, and for drift one of them must
    also have an effect that matters. The other verdicts are shown,
    and decide nothing. Which tests there are depends on the baseline alone. `no_data` where either side has no events,
    `insufficient` where either has fewer than `settings.minimum_events`. Give a `Reference` where a baseline is
    compared with many windows: making one costs more than using it. O(buckets).
    """
    known = Reference.of(reference, settings) if isinstance(reference, Profile) else reference
    events = current.count
    if not known.events or not events:
        return Comparison(State.NO_DATA, level, n_reference=known.events, n_current=events)
    shared, placed = known.meet(current)
    counts = shared.cells.count(current)
    numbers = Numbers.of(shared.ladder, placed) if shared.ladder and placed else None
    primary = _primary(known, settings)
    tests = len(_tests(known, primary))
    bar = Bar.of(settings, level, tests, min(known.events, events))
    mine, theirs = shared.tested_with(current, counts)
    verdicts = (*distribution_verdicts(mine, theirs, numbers, bar), *watched(shared, current, events, bar))
    if known.spread is not None:
        excess = Excess.of(shared.counts, counts)
        verdicts = tuple(_widened(v, known.spread, excess, bar) if v.detector == primary else v for v in verdicts)
    deciding = [v for v in verdicts if v.detector == primary or v.detector in _WATCHED]
    return Comparison(
        state=_worst(deciding),
        level=level,
        p_value=min(1.0, tests * min(v.p_value for v in deciding if v.p_value is not None)),
        effect=next((v.effect for v in deciding if v.detector == primary), None),
        tests=tests,
        verdicts=verdicts,
        cells=_cells(shared, counts),
        n_reference=known.events,
        n_current=events,
        null_rates=(nulls(known.profile) / known.events, nulls(current) / events),
        medians=(shared.ladder.median, numbers.median) if shared.ladder and numbers else None,
    )


def _widened(verdict: Verdict, spread: Spread, excess: Excess | None, bar: Bar) -> Verdict:
    """The primary test's verdict, where chance alone would not do: a window must stand out among the baseline's own."""
    if excess is None or verdict.p_value is None or verdict.effect is None:
        return verdict
    p_value = max(verdict.p_value, spread.p_value(excess))
    threshold = verdict.threshold
    if verdict.detector == "g" and threshold is not None:
        threshold = max(threshold, spread.threshold(bar.level, excess))
    state = bar.state(p_value, verdict.effect, max(bar.effect, verdict.resolution or 0.0))
    note = f"among {spread.windows} windows of the baseline, worth {spread.effective_windows:.3g}"
    return replace(verdict, state=state, p_value=p_value, threshold=threshold, note=note)


def _primary(reference: Reference, settings: Settings) -> str:
    """KS where it is asked for and there are numbers; a signal without has no order to cumulate in."""
    return "g" if settings.primary == "ks" and reference.ladder is None else settings.primary


def _tests(reference: Reference, primary: str) -> list[str]:
    """The component tests that apply to a baseline."""
    applies = {
        primary: primary == "ks" or len(reference.counts) > 1,
        "unseen": reference.cells.categories is not None,
        "out_of_range": reference.ladder is not None,
    }
    return ["null_rate", "types", *(name for name, yes in applies.items() if yes)]


def _worst(verdicts: list[Verdict]) -> State:
    states = {v.state for v in verdicts}
    return next(s for s in (State.INSUFFICIENT, State.DRIFT, State.WARNING, State.OK) if s in states)


def _cells(reference: Reference, counts: Counts) -> tuple[Cell, ...]:
    rows = zip(reference.cells.labels, reference.counts.tolist(), counts.tolist(), strict=True)
    return tuple(Cell(*row) for row in rows)


def describe(signal: str, comparison: Comparison) -> str:
    """One plain sentence: what moved, from what to what, by which measures. Depends on the comparison alone; numbers
    are rounded to three digits, with commas between thousands."""
    if comparison.state in (State.NO_DATA, State.INSUFFICIENT):
        return f"{signal}: too few events to tell ({comparison.n_reference:,} and {comparison.n_current:,})"
    parts = [_moved(comparison), *(_seen(v, comparison) for v in comparison.verdicts if v.detector in _WATCHED)]
    said = "; ".join(part for part in parts if part)
    return f"{signal}: {said or 'no change that matters'}"


def _moved(comparison: Comparison) -> str:
    measures = [v for v in comparison.verdicts if v.detector not in _WATCHED]
    if not any(v.state in _RAISED for v in measures):
        return ""
    evidence = ", ".join(
        f"{label} {float(f'{v.statistic:.2g}'):,g}"
        for name, label in (("ks", "KS"), ("psi", "PSI"))
        if (v := comparison.verdict(name)) and v.statistic is not None
    )
    return f"{_from_to(comparison)} ({evidence})"


def _from_to(comparison: Comparison) -> str:
    """The medians, or, where these say nothing, the cell whose share changed most."""
    if comparison.medians:
        before, after = map(_number, comparison.medians)
        if before != after:
            return f"median {before} -> {after}"
    n = max(1, sum(c.reference for c in comparison.cells))
    m = max(1, sum(c.current for c in comparison.cells))
    if not comparison.cells:
        return "distribution changed"
    cell = max(comparison.cells, key=lambda c: abs(c.reference / n - c.current / m))
    return f"{cell.label} {_percent(cell.reference / n)} -> {_percent(cell.current / m)}"


def _seen(verdict: Verdict, comparison: Comparison) -> str:
    if verdict.state not in _RAISED or verdict.statistic is None:
        return ""
    share = _percent(verdict.statistic)
    if verdict.detector == "null_rate" and comparison.null_rates:
        return f"null {_percent(comparison.null_rates[0])} -> {share}"
    if verdict.detector == "unseen":
        return f"{share} of values in categories that the baseline lacks, {verdict.note}"
    if verdict.detector == "out_of_range":
        return f"{share} of values outside the baseline's range"
    return f"{share} of values of types that the baseline lacks ({verdict.note})"


def _number(value: float) -> str:
    return f"{float(f'{value:.3g}'):,.15g}"


def _percent(share: float) -> str:
    return f"{float(f'{100 * share:.2g}'):g} %"
