"""Events of many models are converted together: a model's packets are those that it gives alone."""

import gc
import tracemalloc
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from detectors.profiles.vocabulary import Vocabulary
from pipeline.ingest.intake import Documents, Intake
from pipeline.ingest.labels import Labels, joined
from pipeline.ingest.layout import Layout, Layouts
from pipeline.ingest.partition import PartitionIngest
from pipeline.ingest.passage import Records
from pipeline.ingest.pending import _segment_groups
from pipeline.ingest.segments import GroupSet, SegmentRule
from pipeline.ingest.shared import Ingest
from schemas.config import Config
from schemas.group import OTHER
from schemas.packet import SourcePartition
from tests.pipeline.events import START_MS, encode, event

MODELS = ("a", "b", "c")
VALUES = st.one_of(st.none(), st.booleans(), st.integers(-5, 5), st.floats(allow_nan=False), st.text("xyz", max_size=2))
FEATURES = st.dictionaries(st.sampled_from("pqrstu"), VALUES, max_size=4)
EVENTS = st.lists(st.tuples(st.sampled_from(MODELS), FEATURES, VALUES, st.integers(0, 40_000)), min_size=1, max_size=60)


def config(models: tuple[str, ...], signals: int) -> Config:
    listed = [{"name": name, "segments": ["tags.country"] if name == "c" else []} for name in models]
    window = {"length": "10s", "allowed_lateness": "1m", "max_skew": "2m"}
    return Config.from_mapping({"models": listed, "window": window, "limits": {"signals_per_model": signals}})


def payloads(cfg: Config, events: list[bytes], batch: int, partitions: int = 1) -> dict[tuple[Any, ...], bytes]:
    """What is sent for each (window, group) by a worker that has so many partitions, of which one has the events."""
    shared = Ingest(cfg)
    ingest, *_others = (PartitionIngest(shared, SourcePartition("events", i), "id", 0) for i in range(partitions))
    emissions = []
    for at in range(0, len(events), batch):
        some = events[at : at + batch]
        times = np.full(len(some), START_MS + 60_000)
        emissions += ingest.feed(Records(np.arange(at, at + len(some)), times, some)).emissions
    end = ingest.claim(START_MS + 10_000_000)
    emissions += ingest.advance(end).emissions if end else []
    return {(p.header.window_start_ms, p.header.group, p.header.part): p.payload for e in emissions for p in e.packets}


@given(EVENTS, st.integers(1, 60), st.sampled_from([2, 2000]))
@settings(max_examples=60)
def test_a_model_gives_the_packets_that_it_gives_alone(events: list[Any], batch: int, signals: int) -> None:
    encoded = [
        encode(event(i, START_MS + ms, model, features=features, prediction=prediction, tags={"country": "DE"}))
        for i, (model, features, prediction, ms) in enumerate(events)
    ]
    together = payloads(config(MODELS, signals), encoded, batch)
    alone = [payloads(config((model,), signals), encoded, len(encoded)) for model in MODELS]
    assert together == {key: payload for mine in alone for key, payload in mine.items()}
    assert together


def documents(models: list[str], features: list[dict[str, Any]]) -> Documents:
    n = len(models)
    columns = [np.arange(n)], [np.full(n, START_MS)], [np.zeros(n, np.intp)]
    return Documents(models, [{"features": f} for f in features], features, [""] * n, *columns)


def test_models_with_the_same_features_share_a_layout() -> None:
    layouts = Layouts(Config())
    first = layouts.learn("a", [{"x": 1, "y": 2}])
    assert layouts.learn("b", [{"y": 2}, {"x": 3}]) is first
    assert layouts.learn("c", [{"x": 1}]) is not first


def test_a_layout_that_no_model_has_is_forgotten() -> None:
    layouts = Layouts(Config())
    for i in range(1000):
        layouts.learn("a", [{f"x{i}": 1}])
    assert len(layouts._shared) == 1


def test_a_model_is_forgotten_that_has_no_events_while_windows_are_sent() -> None:
    layouts = Layouts(Config())
    often, seldom = (layouts.learn(model, [{model: 1}]) for model in ("often", "seldom"))
    for _ in range(3):
        layouts.forget_unmet()
        assert layouts["often"] is often
    assert layouts["seldom"] is not seldom


