"""The Faust worker: ingest as a service, the monitor as an agent with tables.

An exception in an agent acknowledges the message and restarts the agent, so everything is caught and ends the worker
instead.
"""

import asyncio
import logging
from collections.abc import Iterable, Mapping
from io import StringIO
from tempfile import TemporaryDirectory
from typing import Any, NoReturn

import faust
from faust.types import TP
from mode import Service
from mode import Worker as ModeWorker

from detectors.baselines.baseline import Baseline
from pipeline.configuration.shelf import frozen_of
from pipeline.connections.faust_connection import faust_settings
from pipeline.connections.topics import monitor_group
from pipeline.serving.board import Board
from pipeline.worker.kafka_ingest import KafkaIngest
from pipeline.worker.leaving import Punctual, log_end
from pipeline.worker.monitor_shell import MonitorShell
from pipeline.worker.reload import Reload
from schemas.config import Config

log = logging.getLogger("driftline.monitor")

_MOST_BYTES = 10 * 1024 * 1024
_SESSION_S = 10.0
_BEAT_S = 1.0
# A broker that has just started may not know its topics yet: a group that is assigned then is given nothing, and only newer
# metadata has it assigned again.
_METADATA_S = 5.0


class _FaustWorker(Punctual, faust.Worker):
    """A worker with the monitor."""


class _PlainWorker(Punctual, ModeWorker):
    """A worker with ingest alone."""


def run_services(
    config: Config, baselines: Mapping[str, Baseline], board: Board, reload: Reload, *, ingest: bool, monitor: bool
) -> NoReturn:
    """Runs a worker with ingest, the monitor or both, until SIGTERM or SIGINT, or SIGHUP with a configuration that is right;
    then, or after an error, exits."""
    # Whatever ends the worker is logged; its own traceback on the error stream would say it twice.
    quiet: dict[str, Any] = {"quiet": True, "redirect_stdouts": False, "override_logging": False, "stderr": StringIO()}
    with TemporaryDirectory(prefix="driftline-") as folder:  # Faust makes one, and the memory store leaves it empty
        if monitor:
            app = create_app(config, baselines, board, folder, ingest=ingest)
            worker: ModeWorker = _FaustWorker(app, **quiet)
            worker.spinner = None  # type: ignore[attr-defined]  # it draws on files, too
        else:
            worker = _PlainWorker(_ingest_service(config, baselines, board)(), _pulse_service(board)(), **quiet)
        worker.reload = reload  # type: ignore[attr-defined]  # of what is mixed in
        worker.execute_from_commandline()


def create_app(
    config: Config, baselines: Mapping[str, Baseline], board: Board, folder: str, *, ingest: bool
) -> faust.App:
    """The Faust app of a worker that monitors, and reads events, too, where `ingest` says so. Faust may write to
    `folder`."""
    app = faust.App(
        monitor_group(config),
        **faust_settings(config),
        store="memory://",
        datadir=folder,
        topic_allow_declare=False,
        topic_disable_leader=True,
        topic_partitions=config.kafka.profiles_partitions,
        topic_replication_factor=config.kafka.replication_factor,
        table_standby_replicas=0,
        web_enabled=False,
        web_tables_enabled=False,
        broker_commit_interval=1.0,
        broker_session_timeout=_SESSION_S,
        broker_heartbeat_interval=_SESSION_S / 5,
        broker_rebalance_timeout=30.0,
        producer_acks=-1,
        producer_max_request_size=_MOST_BYTES,
        consumer_max_fetch_size=_MOST_BYTES,
        consumer_metadata_max_age_ms=int(_METADATA_S * 1000),
        worker_redirect_stdouts=False,
        stream_wait_empty=False,
    )
    _add_monitor(app, MonitorShell(app, config, baselines, board), board)
    if ingest:
        app.service(_ingest_service(config, baselines, board))
    app.service(_pulse_service(board))
    return app


def _add_monitor(app: faust.App, shell: MonitorShell, board: Board) -> None:
    given: set[int] = set()
    showing: set[asyncio.Task[None]] = set()

    async def revoked(sender: Any, *partitions: Any, **_: Any) -> None:
        board.health.waits("monitor", "its partitions are being assigned anew")
        for task in showing:
            task.cancel()
        shell.forget()

    async def assigned(sender: Any, partitions: Iterable[TP], **_: Any) -> None:
        board.rebalances["monitor"] += 1
        board.health.waits("monitor", "it is loading what it remembers")
        shell.forget()
        shell.show_only(partitions)
        given.clear()
        given.update(tp.partition for tp in partitions if tp.topic == shell.profiles.get_topic_name())

    async def loaded(sender: Any, **_: Any) -> None:
        board.health.is_ready("monitor")
        task = asyncio.create_task(shell.show_last_windows(sorted(given)))
        showing.add(task)
        task.add_done_callback(showing.discard)

    app.on_rebalance_complete.connect(loaded)  # type: ignore[arg-type]  # called with the sender alone
    app.on_partitions_revoked.connect(revoked)  # type: ignore[arg-type]  # called with the partitions by position
    app.on_partitions_assigned.connect(assigned)  # type: ignore[arg-type]  # called with the partitions by position

    @app.agent(shell.profiles, concurrency=1, name="monitor")
    async def monitor(stream: Any) -> None:
        async for event in stream.noack().events():
            try:
                await shell.take(stream, event)
            except Exception as error:
                await _end(app, error)


def _ingest_service(config: Config, baselines: Mapping[str, Baseline], board: Board) -> type[Service]:
    """Ingest in the life cycle of a worker: its error ends the worker."""

    class Ingest(Service):
        async def on_start(self) -> None:
            self.kafka = KafkaIngest(config, board, frozen=frozen_of(config, baselines))

        @Service.task
        async def read(self) -> None:
            try:
                await self.kafka.run()
            except Exception as error:
                log_end(error)
                await self.crash(error)

        async def on_stop(self) -> None:
            self.kafka.stop()
            await self.kafka.stopped()

    return Ingest


def _pulse_service(board: Board) -> type[Service]:
    """Says that the loop turns, which everything else shares."""

    class Pulse(Service):
        @Service.task
        async def beat(self) -> None:
            while not self.should_stop:
                board.health.turned("the event loop")
                await self.sleep(_BEAT_S)

    return Pulse


async def _end(app: faust.App, error: Exception) -> None:
    """Ends the worker: what it was about to do, the next one does again from what is recorded."""
    log_end(error)
    await app.crash(error)
    await asyncio.Event().wait()
