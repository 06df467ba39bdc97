"""The verdicts on a window's correlations, and what they say in plain words."""

from dataclasses import dataclass

from detectors.correlations.pairs import Changes, Pair
from detectors.statistics.chance import Chance
from schemas.verdict import State, Verdict

SIGNAL = "__pairwise__"
"""What stands for all correlations of a group among its signals."""

_SHOWN = 3


@dataclass(frozen=True, slots=True)
class Correlations:
    """What a window's correlations come to: `p_value` that of both tests together, `effect` the change of r of the pair
    that stands out most."""

    state: State
    level: float
    p_value: float
    effect: float
    summary: str
    verdicts: tuple[Verdict, ...]


def judge_changes(
    changes: Changes,
    level: float,
    warning_level: float,
    minimum_effect: float,
    events: int,
    chance: Chance | None = None,
) -> Correlations:
    """The judgement at `level` for both tests together, each held to half. Drift and warning also take a pair whose r
    changed by `minimum_effect`. `events` are the baseline's; `chance` tells how sure it is. O(1)."""
    worst = changes.ranked[0]
    states = [
        _state(p, 0.5 * level, 0.5 * warning_level, abs(worst.change) >= minimum_effect)
        for p in (changes.largest_p, changes.total_p)
    ]
    verdicts = (
        Verdict(
            "pairwise",
            states[0],
            changes.largest,
            changes.threshold(level),
            changes.largest_p,
            abs(worst.change),
            n_reference=events,
            n_current=changes.events,
            note=_note(worst),
        ),
        Verdict(
            "pairwise_sum",
            states[1],
            changes.total,
            p_value=changes.total_p,
            n_reference=events,
            n_current=changes.events,
            note=f"over {changes.pairs} pairs",
        ),
    )
    state = next((s for s in (State.DRIFT, State.WARNING) if s in states), State.OK)
    summary = "correlations: no change that matters"
    if state is not State.OK:
        sure = chance.said(changes.p_value, level, None) if chance else ""
        summary = "; ".join(filter(None, [_summary(changes, level, minimum_effect), sure]))
    return Correlations(state, level, changes.p_value, abs(worst.change), summary, verdicts)


def _state(p: float, level: float, warning_level: float, matters: bool) -> State:
    if not matters or p > max(level, warning_level):
        return State.OK
    return State.DRIFT if p <= level else State.WARNING


def _summary(changes: Changes, level: float, minimum_effect: float) -> str:
    """The pairs that stand out: the first always, others where they would do so alone."""
    bar = changes.threshold(level)
    first, *rest = changes.ranked
    also = [pair for pair in rest if abs(pair.score) >= bar and abs(pair.change) >= minimum_effect]
    return "correlation " + ", and ".join(map(_said, [first, *also][:_SHOWN]))


def _said(pair: Pair) -> str:
    return f"of {pair.first} and {pair.second} from {_number(pair.before)} to {_number(pair.after)}"


def _note(pair: Pair) -> str:
    """With the interval of the change."""
    interval = f"[{_number(pair.least)}, {_number(pair.greatest)}]"
    return f"{pair.first} and {pair.second} {_number(pair.before)} -> {_number(pair.after)}, a change in {interval}"


def _number(r: float) -> str:
    return f"{r + 0.0:.2f}".replace("-0.00", "0.00")
