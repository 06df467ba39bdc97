"""Alerts that overlap are one incident, whoever closes the windows and wherever it was interrupted."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import cache
from typing import NamedTuple

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from detectors.baselines.baseline import Baseline
from detectors.groups.group import GroupProfile
from detectors.profiles.profile import FINE, Profile
from pipeline.ingest.segments import GroupSet, Part
from pipeline.monitor.closing import Closer, Closing
from pipeline.monitor.collect import OpenWindow
from pipeline.monitor.incidents.alerting import SignalMemory
from pipeline.monitor.incidents.incidents import Incidents
from pipeline.monitor.incidents.memory import GroupMemory, Incident
from pipeline.monitor.standards.standards import Standards
from pipeline.serving.board import Board
from schemas.alert import Alert, AlertState, incident_id
from schemas.config import Config
from schemas.group import Group
from tests.detectors import strategies as some
from tests.detectors.gathered import gathered

WINDOW_MS, EVENTS = 60_000, 200
WELL, DRIFTS, AWAY = "O", "D", "-"
SIGNALS = ("x", "y")
GROUPS = (Group("m", "1"), Group("m", "2"))

Memories = dict[Group, GroupMemory]
Letters = Sequence[str]
"""A letter for each signal of each group: `ODOO` is a window in which y of version 1 drifts."""

letters = st.text("OOD", min_size=4, max_size=4)
days = st.lists(letters, max_size=14)
days_with_gaps = st.lists(st.one_of(letters, st.sampled_from(["--OO", "DD--", "--DO", "OO--"])), max_size=14)


@cache
def flags(true: int) -> Profile:
    return some.profile_of([True] * true + [False] * (EVENTS - true), FINE)


def group(letters: str) -> GroupProfile:
    true = {WELL: EVENTS // 2, DRIFTS: EVENTS - 10}
    return GroupProfile.of(EVENTS, {s: flags(true[letter]) for s, letter in zip(SIGNALS, letters, strict=True)}, FINE)


@cache
def baseline() -> Baseline:
    drawn = np.random.default_rng(1).binomial(EVENTS, 0.5, (40, len(SIGNALS))).tolist()
    windows = [
        (-at * WINDOW_MS, {None: GroupProfile.of(EVENTS, dict(zip(SIGNALS, map(flags, row), strict=True)), FINE)})
        for at, row in enumerate(drawn, 1)
    ]
    return gathered("m", WINDOW_MS, reversed(windows))


@cache
def config(windows: int = 1, of: int = 1) -> Config:
    detection = {"fire": {"windows": windows, "of": of}, "resolve_after": 2}
    models = [{"name": "m", "baseline": "m.json"}]
    return Config.from_mapping({"window": {"length": "1m"}, "models": models, "detection": detection})


@cache
def standards(cfg: Config) -> Standards:
    return Standards(cfg, {"m": baseline()})


def window_of(at: int, letters: str) -> OpenWindow:
    groups = GroupSet({})
    for place, one in enumerate(GROUPS):
        own = letters[place * len(SIGNALS) :][: len(SIGNALS)]
        if AWAY not in own:
            groups.add(one, Part(group(own), 0, EVENTS))
    return OpenWindow(at * WINDOW_MS, (at + 1) * WINDOW_MS, 0, {"m": groups})


def closings(some: Letters, cfg: Config | None = None) -> Iterator[Closing]:
    cfg = cfg or config()
    closer = Closer(cfg, standards(cfg))
    for at, letters in enumerate(some):
        yield from closer.close(window_of(at, letters))


class Seen(NamedTuple):
    """An alert from its onset to the end of the window in which it resolved, in windows."""

    begin: int
    fired: int
    end: float
    incident: str


def seen(some: Iterable[Closing]) -> list[Seen]:
    found: dict[str, Seen] = {}
    for alert in (alert for closing in some for alert in closing.alerts):
        if alert.state is AlertState.FIRING:
            onset, fired = alert.onset_ms // WINDOW_MS, alert.start_ms // WINDOW_MS
            found[alert.id] = Seen(onset, fired, np.inf, alert.incident)
        else:
            assert alert.incident == found[alert.id].incident
            found[alert.id] = found[alert.id]._replace(end=alert.end_ms // WINDOW_MS)
    return list(found.values())


def components(alerts: Sequence[Seen]) -> set[frozenset[int]]:
    """The places of alerts that overlap, directly or by others."""
    order = sorted(range(len(alerts)), key=lambda at: alerts[at].begin)
    found: list[set[int]] = []
    reach = -1.0
    for at in order:
        if alerts[at].begin >= reach:
            found.append(set())
        found[-1].add(at)
        reach = max(reach, alerts[at].end) if len(found[-1]) > 1 else alerts[at].end
    return {frozenset(places) for places in found}


@given(days)
@settings(deadline=None, max_examples=25)
def test_alerts_are_of_one_incident_where_they_overlap_and_of_others_where_they_do_not(some: Letters) -> None:
    alerts = seen(closings(some))
    by_incident: dict[str, set[int]] = {}
    for at, alert in enumerate(alerts):
        by_incident.setdefault(alert.incident, set()).add(at)
    assert set(map(frozenset, by_incident.values())) == components(alerts)
    firsts = {min(alerts[at].begin for at in places) for places in by_incident.values()}
    assert set(by_incident) == {incident_id("m", begin * WINDOW_MS) for begin in firsts}


@given(days_with_gaps)
@settings(deadline=None, max_examples=25)
def test_alerts_that_fire_at_one_time_are_of_one_incident_where_it_takes_two_windows_of_three(some: Letters) -> None:
    alerts = seen(closings([x.replace(AWAY, WELL) for x in some], config(2, 3)))
    for a in alerts:
        for b in alerts:
            if a.fired <= b.fired < a.end:
                assert a.incident == b.incident


def remembered(memories: Memories, closing: Closing) -> Memories:
    kept = {group: GroupMemory.decode(memory.encode()) for group, memory in closing.memories.items()}
    return memories | kept


def bodies(alerts: Iterable[Alert], group: Group) -> list[bytes]:
    return [alert.encode() for alert in alerts if alert.group == group]


@given(days_with_gaps, st.sampled_from([(1, 1), (2, 3)]))
@settings(deadline=None, max_examples=25)
def test_a_worker_that_takes_over_in_the_midst_of_a_closing_says_the_same(some: Letters, fire: tuple[int, int]) -> None:
    """Of the groups of each window, some have kept their memory of it, and some have not."""
    cfg = config(*fire)
    before: Memories = {}
    for at, closing in enumerate(closings(some, cfg)):
        whole = remembered(before, closing)
        for kept in ({}, *({group: whole[group]} for group in closing.memories)):
            [again] = Closer(cfg, standards(cfg), {**before, **kept}).close(window_of(at, some[at]))
            for group in set(closing.memories) - set(kept):
                assert bodies(again.alerts, group) == bodies(closing.alerts, group)
                assert again.memories[group].encode() == closing.memories[group].encode()
        before = whole


def test_an_alert_of_another_signal_and_group_twenty_windows_later_joins_the_incident_that_is_open() -> None:
    alerts = seen(closings(["DOOO"] * 20 + ["DOOD"] + ["OOOD"] * 5 + ["DOOO"] * 5))
    assert [(alert.begin, alert.end) for alert in alerts] == [(0, 23), (20, 28), (26, np.inf)]
    assert {alert.incident for alert in alerts} == {incident_id("m", 0)}


def test_once_all_are_well_the_next_alert_opens_an_incident_of_its_own() -> None:
    alerts = seen(closings(["DDOO", "OOOO", "OOOO", "OOOO", "OODO"]))
    assert [alert.incident for alert in alerts] == [incident_id("m", at * WINDOW_MS) for at in (0, 0, 4)]


def test_an_onset_before_the_end_of_an_incident_that_is_over_belongs_to_it() -> None:
    """Two windows of three: the second alert's onset is the window in which the first resolves."""
    some = ["DOOO", "DOOO", "OOOO", "ODOO", "OOOO", "ODOO"]
    alerts = seen(closings(some, config(2, 3)))
    assert [(alert.begin, alert.fired, alert.end) for alert in alerts] == [(0, 1, 4), (3, 5, np.inf)]
    assert {alert.incident for alert in alerts} == {incident_id("m", 0)}


