"""Names without end: what has a cap keeps to it, within memory, and says so."""

import subprocess
import sys
from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pipeline.ingest.partition import PartitionIngest
from pipeline.ingest.passage import Emission, Records
from pipeline.ingest.shared import Ingest
from schemas import codec
from schemas.config import Config
from schemas.group import OTHER
from schemas.model_config import SegmentConfig
from schemas.packet import SourcePartition, encode_packet
from tests.pipeline.events import START_MS, encode, event
from tests.pipeline.workers import DRIFTLINE, write_config

WINDOW_MS = 500_000
MOST_SEGMENTS = SegmentConfig(path="tags.country").most
MOST_RSS_BYTES = 350 << 20
# Of 500 signals of a hundred thousand, the others counted.
MOST_RSS_BYTES_OF_SIGNALS = 700 << 20
MOST_ADDRESS_BYTES = 3 << 29

# The peak is asked of a process between this one and the command: a process that begins counts the memory of the one
# it was forked from as its own peak, and this one holds what all tests before it have read.
_MEASURED = """
import resource, subprocess, sys
most, peak, command = int(sys.argv[1]), sys.argv[2], sys.argv[3:]
resource.setrlimit(resource.RLIMIT_AS, (most, most))
status = subprocess.call(command)
with open(peak, "w") as file:
    file.write(str(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss))
sys.exit(status)
"""

Document = dict[str, Any]


def _write(path: Path, n: int, of: Callable[[int], Document]) -> None:
    """`n` events over two windows."""
    with path.open("wb") as file:
        for i in range(n):
            ts = START_MS + i * 2 * WINDOW_MS // n
            file.write(codec.encode({"ts": ts, "model": "m", "version": "1", "features": {"x": i % 7}} | of(i)) + b"\n")


def _run(command: list[str], peak: Path, **streams: Any) -> tuple[int, int]:
    """The exit status of a command under the limit, and its peak of resident memory in bytes."""
    between = [sys.executable, "-c", _MEASURED, str(MOST_ADDRESS_BYTES), str(peak), *command]
    status = subprocess.call(between, **streams)
    return status, int(peak.read_text()) * 1024


def test_the_peak_is_of_the_command_alone(tmp_path: Path) -> None:
    ballast = b"x" * (256 << 20)
    _, small_bytes = _run([sys.executable, "-c", ""], tmp_path / "peak")
    _, large_bytes = _run([sys.executable, "-c", "b'x' * (128 << 20)"], tmp_path / "peak")
    assert small_bytes < 64 << 20 < large_bytes - small_bytes < len(ballast)


class Replayed:
    """What `driftline replay` made of a file under a limit of memory."""

    def __init__(self, folder: Path, n: int, of: Callable[[int], Document], **sections: Any) -> None:
        events, windows = folder / "events.ndjson", folder / "windows.ndjson"
        _write(events, n, of)
        window = {"length": f"{WINDOW_MS}ms", "allowed_lateness": "1s"}
        config = write_config(folder, "driftline.yaml", window=window, **sections)
        command = [*DRIFTLINE, "replay", "-c", str(config), str(events), "--windows", str(windows), "--quiet", "--json"]
        with (folder / "log").open("wb") as log, (folder / "summary").open("wb") as summary:
            status, self.rss_bytes = _run(command, folder / "peak", stdout=summary, stderr=log)
        events.unlink()
        assert status == 0, (folder / "log").read_text()[-2000:]
        counts = codec.decode((folder / "summary").read_bytes())["events"]
        self.counts = {what: n for what, n in counts.items() if n}
        self._windows = windows

    def records(self) -> Iterator[Document]:
        with self._windows.open("rb") as lines:
            yield from map(codec.decode, lines)


def names_without_end(folder: Path, n: int) -> None:
    """Each event has a segment and a category of its own."""
    models = [{"name": "m", "segments": ["tags.country"]}]
    replayed = Replayed(
        folder, n, lambda i: {"features": {"c": f"category {i}"}, "tags": {"country": f"land {i}"}}, models=models
    )
    assert replayed.rss_bytes < MOST_RSS_BYTES
    for start_ms in (START_MS, START_MS + WINDOW_MS):
        groups = {
            r["segment"][1] if "segment" in r else None: r for r in replayed.records() if r["start_ms"] == start_ms
        }
        whole = groups.pop(None)
        assert whole["events"] == n // 2
        assert len(groups) <= MOST_SEGMENTS + 1
        assert sum(record["events"] for record in groups.values()) == n // 2
        assert groups[OTHER]["events"] >= n // 2 - MOST_SEGMENTS
        assert [signal["present"] for signal in whole["signals"] if signal["name"] == "c"] == [n // 2]


def test_segments_and_categories_without_end_are_folded(tmp_path: Path) -> None:
    names_without_end(tmp_path, 20_000)


@pytest.mark.chaos
@pytest.mark.timeout(600)
def test_a_million_segments_and_categories_keep_to_their_memory(tmp_path: Path) -> None:
    names_without_end(tmp_path, 1_000_000)


def _sent(cuts: list[int]) -> list[bytes]:
    """The packets of events of two versions with three features each, of which three of six are kept, fed in batches."""
    limits, window = {"signals_per_model": 3}, {"length": "10m", "allowed_lateness": "0s"}
    shared = Ingest(Config.from_mapping({"limits": limits, "window": window}))
    documents = [_of_two_versions(i) for i in range(1200)] + [event(0, START_MS + 10_000_000)]
    values = [encode(document) for document in documents]
    ingest = PartitionIngest(shared, SourcePartition("events", 0), "id", 0)
    emissions: list[Emission] = []
    for start, stop in pairwise([0, *cuts, len(values)]):
        times = np.full(stop - start, START_MS + 10_000_000)
        emissions += ingest.feed(Records(np.arange(start, stop), times, values[start:stop])).emissions
    return [encode_packet(packet) for emission in emissions for packet in emission.packets]


def _of_two_versions(i: int) -> Document:
    version = "AB"[i // 600]
    return event(i, START_MS + i, version=version, features={f"{version}{k}": i for k in range(3)})


def test_signals_beyond_the_cap_are_counted_alike_however_events_are_batched() -> None:
    assert _sent([]) == _sent([600])


@pytest.mark.chaos
@pytest.mark.timeout(600)
def test_signals_without_end_keep_to_their_cap(tmp_path: Path) -> None:
    """A hundred thousand names of features."""
    n = 100_000
    replayed = Replayed(tmp_path, n, lambda i: {"features": {f"feature {i}": i}}, limits={"signals_per_model": 500})
    assert replayed.rss_bytes < MOST_RSS_BYTES_OF_SIGNALS
    for record in replayed.records():
        assert record["events"] == n // 2
        assert len(record["signals"]) <= 500


@pytest.mark.chaos
@pytest.mark.timeout(600)
@pytest.mark.parametrize(("name", "most"), [("model", 1_000), ("version", 100)])
def test_a_million_models_or_versions_keep_to_their_memory(tmp_path: Path, name: str, most: int) -> None:
    n = 1_000_000
    replayed = Replayed(tmp_path, n, lambda i: {name: f"name {i}"})
    assert replayed.rss_bytes < MOST_RSS_BYTES
    assert replayed.counts == {
        "profiled": 2 * most,
        "refused": n - 2 * most,
        f"refused: too_many_{name}s": n - 2 * most,
    }
    assert sum(record["events"] for record in replayed.records()) == 2 * most