def test_models_without_end_leave_nothing_behind() -> None:
    """Each window has twenty models that no other has, with features of their own."""
    ingest = PartitionIngest(Ingest(Config()), SourcePartition("events", 0), "id", 0)
    window_ms = Config().window.length_ms
    for w in range(20):
        start_ms = START_MS + w * window_ms
        some = [encode(event(i, start_ms, f"m{w}-{i}", features={f"f{w}-{i}": 1})) for i in range(20)]
        ingest.feed(Records(np.arange(20) + 20 * w, np.full(20, start_ms), some))
    gc.collect()
    assert sum(isinstance(one, Layout) for one in gc.get_objects()) < 100


def test_a_model_that_is_not_watched_has_no_layout() -> None:
    with pytest.raises(KeyError, match="b"):
        Layouts(config(("a",), 10))["b"]


def test_what_waits_is_counted_until_it_is_taken() -> None:
    intake = Intake(Layouts(Config()), Vocabulary())
    assert list(intake.add(documents(["a", "b"], [{"x": 1}, {"z": "s"}]))) == []
    assert (intake.rows, intake.documents, intake.first_offset()) == (2, 2, 0)
    taken = {place.model: list(chunk.columns) for place, chunk in intake.take()}
    assert taken == {"a": ["x"], "b": ["z"]}
    assert (intake.rows, intake.documents, intake.values, intake.first_offset()) == (0, 0, 0, None)


def test_long_strings_and_many_partitions_change_nothing_and_keep_to_their_memory() -> None:
    """Each event has another prompt, and the worker's partitions share what memory there is for strings and documents."""
    cfg = Config.from_mapping({"window": {"length": "1d", "allowed_lateness": "1m"}})
    events = [
        encode(event(i, START_MS + i, features={"prompt": f"{i % 1500} {'lorem ' * 2000}", f"z{i % 40}": "id"}))
        for i in range(2000)
    ]
    tracemalloc.start()
    many = payloads(cfg, events, 50, partitions=1000)
    assert tracemalloc.get_traced_memory()[1] < 9_000_000
    tracemalloc.stop()
    assert many == payloads(cfg, events, len(events))


def test_documents_that_wait_become_columns_before_they_take_much() -> None:
    """Forty models of a layout each: none of them has enough events for a table."""
    pending = PartitionIngest(Ingest(Config()), SourcePartition("events", 0), "id", 0)
    events = [
        encode(event(i, START_MS, f"m{i % 40}", features={f"x{i % 40}": "y" * 500_000}, version="1"))
        for i in range(200)
    ]
    tracemalloc.start()
    for at in range(200):
        pending.feed(Records(np.array([at]), np.array([START_MS]), events[at : at + 1]))
    assert tracemalloc.get_traced_memory()[1] < 48_000_000
    tracemalloc.stop()


def test_segments_without_end_change_nothing_and_keep_to_their_memory() -> None:
    """Each event has segments of its own, with long names, and the worker's partitions share what memory there is for names."""
    models = [{"name": "m", "segments": ["tags.a", "tags.b"]}]
    cfg = Config.from_mapping({"models": models, "window": {"length": "1d", "allowed_lateness": "1m"}})
    events = [
        encode(event(i, START_MS + i, tags={tag: f"{tag}{i}".ljust(190, "x") for tag in "ab"})) for i in range(8000)
    ]
    tracemalloc.start()
    many = payloads(cfg, events, 200, partitions=100)
    assert tracemalloc.get_traced_memory()[1] < 3_000_000
    tracemalloc.stop()
    assert many == payloads(cfg, events, len(events))


def test_many_names_of_segments_are_as_many_groups_as_are_kept() -> None:
    rule = SegmentRule("tags.a", frozenset({OTHER}), 5)
    met = [(version, f"s{i}") for version in "12" for i in range(1000)]
    found = _segment_groups(GroupSet({rule.path: rule}), rule, "m", met)
    assert len(found) == len(met)
    assert len({id(group) for group in found}) == len(set(found)) <= 12


def test_rows_that_wait_hold_no_names_but_their_own() -> None:
    whole = joined([Labels.of(["a", "b"]), Labels.of(["c", "a", "d"])])
    parts = [whole.part(0, 2), whole.part(2, 5)]
    assert [part.names for part in parts] == [("a", "b"), ("a", "c", "d")]
    assert [[part.names[code] for code in part.codes] for part in parts] == [["a", "b"], ["c", "a", "d"]]
    assert whole.size_bytes - 2 < sum(part.size_bytes for part in parts) <= whole.size_bytes
    assert whole.part(0, 4).names is whole.names
