"""A worker: checks its ground, serves metrics, and runs the Faust app until it is told to stop."""

import logging
from pathlib import Path

from pipeline import metrics
from pipeline.admin import Admin, source_topics
from pipeline.app import run_services
from pipeline.board import Board
from pipeline.shelf import configured_baselines
from pipeline.topics import topic_specs
from schemas.config import Config
from schemas.errors import BrokerError

log = logging.getLogger("driftline")


def run_worker(config: Config, base: Path, *, ingest: bool, monitor: bool, log_level: str, version: str) -> None:
    """Runs a worker until SIGTERM or SIGINT. Raises BrokerError, in one line, where the ground is not as it should be."""
    logging.getLogger("driftline").setLevel(log_level.upper())
    baselines = configured_baselines(config, base)
    _prepare(config)
    board = Board()
    if config.metrics.port:
        port = metrics.serve(metrics.registry_of(board, version), config.metrics.host, config.metrics.port)
        log.info("metrics on http://%s:%d/metrics", config.metrics.host, port)
    run_services(config, baselines, board, ingest=ingest, monitor=monitor)


def _prepare(config: Config) -> None:
    """Creates the topics that are missing and refuses those that are wrong."""
    with Admin(config) as admin:
        source_topics(admin, config)
        specs = topic_specs(config)
        for name in admin.create(specs):
            log.info("created topic %s", name)
        faults = admin.faults(specs)
    if faults:
        raise BrokerError("\n".join(faults))
