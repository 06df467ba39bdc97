"""A rebalance in the middle of a closing: what is under way ends before its next step, and nothing of it is acknowledged."""

from collections.abc import Iterable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import faust
import pytest
from faust.events import Event
from faust.types import TP
from faust.types.tuples import Message

from pipeline.connections.topics import BASELINE_TABLE, STATE_TABLE
from pipeline.history.local import LocalIngest
from pipeline.monitor.partition_monitor import PartitionMonitor
from pipeline.monitor.standards.standards import Standards
from pipeline.serving.board import Board
from pipeline.worker import monitor_shell
from pipeline.worker.monitor_shell import MonitorShell, _Owned
from schemas.config import Config
from schemas.packet import Packet, encode_marker, encode_packet
from tests.pipeline.events import START_MS, encode, event

PROFILES = TP("driftline.profiles", 0)
CONFIG = Config.from_mapping(
    {
        "window": {"length": "10s", "allowed_lateness": "0s"},
        "models": [{"name": "m", "baseline": {"learn": {"windows": 2}}}],
    }
)


class Sends:
    """In place of the broker: counts steps that send, and has a rebalance come after one of them."""

    def __init__(self, shell: MonitorShell, last: int) -> None:
        self._shell = shell
        self._last = last
        self.made = 0
        self.acknowledged: list[Any] = []
        self.before: int | None = None

    async def __call__(self, sends: Iterable[Any]) -> None:
        for send in sends:
            send.close()
        self.made += 1
        if self.made == self._last:
            self.before = len(self.acknowledged)
            self._shell.forget()

    async def ack(self, event: Any) -> None:
        self.acknowledged.append(event)


async def closed(folder: Path, monkeypatch: pytest.MonkeyPatch, last: int) -> tuple[Sends, dict[bytes, bytes]]:
    """Has a monitor take what ingest sent of two windows, and a rebalance come after so many sends. The sends, and the
    table."""
    app = faust.App("test", broker="kafka://localhost:1", store="memory://", datadir=folder, topic_allow_declare=False)
    shell = MonitorShell(app, CONFIG, {}, Board())
    outdated: dict[str, dict[bytes, list[bytes]]] = {STATE_TABLE: {}, BASELINE_TABLE: {}}
    shell._owned[0] = _Owned(PartitionMonitor(CONFIG, Standards(CONFIG, {})), 1, 0, outdated=outdated)
    monkeypatch.setattr(shell, "_show", lambda *_: None)
    sends = Sends(shell, last)
    monkeypatch.setattr(monitor_shell, "_sent", sends)
    events = [encode(event(i, START_MS + i * 100)) for i in range(250)]
    for offset, sent in enumerate(LocalIngest(CONFIG).messages([events])):
        value = encode_packet(sent) if isinstance(sent, Packet) else encode_marker(sent)
        message = Message(PROFILES.topic, 0, offset, 0.0, 0, [], b"m", value, None, tp=PROFILES)
        await shell.take(SimpleNamespace(ack=sends.ack), Event(app, b"m", value, {}, message))
        if sends.made >= last:
            break
    return sends, dict(shell._tables[STATE_TABLE].data.items())


async def test_nothing_is_sent_or_kept_once_all_is_forgotten(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole, table = await closed(tmp_path, monkeypatch, 1000)
    assert whole.made >= 10
    assert whole.acknowledged
    sizes = []
    for last in range(1, whole.made + 1):
        sends, kept = await closed(tmp_path, monkeypatch, last)
        assert (sends.made, len(sends.acknowledged)) == (last, sends.before)
        sizes.append(len(kept))
    assert sizes == sorted(sizes)
    assert sizes[0] < len(table)
