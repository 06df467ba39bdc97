"""A new version of a model: it is announced, what it differs in does not page, and what both versions show does."""

from collections.abc import Callable, Sequence
from functools import cache
from itertools import combinations
from typing import Any

import pytest

from pipeline.history.local import LocalIngest, closed_windows
from pipeline.monitor.closing import Closer, Closing
from pipeline.monitor.collect import OpenWindow
from pipeline.monitor.incidents.memory import GroupMemory
from pipeline.monitor.standards.standards import Standards
from schemas.alert import Alert, AlertState
from schemas.config import Config
from schemas.group import Group, Segment
from schemas.verdict import State
from schemas.window import WindowRecord
from tests.pipeline.events import START_MS, encode, loans

WINDOW_MS, PER_WINDOW, LEARNED, NEW = 100_000, 480, 24, 26
OLD, NEWER = Group("loan", "1"), Group("loan", "2")
MOVED = {"grade", "value"}

World = Callable[[int, int], tuple[str, bool]]
"""Of an event, by its window and its number: its version, and whether `value` and `grade` have moved."""


def canary(window: int, i: int) -> tuple[str, bool]:
    """Half of the events are the new version's, which has moved."""
    new = window >= NEW and i % 2 == 0
    return ("2" if new else "1"), new


def both_move(window: int, i: int) -> tuple[str, bool]:
    """So is half, and four windows later all of it moves."""
    return ("2" if window >= NEW and i % 2 == 0 else "1"), window >= NEW + 4


def cut_over(window: int, i: int) -> tuple[str, bool]:
    """The new version, which has moved, takes over at once."""
    return ("2" if window >= NEW else "1"), window >= NEW


def moves_later(window: int, i: int) -> tuple[str, bool]:
    """The new version takes over at once, as it was, and moves six windows later."""
    return ("2" if window >= NEW else "1"), window >= NEW + 6


