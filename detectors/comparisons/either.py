"""A signal held against two baselines, the frozen one and a rolling one: two tests, one record."""

from detectors.comparisons.comparison import Comparison
from schemas.verdict import State, Verdict

_TOLD = (State.OK, State.WARNING, State.DRIFT)


def either(frozen: Comparison, rolling: Comparison) -> Comparison:
    """The frozen one's, unless the rolling one's is the worse; with a verdict that sums up the other, `rolling` or `frozen`,
    and `against` which of them anything was found."""
    rolls = _rank(rolling) > _rank(frozen)
    kept, other, name = (rolling, frozen, "frozen") if rolls else (frozen, rolling, "rolling")
    return kept._replace(verdicts=(*kept.verdicts, _summed(other, name)), against=_against(kept, other))


def _rank(comparison: Comparison) -> int:
    return _TOLD.index(comparison.state) if comparison.state in _TOLD else -1


def _summed(other: Comparison, name: str) -> Verdict:
    return Verdict(
        name,
        other.state,
        p_value=other.p_value,
        effect=other.effect,
        n_reference=other.n_reference,
        n_current=other.n_current,
        note=f"against {other.against}",
    )


def _against(kept: Comparison, other: Comparison) -> str:
    joined = "and" if other.state in (State.WARNING, State.DRIFT) else "not"
    return f"{kept.against}, {joined} {other.against}"
