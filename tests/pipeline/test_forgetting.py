"""What is gone is forgotten: its alerts resolve, and nothing of it stays."""

import gc
from collections.abc import Iterator
from typing import Any

import pytest

from pipeline.history.local import LocalIngest, closed_windows
from pipeline.monitor.closing import Closer, Closing
from pipeline.monitor.collect import OpenWindow
from pipeline.monitor.standards.rolling import Rolling
from pipeline.monitor.standards.standards import Standards
from pipeline.monitor.tables.table_keys import beyond
from pipeline.serving.board import Board
from schemas import codec
from schemas.alert import AlertState
from schemas.config import Config
from schemas.group import Group
from tests.pipeline.events import START_MS, encode, loans
from tests.pipeline.tables import Tables

WINDOW_MS, PER_WINDOW, LEARNED = 100_000, 240, 24
DRIFTS, GONE, FORGOTTEN_AFTER, WINDOWS = 26, 28, 6, 38
OLD, NEWER = Group("loan", "1"), Group("loan", "2")


def config(rolling: int | None = 20, **sections: Any) -> Config:
    learned = {"learn": {"windows": LEARNED}, "rolling": None if rolling is None else {"windows": rolling}}
    return Config.from_mapping(
        {
            "window": {"length": "100s", "allowed_lateness": "1s"},
            "models": [{"name": "loan", "baseline": learned, "segments": ["tags.country"]}],
            "detection": {"forget_after": f"{FORGOTTEN_AFTER * 100}s"},
        }
        | sections
    )


def windows(cfg: Config, events: list[dict[str, Any]]) -> list[OpenWindow]:
    return list(closed_windows(cfg, LocalIngest(cfg).messages([list(map(encode, events))])))