def moves_soon(window: int, i: int) -> tuple[str, bool]:
    """The new version takes over in the midst of a window, as it was, and moves two windows later."""
    new = window > NEW or (window == NEW and i % PER_WINDOW >= PER_WINDOW // 3)
    return ("2" if new else "1"), window >= NEW + 2


def comes_and_goes(window: int, i: int) -> tuple[str, bool]:
    """The new version takes over at once, moved for two windows, and moves again two windows later."""
    return ("2" if window >= NEW else "1"), window >= NEW and window not in (NEW + 2, NEW + 3)


def canary_moves_as_it_takes_over(window: int, i: int) -> tuple[str, bool]:
    """One event in four is the new version's, as it was; two windows later it takes over, and has moved."""
    taken = window >= NEW + 2
    return ("2" if taken or (window >= NEW and i % 4 == 0) else "1"), taken


def canary_then_all(window: int, i: int) -> tuple[str, bool]:
    """One event in 24 is the new version's, too few to tell; four windows later it takes over."""
    new = window >= NEW + 4 or (window >= NEW and i % 24 == 0)
    return ("2" if new else "1"), new


def rolled_back(window: int, i: int) -> tuple[str, bool]:
    """The new version is there for two windows."""
    return ("2" if NEW <= window < NEW + 2 else "1"), False


def config(rollout: int = 8, segments: Sequence[str] = (), at_most: str = "7d") -> Config:
    models = [{"name": "loan", "baseline": {"learn": {"windows": LEARNED}}, "segments": list(segments)}]
    return Config.from_mapping(
        {
            "window": {"length": "100s", "allowed_lateness": "1s"},
            "models": models,
            "detection": {"rollout": {"windows": rollout, "at_most": at_most}},
        }
    )


def events(world: World, windows: int) -> list[dict[str, Any]]:
    n = windows * PER_WINDOW
    pairs = zip(*(loans(n, at, seed=3, every_ms=WINDOW_MS // PER_WINDOW) for at in (n, 0)), strict=True)
    found = []
    for i, (still, moved) in enumerate(pairs):
        version, has_moved = world(i // PER_WINDOW, i)
        found.append(
            (moved if has_moved else still) | {"version": version, "ts": START_MS + i * WINDOW_MS // PER_WINDOW}
        )
    return found


def opened(world: World, windows: int, cfg: Config) -> list[OpenWindow]:
    return list(closed_windows(cfg, LocalIngest(cfg).messages([list(map(encode, events(world, windows)))])))


@cache
def closed(
    world: World, windows: int = NEW + 12, rollout: int = 8, segment: str = "", at_most: str = "7d"
) -> list[Closing]:
    cfg = config(rollout, [segment] if segment else [], at_most)
    closer = Closer(cfg, Standards(cfg, {}))
    return [closing for window in opened(world, windows, cfg) for closing in closer.close(window)]


def alerts_of(some: Sequence[Closing], state: AlertState) -> list[Alert]:
    return [alert for closing in some for alert in closing.alerts if alert.state is state]


def fired(some: Sequence[Closing], group: Group = NEWER) -> dict[str, int]:
    """The window in which each signal of a group fired first."""
    found: dict[str, int] = {}
    for alert in alerts_of(some, AlertState.FIRING):
        if alert.group == group:
            found.setdefault(alert.signal, (alert.start_ms - START_MS) // WINDOW_MS)
    return found


def records_of(some: Sequence[Closing], group: Group = NEWER) -> list[WindowRecord]:
    return [record for closing in some for record in closing.records if record.group == group]


def test_a_canary_that_differs_is_announced_and_does_not_page() -> None:
    found = closed(canary, NEW + 8)
    [announced] = alerts_of(found, AlertState.ANNOUNCED)
    assert (announced.group, announced.signal, announced.onset_ms) == (NEWER, "__version__", START_MS + NEW * WINDOW_MS)
    assert announced.summary.startswith(
        "version '2' is new beside version '1': 2 of 4 signals differ from version '1' ("
    )
    assert "2 of 4 signals differ from the baseline (" in announced.summary
    assert {verdict["note"] for verdict in announced.evidence[:2]} == MOVED
    assert [verdict["state"] for verdict in announced.evidence] == ["warning", "warning", "ok", "ok"]
    assert alerts_of(found, AlertState.FIRING) == []
    for record in records_of(found):
        states = {signal.name: signal.state for signal in record.signals}
        assert {name for name, state in states.items() if state is State.WARNING} >= MOVED
        assert record.state is State.WARNING
        told = [signal for signal in record.signals if signal.name in MOVED]
        assert all(signal.summary.endswith("; the version differs from version '1'") for signal in told)
        assert {signal.verdicts[-1]["note"] for signal in told} == {"against version '1' in the same window"}
    assert {memory.onsets_ms for closing in found for memory in closing.memories.values()} == {()}


def test_what_both_versions_show_pages_for_both() -> None:
    found = closed(both_move)
    assert set(fired(found, NEWER)) == set(fired(found, OLD)) == MOVED
    assert {window for group in (OLD, NEWER) for window in fired(found, group).values()} == {NEW + 4}
    assert "none of 4 signals differs from version '1'" in alerts_of(found, AlertState.ANNOUNCED)[0].summary


def test_once_the_rollout_is_over_it_pages() -> None:
    assert fired(closed(canary)) == fired(closed(cut_over)) == dict.fromkeys(MOVED, NEW + 8)


def test_however_long_a_window_is_a_rollout_is_over_in_time() -> None:
    """Windows have 100 seconds."""
    assert fired(closed(canary, rollout=288, at_most="13m")) == dict.fromkeys(MOVED, NEW + 8)


def test_a_version_that_takes_over_at_once_is_held_against_the_last_windows_of_the_old_one() -> None:
    found = closed(cut_over, NEW + 8)
    assert fired(found) == {}
    [announced] = alerts_of(found, AlertState.ANNOUNCED)
    assert (
        "too few events of both in this window to compare them; 2 of 4 signals differ from the b" in announced.summary
    )
    assert announced.evidence == ()


def test_what_moves_after_the_old_version_is_gone_pages() -> None:
    assert fired(closed(moves_later)) == dict.fromkeys(MOVED, NEW + 6)


def test_what_was_well_in_the_new_version_did_not_come_with_it() -> None:
    found = closed(moves_soon)
    assert "none of 4 signals differs from version '1'" in alerts_of(found, AlertState.ANNOUNCED)[0].summary
    assert fired(found) == dict.fromkeys(MOVED, NEW + 2)


def test_what_came_with_a_version_and_went_is_not_explained_again() -> None:
    """In between, `grade` is ok. `value` is not: its last three windows together still warn."""
    assert fired(closed(comes_and_goes)) == {"grade": NEW + 4, "value": NEW + 8}


def test_what_a_canary_does_not_show_may_come_as_it_takes_over() -> None:
    found = closed(canary_moves_as_it_takes_over, NEW + 8)
    assert {signal.state for record in records_of(found)[:2] for signal in record.signals} >= {State.OK}
    assert fired(found) == {}


def test_what_nothing_was_compared_with_is_not_said_to_differ() -> None:
    told = [
        [signal.summary.rpartition("; ")[2] for signal in record.signals if signal.name in MOVED]
        for record in records_of(closed(cut_over, NEW + 8))
    ]
    arrived, later = ["the version has just arrived"] * 2, ["it may have come with the version"] * 2
    assert told == [arrived] * 3 + [later] * 5


def test_a_canary_that_is_too_small_to_tell_does_not_page_when_it_takes_over() -> None:
    found = closed(canary_then_all, NEW + 8)
    assert fired(found) == {}
    assert records_of(found)[-1].state is State.WARNING


def test_a_version_that_comes_back_is_not_new() -> None:
    assert [a.version for a in alerts_of(closed(rolled_back), AlertState.ANNOUNCED)] == ["2"]


def test_without_a_rollout_a_version_pages_as_any() -> None:
    found = closed(canary, rollout=0)
    assert fired(found) == dict.fromkeys(MOVED, NEW)
    assert alerts_of(found, AlertState.ANNOUNCED) == []


def test_segments_of_a_new_version_do_not_page_either() -> None:
    found = closed(canary, NEW + 8, segment="tags.country")
    german = Group("loan", "2", Segment("tags.country", "DE"))
    assert {record.state for record in records_of(found, german)} == {State.WARNING}
    assert alerts_of(found, AlertState.FIRING) == []
    assert len(alerts_of(found, AlertState.ANNOUNCED)) == 1


def test_the_budget_is_shared_out_over_the_versions_of_a_window() -> None:
    levels = [{signal.level for signal in record.signals} for record in records_of(closed(canary), OLD)]
    assert levels[NEW] == {level / 2 for level in levels[NEW - 1] if level}


@pytest.mark.parametrize("world", [canary, both_move, cut_over, comes_and_goes])
def test_a_worker_that_begins_again_anywhere_comes_to_the_same(world: World) -> None:
    """After any window, and with what it had kept of the groups of the next one, whichever these were."""
    cfg, once = config(), closed(world)
    memories: dict[Group, GroupMemory] = {}
    baselines = {key: group for closing in once[:LEARNED] for key, group in closing.baselines.items()}
    for at, window in enumerate(opened(world, NEW + 12, cfg)):
        if at >= LEARNED:
            groups = list(once[at].memories)
            for kept in (some for n in range(len(groups)) for some in combinations(groups, n)):
                known = memories | {group: once[at].memories[group] for group in kept}
                decoded = {group: GroupMemory.decode(memory.encode()) for group, memory in known.items()}
                [again] = list(Closer(cfg, Standards(cfg, {}, baselines), decoded).close(window))
                left = [r.encode() for r in once[at].records if r.group not in kept]
                assert [record.encode() for record in again.records] == left
                alerts = [a.encode() for a in once[at].alerts if a.group not in kept]
                assert [alert.encode() for alert in again.alerts] == alerts
        memories |= once[at].memories
