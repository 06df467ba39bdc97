"""A worker: checks its ground, serves its HTTP port, and runs the Faust app until it is told to stop."""

import logging
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from pipeline.configuration.config_file import read_config
from pipeline.configuration.shelf import configured_baselines, frozen_of
from pipeline.connections.admin import Admin, Topic, source_topics
from pipeline.connections.rights import worker_rights
from pipeline.connections.topics import ingest_group, topic_specs
from pipeline.ingest.resume import decode_progress
from pipeline.ingest.shared import Ingest
from pipeline.serving.board import Board
from pipeline.serving.port import address_of, check_port, worker_port
from pipeline.worker.app import run_services
from pipeline.worker.reload import Reload
from schemas.config import Config
from schemas.duration import format_duration
from schemas.errors import BrokerError, ConfigError
from schemas.packet import SourcePartition

log = logging.getLogger("driftline")

# A turn of ingest may wait for the broker; where that takes longer than a consumer may be silent, the group lets go of it.
_TURN_WITHIN_S = {"the event loop": 30.0, "ingest": 300.0}


def run_worker(file: Path, *, ingest: bool, monitor: bool, version: str) -> None:
    """Runs a worker with the configuration in a file until SIGTERM or SIGINT; SIGHUP has it read anew. Raises ConfigError,
    InputError or BrokerError, in one line, where the ground is not as it should be."""
    config, base = read_config(file), file.parent
    baselines = configured_baselines(config, base)
    _prepare(config, ingest=ingest, monitor=monitor)
    reload = Reload(lambda: check_anew(file, config, ingest=ingest, monitor=monitor))
    board = Board()
    _expect(board, ingest=ingest, monitor=monitor)
    try:
        with _served(config, board, version):
            run_services(config, baselines, board, reload, ingest=ingest, monitor=monitor)
    except KeyboardInterrupt:  # of a SIGINT once the services have left
        reload.end()
        raise
    finally:
        reload.begin_again()


def check_anew(file: Path, old: Config, *, ingest: bool, monitor: bool) -> None:
    """Reads a configuration for a worker that runs with another, and makes of it what a start makes that leaves nothing
    behind but topics. Raises DriftlineError for whatever a start would end by."""
    new = read_config(file)
    if new.kafka.group == old.kafka.group:
        _refuse_change("kafka.prefix", old.kafka.prefix, new.kafka.prefix)
        _refuse_change("kafka.block_size", f"{old.kafka.block_size}", f"{new.kafka.block_size}")
        _refuse_change("window.length", *(format_duration(config.window.length_ms) for config in (old, new)))
    baselines = configured_baselines(new, file.parent)
    if ingest:
        Ingest(new, frozen_of(new, baselines))
    check_port(new.metrics, old.metrics)
    _prepare(new, ingest=ingest, monitor=monitor)


def _refuse_change(setting: str, old: str, new: str) -> None:
    """What this worker has not committed yet it commits when it leaves: so commits alone do not tell."""
    if new != old:
        raise ConfigError(
            f"{setting} cannot be changed for a group that has begun ({old} -> {new}); set it back to {old}, or change "
            "kafka.group and kafka.prefix with it"
        )


@contextmanager
def _served(config: Config, board: Board, version: str) -> Iterator[None]:
    if not config.metrics.port:
        yield
        return
    with worker_port(config, board, version) as server:
        log.info("page on %s/, metrics beside it at /metrics", address_of(server, config.metrics))
        yield


def _expect(board: Board, *, ingest: bool, monitor: bool) -> None:
    """What must turn, and what must be there, before the worker is well."""
    board.health.watch("the event loop", _TURN_WITHIN_S["the event loop"])
    if ingest:
        board.health.watch("ingest", _TURN_WITHIN_S["ingest"])
        board.health.waits("ingest", "no partitions have been assigned yet")
    if monitor:
        board.health.waits("monitor", "no partitions have been assigned yet")


def _prepare(config: Config, *, ingest: bool, monitor: bool) -> None:
    """Creates the topics that are missing and refuses those that are wrong, or that we may not use, and a group that has
    begun with other settings."""
    rights = worker_rights(config, ingest=ingest, monitor=monitor)
    with Admin(config) as admin:
        sources = source_topics(admin, config)
        specs = topic_specs(config)
        for name in admin.create(specs):
            log.info("created topic %s", name)
        faults = admin.lacking(rights) or admin.faults(specs)
        if faults:
            raise BrokerError("\n".join(faults))
        if ingest:
            _refuse_commits(admin, config, sources.values())


def _refuse_commits(admin: Admin, config: Config, topics: Iterable[Topic]) -> None:
    """Raises StateError where what the group has committed cannot be gone on with."""
    ids = {SourcePartition(topic.name, p): topic.topic_id for topic in topics for p in range(topic.partitions)}
    for source, committed in admin.committed(ingest_group(config), ids).items():
        decode_progress(committed.metadata, source, ids[source], config.kafka.block_size, config.window.length_ms)
