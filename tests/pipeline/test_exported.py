"""What is exported of a model that has more series than it may: firing signals before quiet ones, and the rest counted."""

import re
from collections import Counter
from collections.abc import Iterable

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client.parser import text_string_to_metric_families

from pipeline.serving import metrics
from pipeline.serving.board import Board, GroupStatus, SignalStatus
from schemas.config import Config
from schemas.group import Group, Segment
from schemas.verdict import State

REST = {"version": "__other__", "segment": "__other__", "signal": "__other__"}


def signal(name: str, state: State = State.OK, *, firing: bool = False) -> SignalStatus:
    return SignalStatus(name, state, 0.0, 1.0, 0.5, 0.01, 0.02, (("psi", 0.1), ("g", 3.0)), firing, 1e-6, 0.2)


def group(value: str, signals: Iterable[SignalStatus], baseline_events: int = 1000, model: str = "loan") -> GroupStatus:
    segment = Segment("tags.country", value) if value else None
    return GroupStatus(Group(model, "1", segment), 1_700_000_000_000, 100, baseline_events, tuple(signals))


def board_of(*groups: GroupStatus) -> Board:
    return Board(groups={(0, status.group): status for status in groups})


def samples(board: Board, most: int) -> list[tuple[str, dict[str, str], float]]:
    config = Config.from_mapping({"metrics": {"max_series": most}})
    text = metrics.text(metrics.registry_of(board, "0.1.0", config)).decode()
    return [
        (sample.name, sample.labels, sample.value)
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    ]


def capped(found: list[tuple[str, dict[str, str], float]], model: str = "loan") -> int:
    """The series of groups and signals, which the cap is about."""
    return sum(labels.get("model") == model and "segment" in labels for _, labels, _ in found)


def one(found: list[tuple[str, dict[str, str], float]], name: str, **labels: str) -> float:
    [value] = [v for n, have, v in found if n == name and labels.items() <= have.items()]
    return value


def wide() -> Board:
    """Five segments of 60 signals: one fires, one drifts and one warns, each in a segment of its own."""
    odd = {
        ("A", "s59"): signal("s59", State.OK, firing=True),
        ("B", "s58"): signal("s58", State.DRIFT),
        ("C", "s57"): signal("s57", State.WARNING),
    }
    names = [f"s{i:02d}" for i in range(60)]
    return board_of(
        *(
            group(value, [odd.get((value, name), signal(name)) for name in names], events)
            for value, events in [("", 9000), ("A", 10), ("B", 10), ("C", 10), ("D", 5000), ("E", 4000)]
        )
    )


def test_a_model_within_its_cap_is_exported_whole() -> None:
    found = samples(wide(), 10_000)
    assert one(found, "driftline_series_dropped", model="loan") == 0
    assert not [labels for _, labels, _ in found if "__other__" in labels.values()]


@pytest.mark.parametrize("most", [100, 500, 2_000, 4_000])
def test_a_model_has_no_more_series_than_it_may_and_says_how_many_are_left_out(most: int) -> None:
    everything = capped(samples(wide(), 100_000))
    found = samples(wide(), most)
    rest = sum("__other__" in labels.values() for _, labels, _ in found)
    assert most - 40 < capped(found) <= most
    assert one(found, "driftline_series_dropped", model="loan") == everything - (capped(found) - rest)


def test_the_worst_are_kept_then_whole_models_then_the_largest_segments() -> None:
    found = samples(wide(), 1_500)
    kept = Counter(labels["segment"] for name, labels, _ in found if name == "driftline_psi")
    assert [kept[f"tags.country={value}"] for value in "ABC"] == [1, 1, 1]
    assert kept[""] == 60
    assert 0 < kept["tags.country=D"] < 60
    assert kept["tags.country=E"] == 0
    assert one(found, "driftline_alert_firing", segment="tags.country=A", signal="s59") == 1


def test_what_is_left_out_is_counted_by_state_and_says_whether_it_fires() -> None:
    found = samples(wide(), 500)
    kept = sum(name == "driftline_psi" for name, _, _ in found)
    assert one(found, "driftline_signal_state", state="ok", **REST) == 360 - kept
    assert one(found, "driftline_signal_state", state="drift", **REST) == 0
    assert one(found, "driftline_alert_firing", **REST) == 0
    all_fire = board_of(group("", [signal(f"s{i}", State.DRIFT, firing=True) for i in range(100)]))
    assert one(samples(all_fire, 500), "driftline_alert_firing", **REST) == 1


def test_a_model_does_not_take_from_another() -> None:
    small = group("", [signal("x")], model="fraud")
    board = board_of(*wide().groups.values(), small)
    found = samples(board, 100)
    assert one(found, "driftline_series_dropped", model="fraud") == 0
    assert capped(found, "fraud") == capped(samples(board_of(small), 100), "fraud")


def test_no_series_is_there_twice() -> None:
    found = samples(wide(), 500)
    assert len({(name, *sorted(labels.items())) for name, labels, _ in found}) == len(found)
    assert all(re.match("driftline_|process_", name) for name, _, _ in found)


STATES = st.sampled_from(State)


@given(
    st.lists(st.tuples(st.sampled_from(["", *"ABCD"]), STATES, st.booleans()), max_size=150),
    st.integers(100, 1500),
)
def test_no_quiet_signal_is_kept_where_one_that_fires_is_left_out(
    drawn: list[tuple[str, State, bool]], most: int
) -> None:
    by_segment: dict[str, list[SignalStatus]] = {}
    for i, (value, state, firing) in enumerate(drawn):
        by_segment.setdefault(value, []).append(signal(f"s{i}", state, firing=firing))
    board = board_of(*(group(value, signals) for value, signals in by_segment.items()))
    found = samples(board, most)
    assert capped(found) <= most
    kept = {labels["signal"] for name, labels, _ in found if name == "driftline_psi"}
    firing = {f"s{i}" for i, (_, _, fires) in enumerate(drawn) if fires}
    assert firing <= kept or kept <= firing
