"""Names without end: a window takes as many as it has room for, the same ones however it is read."""

from itertools import pairwise
from typing import Any

import numpy as np
import pytest

from pipeline.ingest.partition import PartitionIngest
from pipeline.ingest.passage import Records
from pipeline.ingest.shared import Ingest
from schemas.config import Config
from schemas.event import Refusal
from schemas.packet import SourcePartition, encode_packet
from tests.pipeline.events import START_MS, encode, event

WINDOW_MS = 600_000
LIMITS = {"models": 3, "versions_per_model": 2}


def config(**sections: Any) -> Config:
    return Config.from_mapping({"limits": LIMITS, "window": {"length": "10m", "allowed_lateness": "0s"}} | sections)


def values(names: list[tuple[str, str]]) -> list[bytes]:
    """Events of these models and versions, half of them in each of two windows, and one that seals both."""
    at = [START_MS + i * 2 * WINDOW_MS // len(names) for i in range(len(names))]
    found = [encode(event(i, ts, model=m, version=v)) for i, (ts, (m, v)) in enumerate(zip(at, names, strict=True))]
    return [*found, encode(event(0, START_MS + 10 * WINDOW_MS))]


class Read:
    """What a partition made of events fed in batches that end at `cuts`; at `dies` a worker takes over."""

    def __init__(self, some: list[bytes], cuts: list[int], dies: int | None = None, **sections: Any) -> None:
        self._shared = Ingest(config(**sections))
        self.packets: list[bytes] = []
        self.refused: list[tuple[int, Refusal]] = []
        self.profiled = 0
        ingest = PartitionIngest(self._shared, SourcePartition("events", 0), "id", 0)
        for start, stop in pairwise([0, *cuts, len(some)]):
            self._feed(ingest, some, start, stop)
            if stop == dies:
                at, accounted = ingest.resume, ingest.progress
                ingest = PartitionIngest(self._shared, SourcePartition("events", 0), "id", at, accounted)
                self._feed(ingest, some, at, stop)

    def _feed(self, ingest: PartitionIngest, some: list[bytes], start: int, stop: int) -> None:
        times = np.full(stop - start, START_MS + 10 * WINDOW_MS)
        fed = ingest.feed(Records(np.arange(start, stop), times, some[start:stop]))
        self.packets += [encode_packet(packet) for emission in fed.emissions for packet in emission.packets]
        self.refused += [(letter.offset, letter.reason) for letter in fed.dead_letters]
        self.profiled += fed.profiled


def test_models_that_come_first_are_taken_and_further_ones_refused() -> None:
    read = Read(values([("a", ""), ("b", ""), ("c", ""), ("d", ""), ("a", ""), ("e", "")] * 2), [])
    assert read.refused == [(at, Refusal.TOO_MANY_MODELS) for at in (3, 5, 9, 11)]
    assert read.profiled == 13 - 4


def test_versions_beyond_those_of_a_model_are_refused() -> None:
    read = Read(values([("a", "1"), ("a", "2"), ("a", "3"), ("b", "3")]), [], window={"length": "1h"})
    assert read.refused == [(2, Refusal.TOO_MANY_VERSIONS)]


def test_models_that_are_named_are_never_too_many() -> None:
    models = [{"name": name} for name in "abcde"]
    assert not Read(values([(name, "") for name in "abcde" * 2]), [], models=models).refused


@pytest.mark.parametrize("cuts", [[1], [7, 8, 9], list(range(1, 40)), [20], [39]])
def test_the_same_names_are_taken_however_events_are_batched_and_whoever_reads_on(cuts: list[int]) -> None:
    dice = np.random.default_rng(7)
    names = [(f"m{a}", f"{b}") for a, b in dice.integers(0, 5, (40, 2)).tolist()]
    whole, split = Read(values(names), []), Read(values(names), cuts)
    taken_over = Read(values(names), cuts, dies=cuts[-1])
    assert len(whole.refused) > 5
    assert (split.packets, split.refused, split.profiled) == (whole.packets, whole.refused, whole.profiled)
    assert (taken_over.packets, taken_over.refused) == (whole.packets, whole.refused)