@pytest.mark.parametrize(("away", "incident"), [(2, 0), (3, 4)])
def test_a_version_that_is_gone_holds_no_incident_open(away: int, incident: int) -> None:
    """Its alert fires for ever, for nothing resolves it. An incident lasts for as long as resolving takes."""
    alerts = seen(closings(["DOOO", *["--OO"] * away, "--DO"]))
    onset = 0 if incident == 0 else 1 + away
    assert [alert.incident for alert in alerts] == [incident_id("m", at * WINDOW_MS) for at in (0, onset)]


def test_a_signal_that_came_and_went_resolves_and_holds_no_incident_open() -> None:
    """Neither the baseline nor the last windows have it."""
    cfg = config()
    closer = Closer(cfg, standards(cfg))
    alerts = []
    for at in range(6):
        window = window_of(at, "OOOO" if at < 5 else "DOOO")
        if at == 1:
            both = group("OO")
            new = replace(both, signals={**both.signals, "z": flags(EVENTS)})
            window.models["m"] = GroupSet({})
            window.models["m"].add(GROUPS[0], Part(new, 0, EVENTS))
        alerts += [alert for closing in closer.close(window) for alert in closing.alerts]
    assert [(a.signal, str(a.state), a.start_ms // WINDOW_MS) for a in alerts] == [
        ("z", "firing", 1), ("z", "resolved", 3), ("x", "firing", 5),
    ]  # fmt: skip
    assert [a.incident for a in alerts] == [incident_id("m", at * WINDOW_MS) for at in (1, 1, 5)]


def test_the_budget_counts_incidents_and_not_alerts() -> None:
    board = Board()
    for closing in closings(["DDOO", "DDDO", "DDDD", *["OOOO"] * 3, "OOOD"]):
        board.closed(0, closing)
    assert sum(board.alerts[key] for key in board.alerts if key[1] == "firing") == 5
    assert board.incidents() == {"m": 2}


def older(memory: GroupMemory) -> GroupMemory:
    """As version 3 kept it."""
    return GroupMemory.decode(memory.encode(3))


def test_an_incident_that_an_older_version_left_open_is_joined_and_ends_under_its_name() -> None:
    [*_, last] = closings(["DOOO", "DOOO"])
    memories = {group: older(memory) for group, memory in last.memories.items()}
    assert all(memory.incident is None for memory in memories.values())
    cfg = config()
    closer = Closer(cfg, standards(cfg), memories)
    rest = [closing for at in range(2, 6) for closing in closer.close(window_of(at, "ODOO" if at == 2 else "OOOO"))]
    found = {(a.signal, str(a.state)): a.incident for closing in rest for a in closing.alerts}
    assert set(found) == {("x", "resolved"), ("y", "firing"), ("y", "resolved")}
    assert set(found.values()) == {incident_id("m", 0)}


def test_a_signal_of_version_3_belongs_to_the_incident_of_its_onset() -> None:
    memory = GroupMemory(signals={"x": SignalMemory(((5, True),), 5, 0, 3)})
    assert older(memory).signals["x"] == replace(memory.signals["x"], incident_ms=5)


@pytest.mark.parametrize("incident", [None, Incident(5), Incident(5, 9)])
def test_the_incident_comes_back_as_it_was(incident: Incident | None) -> None:
    memory = GroupMemory(10, {"x": SignalMemory(((7, True),), 7, 1, 5)}, incident=incident)
    assert GroupMemory.decode(memory.encode()) == memory


def test_models_have_incidents_of_their_own() -> None:
    firing = {Group("m", "1"): GroupMemory(10, {"x": SignalMemory((), 5, 0, 5)}, incident=Incident(5))}
    incidents = Incidents(firing, 100)
    assert incidents.of_firing("m", [15]) == 5
    assert incidents.of_firing("n", [15]) == 15
    assert incidents.of_firing("m", []) is None
    nothing: Mapping[Group, set[int]] = {}
    assert incidents.after("n", 20, None, nothing) is None


def test_what_a_group_has_kept_of_the_window_holds_for_the_others() -> None:
    """An alert of an older incident fired in it, and a group that was away comes back with one of a newer."""
    kept = GroupMemory(20, {"x": SignalMemory((), 15, 0, 5)}, incident=Incident(5))
    away = GroupMemory(2, {"x": SignalMemory((), 9, 0, 9)}, incident=Incident(9))
    incidents = Incidents({GROUPS[0]: kept, GROUPS[1]: away}, 10)
    assert incidents.after("m", 20, None, {GROUPS[1]: {9}}) == Incident(5)
    assert incidents.after("m", 30, None, {GROUPS[1]: {9}}) == Incident(9)
