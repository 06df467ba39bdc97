"""The record of a group's correlations in one window, beside those of its signals."""

from detectors.correlations.pairs import LEAST_EVENTS
from detectors.correlations.pairwise import SIGNAL, judge_changes
from detectors.groups.group import GroupProfile
from detectors.statistics.chance import Chance
from pipeline.monitor.standards.standard import Standard
from pipeline.monitor.standards.standards import Standards
from schemas.verdict import State
from schemas.window import SignalRecord


def correlations_of(
    profile: GroupProfile, standard: Standard, standards: Standards, level: float, chance: Chance
) -> tuple[SignalRecord, ...]:
    """One record, at `level`, where the baseline has a lens; none where it has not. `no_data` where the window was not
    seen through that lens, `learning` where the baseline has too few windows, `insufficient` where the window has too few
    events. O(p^2)."""
    if standard.lens is None:
        return ()
    cross = profile.cross
    if cross is None or cross.lens != standard.lens.digest:
        return (_without(State.NO_DATA, 0, "not seen through the baseline's lens"),)
    pairs = standard.correlations()
    if pairs is None:
        return (_without(State.LEARNING, cross.rows, "too few windows in the baseline"),)
    changes = pairs.compare(cross)
    if changes is None:
        return (_without(State.INSUFFICIENT, cross.rows, f"{cross.rows} events, and it takes {LEAST_EVENTS}"),)
    found = judge_changes(
        changes, level, standards.settings.warning_level, standards.minimum_change, standard.events, chance
    )
    return (
        SignalRecord(
            SIGNAL,
            found.state,
            cross.rows,
            0,
            0,
            p_value=found.p_value,
            level=level,
            effect=found.effect,
            summary=found.summary,
            verdicts=tuple(verdict.to_json() for verdict in found.verdicts),
        ),
    )


def _without(state: State, events: int, why: str) -> SignalRecord:
    return SignalRecord(SIGNAL, state, events, 0, 0, summary=f"correlations: {why}")
