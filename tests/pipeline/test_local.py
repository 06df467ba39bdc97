"""The core over a stream of events without Kafka: one wrong clock closes nothing, and batches decide nothing."""

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.events.reader import EventReader
from pipeline.history.local import FOLLOWING, LocalIngest, closed_windows, closings, record_times
from pipeline.monitor.closing import Closing
from schemas.config import Config
from schemas.packet import Marker, Packet
from schemas.verdict import State
from tests.pipeline.events import START_MS, encode, event

SKEW_MS = 60_000
DAY_MS = 86_400_000
CONFIG = Config.from_mapping({"window": {"length": "10s", "allowed_lateness": "2s", "max_skew": "1m"}})
NONE_MS = np.empty(0, np.int64)


def stream(times: Sequence[Any]) -> list[bytes]:
    return [encode(event(i, ts)) for i, ts in enumerate(times)]


def every_second(n: int, start_ms: int = START_MS) -> list[int]:
    return [start_ms + i * 1000 for i in range(n)]


def ahead(n: int, at: int, many: int, by_ms: int = 365 * DAY_MS) -> list[int]:
    """`n` times a second apart, of which `many` from `at` on are far ahead."""
    return [t + by_ms if at <= i < at + many else t for i, t in enumerate(every_second(n))]


def read(values: Sequence[bytes]) -> Any:
    return EventReader(CONFIG).read(values)


def recorded(times: Sequence[int]) -> list[int]:
    return record_times(read(stream(times)), NONE_MS, SKEW_MS).tolist()


def in_batches(values: list[bytes], cuts: Sequence[int]) -> tuple[LocalIngest, list[Packet | Marker]]:
    ingest = LocalIngest(CONFIG)
    bounds = [0, *sorted(min(cut, len(values)) for cut in cuts), len(values)]
    return ingest, list(ingest.messages(values[a:b] for a, b in pairwise(bounds)))


def at_once(values: list[bytes]) -> tuple[LocalIngest, list[Packet | Marker]]:
    return in_batches(values, [])


def said(messages: list[Packet | Marker]) -> list[tuple[int, list[bytes]]]:
    closed: list[Closing] = list(closings(CONFIG, {}, messages))
    return [(c.start_ms, [r.encode() for r in c.records]) for c in closed]


def counted(messages: list[Packet | Marker]) -> dict[int, int]:
    """Events by the second at which their window starts."""
    windows = closed_windows(CONFIG, messages)
    return {
        (w.start_ms - START_MS) // 1000: sum(part.profile.count for _, part in w.models["m"].in_order())
        for w in windows
    }


def test_in_order_each_event_was_recorded_when_it_happened() -> None:
    assert recorded(every_second(100)) == every_second(100)


def test_events_out_of_order_within_the_skew_are_taken_at_their_word() -> None:
    times = every_second(100)
    times[40], times[70] = times[40] - 50_000, times[70] + 50_000
    assert recorded(times) == times


@pytest.mark.parametrize("many", [1, 5])
@pytest.mark.parametrize("at", [0, 1, 30, 84])
def test_clocks_far_ahead_are_refused_and_move_no_watermark(many: int, at: int) -> None:
    ingest, messages = at_once(stream(ahead(100, at, many)))
    assert ingest.counts["refused"] == ingest.counts["refused: timestamp_ahead"] == many
    assert ingest.counts["late"] == 0
    assert sum(counted(messages).values()) == ingest.counts["profiled"] == 100 - many
    assert max(counted(messages)) == 90


def test_a_gap_in_the_traffic_is_no_clock_that_is_ahead() -> None:
    times = every_second(50) + every_second(50, START_MS + DAY_MS)
    ingest, messages = at_once(stream(times))
    assert recorded(times) == times
    assert (ingest.counts["profiled"], ingest.counts["refused"], ingest.counts["late"]) == (100, 0, 0)
    assert counted(messages) == dict.fromkeys([*range(0, 50, 10), *range(86_400, 86_450, 10)], 10)


def test_a_clock_far_ahead_just_before_a_gap_is_refused() -> None:
    times = [*every_second(49), START_MS + 9 * DAY_MS, *every_second(50, START_MS + DAY_MS)]
    assert at_once(stream(times))[0].counts["refused: timestamp_ahead"] == 1


