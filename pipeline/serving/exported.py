"""Which series of a model are exported where it has more than it may: the worst first, the rest counted."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from itertools import groupby
from typing import NamedTuple

from pipeline.serving.board import GroupStatus, SignalStatus
from schemas.group import Group
from schemas.verdict import State

OTHER = "__other__"
REST_SERIES = 1 + len(State)
_WORST_FIRST = (State.DRIFT, State.WARNING)


class Rest(NamedTuple):
    """The signals of a model that are not exported: how many are in each state, and whether an alert of one fires."""

    model: str
    states: Counter[State]
    firing: bool


class Exported(NamedTuple):
    """Groups with the signals that are exported, what is left of each model that has more, and how many series each
    model is short of."""

    groups: list[GroupStatus]
    rests: list[Rest]
    dropped: dict[str, int]


class Cost(NamedTuple):
    """How many series a group has by itself, and how many each of its signals."""

    group: Callable[[GroupStatus], int]
    signal: Callable[[SignalStatus], int]


def exported(groups: Iterable[GroupStatus], most: int, cost: Cost) -> Exported:
    """Of each model at most so many series. A signal whose alert fires goes before all that are quiet; then those in
    drift, those that warn, whole models before segments, and segments by the events of their baselines, which keeps
    the choice from changing with each window. O(n log n) where there are more, else O(n)."""
    found = Exported([], [], {})
    ordered = sorted(groups, key=lambda status: status.group.order)
    for model, of_model in groupby(ordered, key=lambda status: status.group.model):
        mine = list(of_model)
        total = sum(cost.group(status) + sum(map(cost.signal, status.signals)) for status in mine)
        if total <= most:
            found.groups.extend(mine)
            found.dropped[model] = 0
            continue
        chosen, spent = _chosen(mine, most - REST_SERIES, cost)
        found.groups.extend(
            status._replace(signals=tuple(s for s in status.signals if s.name in chosen[status.group]))
            for status in mine
            if status.group in chosen
        )
        found.rests.append(_rest(model, mine, chosen))
        found.dropped[model] = total - spent
    return found


def _chosen(groups: list[GroupStatus], room: int, cost: Cost) -> tuple[dict[Group, set[str]], int]:
    """The names of the signals that fit into the room, by group, and how many series these are. A group is there with its
    first signal; whole models are there first."""
    chosen: dict[Group, set[str]] = {}
    spent = 0
    for status, signal in _ranked(groups):
        new = status.group not in chosen
        price = (cost.group(status) if new else 0) + (cost.signal(signal) if signal else 0)
        if spent + price > room:
            break
        spent += price
        names = chosen.setdefault(status.group, set())
        if signal:
            names.add(signal.name)
    return chosen, spent


def _ranked(groups: list[GroupStatus]) -> Iterator[tuple[GroupStatus, SignalStatus | None]]:
    every = [(status, signal) for status in groups for signal in status.signals]
    ranked = sorted(every, key=lambda pair: _rank(*pair))
    yield from ((status, signal) for status, signal in ranked if signal.firing)
    yield from ((status, None) for status in groups if status.group.segment is None)
    yield from ((status, signal) for status, signal in ranked if not signal.firing)


def _rank(status: GroupStatus, signal: SignalStatus) -> tuple[object, ...]:
    severity = _WORST_FIRST.index(signal.state) if signal.state in _WORST_FIRST else len(_WORST_FIRST)
    group = status.group
    return severity, group.segment is not None, -status.baseline_events, group.order, signal.name


def _rest(model: str, groups: list[GroupStatus], chosen: dict[Group, set[str]]) -> Rest:
    left = [s for status in groups for s in status.signals if s.name not in chosen.get(status.group, ())]
    return Rest(model, Counter(s.state for s in left), any(s.firing for s in left))
