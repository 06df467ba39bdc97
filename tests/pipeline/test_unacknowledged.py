"""Messages that wait for their window to close hold no bytes: what they said is folded in."""

from pathlib import Path
from types import SimpleNamespace

import faust
import pytest
from faust.events import Event
from faust.types import TP
from faust.types.tuples import Message

from pipeline.history.local import LocalIngest
from pipeline.monitor.partition_monitor import PartitionMonitor
from pipeline.monitor.standards.standards import Standards
from pipeline.serving.board import Board
from pipeline.worker.monitor_shell import MonitorShell, _Owned
from schemas.config import Config
from schemas.packet import Packet, encode_packet
from tests.pipeline.events import START_MS, encode, event

PROFILES = TP("driftline.profiles", 0)


async def test_a_message_that_is_folded_in_holds_no_bytes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The packets of a window whose marker has not come, so that none may be acknowledged."""
    config = Config.from_mapping({"window": {"length": "1h"}, "models": [{"name": "m"}]})
    app = faust.App(
        "test", broker="kafka://localhost:1", store="memory://", datadir=tmp_path, topic_allow_declare=False
    )
    shell = MonitorShell(app, config, {}, Board())
    owned = shell._owned[0] = _Owned(PartitionMonitor(config, Standards(config, {})), 1, 0)
    monkeypatch.setattr(shell, "_show", lambda *_: None)
    events = [encode(event(i, START_MS + i)) for i in range(100)]
    sent = [m for m in LocalIngest(config).messages([events]) if isinstance(m, Packet)]
    assert sent
    for offset, packet in enumerate(sent):
        value = encode_packet(packet)
        message = Message(PROFILES.topic, 0, offset, 0.0, 0, [], b"m", value, None, tp=PROFILES)
        await shell.take(SimpleNamespace(), Event(app, b"m", value, {}, message))
    assert len(owned.unacknowledged) == len(sent)
    assert all(one.value is None and one.message.value is None for one in owned.unacknowledged)
    assert owned.expected == len(sent)
