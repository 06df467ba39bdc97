"""A comparison in one plain sentence, for people."""

from detectors.comparisons.comparison import SUSTAINED, WATCHED, Comparison
from detectors.comparisons.rate_cells import of_values
from detectors.comparisons.watch import USELESS, rate_told_by
from detectors.references.reference import BASELINE
from detectors.statistics.chance import Chance
from schemas.verdict import State, Verdict


def describe(signal: str, comparison: Comparison, chance: Chance | None = None) -> str:
    """One plain sentence: what moved, from what to what, against what where that is not the whole baseline, and how sure
    that is, where `chance` tells. Numbers are rounded to three
    digits, with commas between thousands."""
    if comparison.state in (State.NO_DATA, State.INSUFFICIENT):
        return f"{signal}: too few events to tell ({comparison.n_reference:,} and {comparison.n_current:,})"
    if comparison.state is State.LEARNING:
        return f"{signal}: the baseline's windows are too few to tell, or too much alike"
    if not comparison.raised:
        return f"{signal}: no change that matters"
    said = ", and ".join(part for part in _parts(comparison) if part)
    if not said:
        return f"{signal}: no change that matters"
    if comparison.against != BASELINE:
        said += f", against {comparison.against}"
    sure = chance.said(comparison.p_value, comparison.level, comparison.basis) if chance else ""
    return f"{signal}: {said}; {sure}" if sure else f"{signal}: {said}"


def _parts(comparison: Comparison) -> list[str]:
    """What moved, and what rates say; the one that alone says drift before all others."""
    rates = sorted(
        (v for v in comparison.verdicts if v.detector in WATCHED),
        key=lambda v: rate_told_by(v.detector, v.note) != comparison.rate,
    )
    seen = [_seen(verdict, comparison) for verdict in rates]
    moved = _moved(comparison)
    return [*seen[:1], moved, *seen[1:]] if comparison.rate else [moved, *seen]


def _raised(verdict: Verdict) -> bool:
    return verdict.state is State.DRIFT or verdict.state is State.WARNING


def _moved(comparison: Comparison) -> str:
    deciding = (comparison.primary, SUSTAINED)
    raised = [v.detector for v in comparison.verdicts if v.detector in deciding and _raised(v)]
    if not raised:
        return ""
    lasting = ", in window after window" if raised == [SUSTAINED] else ""
    g = comparison.verdict("g")
    effect = g.effect if comparison.rate and g else comparison.effect
    if effect is None:
        return _from_to(comparison) + lasting
    return f"{_from_to(comparison)}, {_percent(effect)} of values moved{lasting}"


def _from_to(comparison: Comparison) -> str:
    """The medians, or, where these say nothing, the cell whose share changed most."""
    if comparison.medians:
        before, after = map(_number, comparison.medians)
        if before != after:
            return f"median from {before} to {after}"
    cells = of_values(comparison.cells)
    n, m = _values(comparison)
    if not cells:
        return "distribution changed"
    cell = max(cells, key=lambda c: abs(c.reference / n - c.current / m))
    return f"{cell.label} from {_percent(cell.reference / n)} to {_percent(cell.current / m)}"


def _values(comparison: Comparison) -> tuple[float, float]:
    """How many values there are before and after, those that are in no cell among them: a share of the others alone would be
    of no use to anybody."""
    nulls = comparison.null_rates or (0.0, 0.0)
    found = [n * (1.0 - null) for n, null in zip((comparison.n_reference, comparison.n_current), nulls, strict=True)]
    cells = of_values(comparison.cells)
    return (
        max(1.0, found[0], sum(c.reference for c in cells)),
        max(1.0, found[1], sum(c.current for c in cells)),
    )


def _seen(verdict: Verdict, comparison: Comparison) -> str:
    if not _raised(verdict) or verdict.statistic is None:
        return ""
    share = _percent(verdict.statistic)
    if verdict.detector == "null_rate" and comparison.null_rates:
        return f"null from {_percent(comparison.null_rates[0])} to {share} of events"
    if verdict.detector == "unseen":
        return f"{share} of values in categories that the baseline lacks, {verdict.note}"
    if verdict.detector == "anomalous":
        return f"{share} of events anomalous, {verdict.note}"
    if verdict.detector == "out_of_range":
        return f"{share} of values outside the baseline's range"
    if rate_told_by(verdict.detector, verdict.note) == USELESS:
        before = _percent(max(0.0, verdict.statistic - (verdict.effect or 0.0)))
        return f"values of no use ({verdict.note}) from {before} to {share} of events"
    return f"{share} of values of types that the baseline lacks ({verdict.note})"


def _number(value: float) -> str:
    return f"{float(f'{value:.3g}'):,.15g}"


def _percent(share: float) -> str:
    return f"{float(f'{100 * share:.2g}'):g} %"