def test_the_last_events_are_taken_at_their_word() -> None:
    """Nothing after them contradicts them, and every window closes now."""
    ingest, messages = at_once(stream(ahead(50, 48, 2)))
    assert (ingest.counts["profiled"], ingest.counts["refused"]) == (50, 0)
    assert [counted(messages)[s] for s in (0, 10, 20, 30, 40)] == [10, 10, 10, 10, 8]


def test_an_event_long_ago_makes_no_others_ahead() -> None:
    times = every_second(50)
    times[20] -= DAY_MS
    ingest, _ = at_once(stream(times))
    assert (ingest.counts["profiled"], ingest.counts["late"], ingest.counts["refused"]) == (49, 1, 0)


def test_late_events_are_counted_and_profiled_nowhere() -> None:
    times = every_second(60)
    times[30], times[45] = START_MS + 5_000, START_MS + 28_000
    ingest, messages = at_once(stream(times))
    assert (ingest.counts["late"], ingest.counts["profiled"]) == (2, 58)
    assert counted(messages) == {0: 10, 10: 10, 20: 10, 30: 9, 40: 9, 50: 10}


def test_events_without_a_time_lead_no_one_astray() -> None:
    values = stream(ahead(100, 40, 1))
    values[41:41] = [b"{nonsense"] * (FOLLOWING - 1)
    ingest, _ = at_once(values)
    assert (ingest.counts["refused: timestamp_ahead"], ingest.counts["refused"]) == (1, FOLLOWING)


def test_events_refused_for_something_else_lead_no_one_astray() -> None:
    values = stream(every_second(100))
    values[40:40] = [encode(event(i, START_MS - 9 * DAY_MS, model="")) for i in range(FOLLOWING)]
    ingest, _ = at_once(values)
    assert (ingest.counts["refused: no_model"], ingest.counts["refused"]) == (FOLLOWING, FOLLOWING)


def test_only_so_many_records_are_looked_at() -> None:
    values = stream(ahead(100, 40, 1))
    values[41:41] = [b"{nonsense"] * FOLLOWING
    whole, expected = at_once(values)
    assert (whole.counts["refused: timestamp_ahead"], whole.counts["late"]) == (0, 59)
    assert said(in_batches(values, range(0, 120, 7))[1]) == said(expected)


def test_no_events_close_no_windows() -> None:
    ingest = LocalIngest(CONFIG)
    assert said(list(ingest.messages([[], []]))) == []
    assert ingest.counts.total() == 0


def test_the_last_message_closes_every_window() -> None:
    _, messages = at_once(stream(every_second(95)))
    assert [start for start, _ in said(messages)] == [START_MS + s * 1000 for s in range(0, 100, 10)]


@given(
    st.lists(
        st.one_of(
            st.just("now"), st.just("now"), st.just("now"),
            st.sampled_from(["ahead", "ahead", "skewed", "late", "gap", "broken", "nameless"]),
        ),
        max_size=120,
    ),
    st.lists(st.integers(0, 120), max_size=30),
)  # fmt: skip
@settings(max_examples=60)
def test_batches_of_any_size_give_the_same_closings(kinds: list[str], cuts: list[int]) -> None:
    values, now = [], START_MS
    for i, kind in enumerate(kinds):
        now += DAY_MS if kind == "gap" else 1000
        ts = now + {"ahead": 365 * DAY_MS, "skewed": SKEW_MS // 2, "late": -30_000}.get(kind, 0)
        values.append(
            b"{nonsense" if kind == "broken" else encode(event(i, ts, model="" if kind == "nameless" else "m"))
        )
    whole, expected = at_once(values)
    parts, messages = in_batches(values, cuts)
    assert said(messages) == said(expected)
    assert parts.counts == whole.counts


def test_batches_of_one_event_give_the_same_closings() -> None:
    values = stream(ahead(300, 100, 5))
    assert said(in_batches(values, range(300))[1]) == said(at_once(values)[1])


def test_a_model_without_signals_is_closed_as_others_are() -> None:
    """Also when it has learned its baseline: there is nothing to judge."""
    values = [encode({"ts": ts, "model": "m", "features": {}}) for ts in every_second(400)]
    config = Config.from_mapping(
        {"window": {"length": "10s"}, "models": [{"name": "m", "baseline": {"learn": {"windows": 20}}}]}
    )
    closed = list(closings(config, {}, LocalIngest(config).messages([values])))
    assert len(closed) == 40
    assert {(record.state, record.events) for closing in closed for record in closing.records} == {(State.NO_DATA, 10)}
