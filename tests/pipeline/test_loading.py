"""What a monitor remembers of a partition is made beside the loop, and let go of where a rebalance comes meanwhile."""

import asyncio
import gc
import logging
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import faust
import pytest
from faust.events import Event
from faust.types import TP
from faust.types.tuples import Message

from pipeline.connections.admin import Admin
from pipeline.connections.topics import topic_specs
from pipeline.serving.board import Board
from pipeline.worker.monitor_shell import MonitorShell
from schemas.config import Config
from schemas.packet import Marker, encode_marker
from tests.kafka.choice import Kafka

MARKER = Marker(
    topic="events", topic_id="id", partition=0, position=5, watermark_ms=0, fingerprint="f", block_size=1000,
    sources={"events": 1}, generation=1,
)  # fmt: skip


class Loading:
    """A monitor on a real Kafka that is given the first message of a partition."""

    def __init__(self, kafka: Kafka, folder: Path, name: str) -> None:
        settings = {"bootstrap_servers": kafka.bootstrap_servers, "topics": ["events"], "group": name, "prefix": name}
        self.config = Config.from_mapping({"kafka": settings})
        self.acknowledged: list[Any] = []
        self._app = faust.App(
            name, broker="kafka://localhost:1", store="memory://", datadir=folder, topic_allow_declare=False
        )

    async def shell(self) -> MonitorShell:
        await asyncio.to_thread(self._create_topics)
        shell = MonitorShell(self._app, self.config, {}, Board())
        shell._show = lambda *_: None  # type: ignore[method-assign]  # it asks a consumer, and none has begun
        return shell

    async def take(self, shell: MonitorShell) -> None:
        tp = TP(self.config.kafka.profiles_topic, 0)
        value = encode_marker(MARKER)
        message = Message(tp.topic, 0, 0, 0.0, 0, [], None, value, None, tp=tp)
        await shell.take(SimpleNamespace(ack=self._ack), Event(self._app, None, value, {}, message))

    def _create_topics(self) -> None:
        with Admin(self.config) as admin:
            admin.create(topic_specs(self.config))

    async def _ack(self, event: Any) -> None:
        self.acknowledged.append(event)


async def test_it_is_made_in_a_thread_of_its_own(
    real_kafka: Kafka, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """The loop goes on with heartbeats: without them the partition is another's before it is loaded."""
    loading = Loading(real_kafka, tmp_path, "loading-beside")
    shell = await loading.shell()
    with caplog.at_level(logging.INFO, "driftline.monitor"):
        await loading.take(shell)
    [made] = [record for record in caplog.records if "groups remembered" in record.message]
    assert made.threadName is not None
    assert made.threadName.startswith("driftline-monitor")
    assert shell._owned[0].expected == 1
    gc.collect()  # what the client leaves open is told of here, and not in the test that comes next


async def test_what_is_loaded_in_a_rebalance_is_let_go_of(real_kafka: Kafka, tmp_path: Path) -> None:
    loading = Loading(real_kafka, tmp_path, "loading-lost")
    shell = await loading.shell()
    taking = asyncio.create_task(loading.take(shell))
    await asyncio.sleep(0)  # it asks the broker now
    shell.forget()
    await taking
    assert not shell._owned
    assert not loading.acknowledged
    await loading.take(shell)
    assert shell._owned[0].expected == 1
    gc.collect()


async def test_a_rebalance_while_what_is_useless_is_deleted_lets_go_of_it_too(
    real_kafka: Kafka, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    loading = Loading(real_kafka, tmp_path, "loading-late")
    shell = await loading.shell()

    async def forgotten(*_: object) -> None:
        shell.forget()

    monkeypatch.setattr(shell, "_delete", forgotten)
    await loading.take(shell)
    assert not shell._owned
    assert not loading.acknowledged
    gc.collect()
