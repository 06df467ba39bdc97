"""What features are called among the signals, and what long names of others become."""

from typing import Any

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from detectors.groups.wire import decode_group
from pipeline.ingest.partition import PartitionIngest
from pipeline.ingest.passage import Records
from pipeline.ingest.shared import Ingest
from pipeline.ingest.short_names import MOST_CHARACTERS, shortened
from pipeline.ingest.signal_names import name_of_feature
from schemas.config import Config
from schemas.packet import Packet, SourcePartition, encode_packet
from tests.pipeline.events import START_MS, encode, event

LONG = "k" * 500_000
NAMES = st.text("pf_.~", max_size=8) | st.sampled_from(
    ["prediction", "latency_ms", "features.prediction", "features.features.prediction", "x" * 199, "x" * 200, "x" * 201]
)


def packets(events: list[bytes], batch: int = 100, **more: Any) -> list[Packet]:
    config = Config.from_mapping({"window": {"length": "1h", "allowed_lateness": "0s"}} | more)
    ingest = PartitionIngest(Ingest(config), SourcePartition("events", 0), "id", 0)
    for at in range(0, len(events), batch):
        some = events[at : at + batch]
        ingest.feed(Records(np.arange(at, at + len(some)), np.full(len(some), START_MS), some))
    claimed = ingest.claim(START_MS + 10_000_000)
    assert claimed is not None
    return [packet for emission in ingest.advance(claimed).emissions for packet in emission.packets]


def signals(packet: Packet) -> list[str]:
    return list(decode_group(packet.payload).signals)


@given(NAMES, NAMES)
def test_no_two_features_have_one_name(one: str, other: str) -> None:
    assert (name_of_feature(one) == name_of_feature(other)) == (one == other)


@given(st.text(max_size=MOST_CHARACTERS - 1))
def test_a_name_is_cut_where_it_is_long(name: str) -> None:
    assert shortened(name) == name
    assert len(shortened(name + LONG)) == MOST_CHARACTERS


def test_long_names_and_segments_make_no_long_packets_and_are_told_apart() -> None:
    """However the events are batched."""
    events = [
        encode(event(i, START_MS, features={"x": 1, f"{LONG}{i % 3}": 1}, tags={"c": f"{LONG}{i % 2}"}))
        for i in range(6)
    ]
    models = [{"name": "m", "segments": [{"path": "tags.c", "most": 1, "keep": [f"{LONG}1"]}]}]
    found = packets(events, models=models)
    whole, *parts = found
    assert len(signals(whole)) == 5
    assert all(len(name) <= MOST_CHARACTERS for name in signals(whole))
    assert {part.header.segment for part in parts} == {("tags.c", shortened(f"{LONG}{i}")) for i in range(2)}
    assert max(len(encode_packet(packet)) for packet in found) < 10_000
    assert packets(events, 1, models=models) == found


def test_features_called_like_ours_are_signals_of_their_own_however_batched() -> None:
    """Also where signals are left out, and where an embedding has signals whose names a feature could have."""
    names = (
        "prediction",
        "features.prediction",
        "features.features.prediction",
        "__anomaly__",
        "__pairwise__",
        "v[0]",
        "x",
    )
    rows = [{name: 10 * at + i % 3 for at, name in enumerate(names) if (i + at) % 4} for i in range(60)]
    events = [encode(event(i, START_MS, features={**row, "v": [1.0, i] * 8})) for i, row in enumerate(rows)]
    embedded = {"embeddings": [{"path": "features.v", "dimension": 16, "projections": 2}]}
    for most in (2000, 3):
        more = {"limits": {"signals_per_model": most}, "event": embedded}
        (found,) = packets(events, **more)
        assert packets(events, 1, **more) == packets(events, 7, **more) == [found]
    (found,) = packets(events)
    profiles = decode_group(found.payload).signals
    for at, name in enumerate(names):
        profile = profiles[name_of_feature(name)]
        assert (profile.least, profile.greatest) == (10 * at, 10 * at + 2)
    assert profiles["prediction"].least == 0.5
    assert not [name for name in profiles if name.startswith("__")]


def test_the_most_categories_that_may_be_told_apart_fit_a_message() -> None:
    """Their labels are as long as can be, of characters that JSON writes longest."""
    most = 16_384
    labels = [format(i, "080b").replace("0", "\x01").replace("1", "\x02") for i in range(most)]
    events = [encode(event(i, START_MS, features={"c": label})) for i, label in enumerate(labels)]
    sizes = [len(encode_packet(p)) for p in packets(events, 4000, limits={"categories": most})]
    assert max(sizes) > 7_000_000
    assert max(sizes) < 10 * 1024 * 1024 - 10_000