def drifts_and_is_replaced() -> list[dict[str, Any]]:
    """Version 1 drifts, and two windows later version 2 has taken over."""
    n = WINDOWS * PER_WINDOW
    events = loans(n, DRIFTS * PER_WINDOW, seed=3, every_ms=WINDOW_MS // PER_WINDOW)
    return [
        event | {"version": "2" if i >= GONE * PER_WINDOW else "1", "ts": START_MS + i * WINDOW_MS // PER_WINDOW}
        for i, event in enumerate(events)
    ]


class Closers:
    """Closers that each know no more than the monitor's tables hold."""

    def __init__(self, cfg: Config) -> None:
        self.config = cfg
        self.tables = Tables()

    def close(self, window: OpenWindow) -> Iterator[Closing]:
        kept = self.tables.kept()
        closer = Closer(self.config, Standards(self.config, {}, kept.baselines), kept.groups, kept.rolled)
        self.tables.drop(beyond(0, closer.slots, self.tables.baselines))
        for closing in closer.close(window):
            self.tables.keep([closing])
            yield closing


def said(closings: list[Closing]) -> list[bytes]:
    return [thing.encode() for one in closings for thing in (*one.alerts, *one.records)]


def test_alerts_of_a_version_that_is_gone_resolve_once_it_is_forgotten() -> None:
    cfg = config()
    closer = Closer(cfg, Standards(cfg, {}))
    closings = [one for window in windows(cfg, drifts_and_is_replaced()) for one in closer.close(window)]
    (forgetting,) = [one for one in closings if any(gone.group == OLD for gone in one.forgotten)]
    assert forgetting.start_ms == START_MS + (GONE + FORGOTTEN_AFTER - 1) * WINDOW_MS
    fired = {a.id for one in closings for a in one.alerts if a.group == OLD and a.state is AlertState.FIRING}
    ended = {a.id: a for one in closings for a in one.alerts if a.group == OLD and a.state is AlertState.RESOLVED}
    assert fired
    assert ended.keys() == fired
    assert {a.end_ms for a in ended.values()} == {forgetting.end_ms}
    assert "no events for 10m, it is forgotten" in next(iter(ended.values())).summary
    assert not any(gone.group == NEWER for one in closings for gone in one.forgotten)


def test_a_worker_that_takes_over_at_any_window_forgets_the_same() -> None:
    cfg = config()
    opened = windows(cfg, drifts_and_is_replaced())
    closer, closers = Closer(cfg, Standards(cfg, {})), Closers(cfg)
    one = [closing for window in opened for closing in closer.close(window)]
    many = [closing for window in windows(cfg, drifts_and_is_replaced()) for closing in closers.close(window)]
    assert said(many) == said(one)
    assert [c.forgotten for c in many] == [c.forgotten for c in one]
    assert {group.version for group in closers.tables.kept().groups} == {"2"}
    keys = [codec.decode(key) for key in (*closers.tables.state, *closers.tables.baselines)]
    assert not [key for key in keys if key[2] in ("group", "rolled") and "1" in key[3:]]
    assert any(key[2] == "learned" for key in keys), "the baseline of all versions stays"


@pytest.mark.parametrize("after", [20, None])
def test_no_rolling_window_outlives_its_group_where_fewer_or_none_are_wanted(after: int | None) -> None:
    closers = Closers(config(rolling=40))
    for at, window in enumerate(windows(closers.config, drifts_and_is_replaced())):
        list(closers.close(window))
        if at == GONE:
            slots = [key[3] for key in map(codec.decode, closers.tables.baselines) if key[2] == "rolled"]
            assert max(slots) > 22
            closers.config = config(rolling=after)
    keys = map(codec.decode, closers.tables.baselines)
    assert {key[5] for key in keys if key[2] == "rolled"} <= {"2"}


def test_models_without_end_are_forgotten_beyond_the_cap_and_those_with_traffic_stay() -> None:
    cfg = config(models="auto", limits={"groups": 10})
    n = 40 * 60
    events = [
        event | {"model": "steady" if i % 2 else f"made up {i // 20}", "ts": START_MS + i * WINDOW_MS // 60}
        for i, event in enumerate(loans(n, n, seed=3))
    ]
    closers = Closers(cfg)
    for window in windows(cfg, events):
        list(closers.close(window))
        kept = closers.tables.kept()
        assert len(kept.groups) <= 10
        assert len(kept.baselines) <= 10
        assert Group("steady", "1") in kept.groups
    assert len([k for k in map(codec.decode, closers.tables.baselines) if k[2] == "window" and k[4] == "steady"]) == 40


def versions_without_end(windows: int) -> list[dict[str, Any]]:
    """Version 1, of which the baseline is learned, and then four of each window's own."""
    n = windows * PER_WINDOW
    return [
        event | {"version": "1" if at < LEARNED else f"{at}-{i % 4}", "ts": START_MS + i * WINDOW_MS // PER_WINDOW}
        for i, event in enumerate(loans(n, n, seed=3))
        if (at := i // PER_WINDOW) >= 0
    ]


def test_no_rolling_baseline_outlives_its_group() -> None:
    cfg = config()
    gc.collect()
    before = sum(isinstance(thing, Rolling) for thing in gc.get_objects())
    closer, groups = Closer(cfg, Standards(cfg, {})), set[Group]()
    for window in windows(cfg, versions_without_end(LEARNED + 3 * FORGOTTEN_AFTER)):
        for closing in closer.close(window):
            groups |= closing.memories.keys()
            groups -= {gone.group for gone in closing.forgotten}
    gc.collect()
    held = sum(isinstance(thing, Rolling) for thing in gc.get_objects()) - before
    assert 0 < held <= len(groups)


def test_the_board_shows_no_budget_of_a_model_that_is_forgotten_or_another_workers() -> None:
    cfg = config(models="auto", limits={"groups": 10})
    n = 40 * 60
    events = [
        event | {"model": "steady" if i % 2 else f"made up {i // 20}", "ts": START_MS + i * WINDOW_MS // 60}
        for i, event in enumerate(loans(n, n, seed=3))
    ]
    closer, board = Closer(cfg, Standards(cfg, {})), Board()
    for window in windows(cfg, events):
        for closing in closer.close(window):
            board.closed(0, closing)
    assert board.budgets.keys() == {group.model for _, group in board.groups}
    assert "steady" in board.incidents()
    board.drop_partitions([1])
    assert not board.budgets
