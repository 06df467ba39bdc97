"""More signals than `limits.signals_per_model`: what is kept of a window is counted in full, however its events came to be in packets."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise, zip_longest
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from detectors.groups.group import least_hashed
from detectors.groups.wire import encode_group
from detectors.lenses.scorer import SIGNAL as ANOMALY
from detectors.profiles.profile import COARSE
from detectors.profiles.vocabulary import hash_of
from pipeline.ingest.segments import GroupSet, Part
from pipeline.monitor.collect import Collector, OpenWindow
from schemas.config import Config
from schemas.group import Group, Segment
from schemas.packet import SourcePartition
from schemas.window import Completeness
from tests.detectors import strategies as some
from tests.pipeline.events import START_MS, encode
from tests.pipeline.logs import Source

MOST = 4
COUNTRY = "tags.country"
NAMES = st.sets(st.sampled_from([f"f{i}" for i in range(9)]), max_size=5)
EVENTS = st.lists(st.tuples(st.sampled_from("AB"), NAMES, st.sampled_from(["DE", "FR"])), min_size=1, max_size=40)


def config(most: int = MOST) -> Config:
    return Config.from_mapping(
        {
            "limits": {"signals_per_model": most},
            "window": {"length": "10s", "allowed_lateness": "0s"},
            "kafka": {"block_size": 1000},
            "models": [{"name": "m", "segments": [COUNTRY]}],
        }
    )


def of(version: str, names: set[str], country: str) -> dict[str, Any]:
    return {
        "ts": START_MS + 5,
        "model": "m",
        "version": version,
        "features": dict.fromkeys(sorted(names), 1.0),
        "prediction": 0.5,
        "tags": {"country": country},
    }


def window_of(
    partitions: Sequence[Sequence[bytes]], cfg: Config, batch: int, condense: bool = False, closes: Config | None = None
) -> OpenWindow:
    """The one window of these partitions, read side by side and closed under the configuration `closes`."""
    sources = [Source(cfg, SourcePartition("events", i), len(partitions)) for i in range(len(partitions))]
    log = []
    for parts in zip_longest(*([p[at : at + batch] for at in range(0, len(p), batch)] for p in partitions)):
        for source, part in zip(sources, parts, strict=True):
            log += source.feed(part, [START_MS + 5] * len(part)) if part else []
            if condense:
                source._ingest._pending._condense()
    log += [message for source in sources for message in source.end()]
    collector = Collector(closes or cfg)
    for offset, message in enumerate(log):
        collector.take(message, offset)
    window = collector.close(START_MS)
    assert window.completeness is Completeness.COMPLETE
    return window


def bytes_of(window: OpenWindow) -> dict[Group, bytes]:
    return {group: encode_group(part.profile) for group, part in window.models["m"].in_order()}


def counts_of(window: OpenWindow) -> dict[Group, dict[str, int]]:
    return {g: {n: p.present for n, p in part.profile.signals.items()} for g, part in window.models["m"].in_order()}


def defined(events: Sequence[tuple[str, set[str], str]], most: int = MOST) -> dict[Group, dict[str, int]]:
    """By the definition: of the model's signals those with the least hashes, and each of them wherever it is."""
    kept = least_hashed({"prediction"}.union(*(names for _, names, _ in events)), most)
    found: dict[Group, Counter[str]] = {}
    for version, names, country in events:
        for segment in (None, Segment(COUNTRY, country)):
            counter = found.setdefault(Group("m", version, segment), Counter())
            counter.update(name for name in kept if name in names or name == "prediction")
    return {group: dict(counter) for group, counter in found.items()}


@given(EVENTS, st.data())
@settings(max_examples=60, deadline=None)
def test_what_is_kept_of_a_window_is_counted_in_full(events: list[Any], data: st.DataObject) -> None:
    """Whatever the order, the partitions and the batches, and where a packet is made in several steps."""
    encoded = [encode(of(*one)) for one in events]
    usual = window_of([encoded], config(), len(encoded))
    assert counts_of(usual) == defined(events)
    order = data.draw(st.permutations(encoded))
    cuts = sorted(data.draw(st.lists(st.integers(0, len(order)), max_size=3)))
    partitions = [order[start:stop] for start, stop in pairwise([0, *cuts, len(order)])]
    other = window_of(partitions, config(), data.draw(st.integers(1, 40)), condense=data.draw(st.booleans()))
    assert bytes_of(other) == bytes_of(usual)


def test_versions_with_features_of_their_own_lack_nothing_that_they_had() -> None:
    """Each version is within the limit, both are beyond it, and a block ends among the events of one."""
    a, b = ([encode(of(v, {f"{v}{k}" for k in range(3)}, "DE"))] * 600 for v in "AB")
    ways = [a + b], [b + a], [a, b], [a[:300], b + a[300:]]
    first, *others = (counts_of(window_of(partitions, config(), 250)) for partitions in ways)
    assert others == [first] * 3
    assert {n for names in first.values() for n in names.values()} == {600}


@pytest.mark.parametrize("most", [3, 6])
def test_the_limit_is_the_one_that_the_packets_were_made_under(most: int) -> None:
    """A worker that closes the window may have been started with another."""
    events = [(v, {f"{v}{k}" for k in range(4)}, "DE") for v in "AB" for _ in range(10)]
    encoded = [encode(of(*one)) for one in events]
    window = window_of([encoded[:10], encoded[10:]], config(), 7, closes=config(most))
    assert counts_of(window) == defined(events)


NAMED = sorted((f"f{i}" for i in range(40)), key=hash_of)


def scored(names: Sequence[str]) -> Part:
    row: dict[str, object] = {ANOMALY: 1.0} | dict.fromkeys(names, 1.0)
    return Part(some.group_of_rows([row], replace(COARSE, signals=3)), 0, 1)


@pytest.mark.parametrize("packed", [True, False])
def test_the_scores_of_events_take_no_signal_s_place_and_are_counted_in_full(packed: bool) -> None:
    """The first event has as many others as may be, with lesser hashes than the scores'; another version has yet lesser ones."""
    assert hash_of(NAMED[6]) < hash_of(ANOMALY)
    groups, version = GroupSet({}, packed), Group("m", "1")
    groups.add(version, scored(NAMED[3:6]))
    groups.add(version, scored([NAMED[3]]))
    groups.add(Group("m", "2"), scored(NAMED[1:4]))
    groups.settle()
    assert {
        group.version: {name: profile.present for name, profile in part.profile.signals.items()}
        for group, part in groups.in_order()
    } == {"1": {ANOMALY: 2, NAMED[3]: 2}, "2": {ANOMALY: 1} | dict.fromkeys(NAMED[1:4], 1)}
