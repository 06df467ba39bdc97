"""A worker: checks its ground, serves its HTTP port, and runs the Faust app until it is told to stop."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pipeline.configuration.config_file import read_config
from pipeline.configuration.shelf import configured_baselines
from pipeline.connections.admin import Admin, source_topics
from pipeline.connections.rights import Right, worker_rights
from pipeline.connections.topics import topic_specs
from pipeline.serving.board import Board
from pipeline.serving.port import worker_port
from pipeline.worker.app import run_services
from pipeline.worker.reload import Reload
from schemas.config import Config
from schemas.errors import BrokerError, ConfigError

log = logging.getLogger("driftline")

# A turn of ingest may wait for the broker; where that takes longer than a consumer may be silent, the group lets go of it.
_TURN_WITHIN_S = {"the event loop": 30.0, "ingest": 300.0}


def run_worker(file: Path, *, ingest: bool, monitor: bool, version: str) -> None:
    """Runs a worker with the configuration in a file until SIGTERM or SIGINT; SIGHUP has it read anew. Raises ConfigError,
    InputError or BrokerError, in one line, where the ground is not as it should be."""
    config, base = read_config(file), file.parent
    baselines = configured_baselines(config, base)
    _prepare(config, worker_rights(config, ingest=ingest, monitor=monitor))
    reload = Reload(lambda: _check_anew(file, config, ingest=ingest, monitor=monitor))
    board = Board()
    _expect(board, ingest=ingest, monitor=monitor)
    try:
        with _served(config, board, version):
            run_services(config, baselines, board, reload, ingest=ingest, monitor=monitor)
    finally:
        reload.begin_again()


def _check_anew(file: Path, old: Config, *, ingest: bool, monitor: bool) -> None:
    new = read_config(file)
    if new.kafka.block_size != old.kafka.block_size:
        raise ConfigError(
            f"kafka.block_size cannot be changed for a group that has begun; it is {old.kafka.block_size}"
        )
    configured_baselines(new, file.parent)
    _prepare(new, worker_rights(new, ingest=ingest, monitor=monitor))


@contextmanager
def _served(config: Config, board: Board, version: str) -> Iterator[None]:
    if not config.metrics.port:
        yield
        return
    with worker_port(config, board, version) as server:
        scheme = "http" if config.metrics.tls is None else "https"
        log.info("page on %s://%s:%d/, metrics beside it at /metrics", scheme, config.metrics.host, server.port)
        yield


def _expect(board: Board, *, ingest: bool, monitor: bool) -> None:
    """What must turn, and what must be there, before the worker is well."""
    board.health.watch("the event loop", _TURN_WITHIN_S["the event loop"])
    if ingest:
        board.health.watch("ingest", _TURN_WITHIN_S["ingest"])
        board.health.waits("ingest", "no partitions have been assigned yet")
    if monitor:
        board.health.waits("monitor", "no partitions have been assigned yet")


def _prepare(config: Config, rights: list[Right]) -> None:
    """Creates the topics that are missing and refuses those that are wrong, or that we may not use."""
    with Admin(config) as admin:
        source_topics(admin, config)
        specs = topic_specs(config)
        for name in admin.create(specs):
            log.info("created topic %s", name)
        faults = admin.lacking(rights) or admin.faults(specs)
    if faults:
        raise BrokerError("\n".join(faults))
