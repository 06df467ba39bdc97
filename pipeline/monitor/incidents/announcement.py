"""The event that announces a new version of a model: when it was first there, and in what it differs. It pages nobody."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from detectors.comparisons.comparison import Comparison
from detectors.statistics.settings import Settings
from pipeline.monitor.incidents.rollout import Beside, verdict_of
from schemas.alert import Alert, AlertState, alert_id
from schemas.group import Group
from schemas.verdict import State
from schemas.window import SignalRecord

SIGNAL = "__version__"
_MOST_TOLD = 5


class Announced(NamedTuple):
    """The window in which the version is new."""

    start_ms: int
    end_ms: int
    baseline_events: int


def announcement(
    group: Group, window: Announced, beside: Beside, records: Sequence[SignalRecord], settings: Settings
) -> Alert:
    """The event that a version is new: the signals that differ most from the old version's in the same window, and from the
    baseline. O(buckets)."""
    names = sorted({*beside.profile.signals, *(beside.old_profile.signals if beside.old_profile else ())})
    compared = beside.compared(names, settings, settings.warning_level / max(1, len(names)))
    most = sorted(compared, key=lambda name: (compared[name].state is not State.DRIFT, -_effect(compared[name]), name))
    identity = alert_id(group, SIGNAL, window.start_ms)
    return Alert(
        id=identity,
        incident=identity,
        state=AlertState.ANNOUNCED,
        model=group.model,
        version=group.version,
        signal=SIGNAL,
        onset_ms=window.start_ms,
        start_ms=window.start_ms,
        end_ms=window.end_ms,
        summary=f"version {group.version!r} is new beside {beside.name}: {_from_old(beside, compared, most)}; "
        f"{_from_baseline(records)}",
        baseline_events=window.baseline_events,
        window_events=beside.profile.count,
        evidence=tuple(_evidence(name, compared[name]) for name in most[:_MOST_TOLD]),
    )


def _effect(compared: Comparison) -> float:
    return compared.effect or 0.0


def _evidence(name: str, compared: Comparison) -> dict[str, object]:
    state = State.WARNING if compared.state is State.DRIFT else State.OK
    return verdict_of(compared, state, name).to_json()


def _from_old(beside: Beside, compared: Mapping[str, Comparison], most: Sequence[str]) -> str:
    if not compared:
        return "too few events of both in this window to compare them"
    differ = [(name, compared[name].effect) for name in most if compared[name].state is State.DRIFT]
    return _listed(len(compared), differ, beside.name)


def _from_baseline(records: Sequence[SignalRecord]) -> str:
    told = [record for record in records if record.state in (State.OK, State.WARNING, State.DRIFT)]
    if not told:
        return "not compared with a baseline"
    differ = sorted((r for r in told if r.state is not State.OK), key=lambda r: (-(r.effect or 0.0), r.name))
    return _listed(len(told), [(r.name, r.effect) for r in differ], "the baseline")


def _listed(of: int, named: Sequence[tuple[str, float | None]], whom: str) -> str:
    if not named:
        return f"none of {of} signals differs from {whom}"
    shown = ", ".join(f"{name} by {effect or 0.0:.2g}" for name, effect in named[:_MOST_TOLD])
    more = ", ..." if len(named) > _MOST_TOLD else ""
    return f"{len(named)} of {of} signals differ from {whom} ({shown}{more})"
