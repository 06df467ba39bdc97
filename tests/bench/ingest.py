"""Ingest as a worker runs it, on Kafka: events in, packets and markers out, offsets committed.

Measured from the assignment of the partitions until every event is profiled, sent and acknowledged. Starting up,
joining the group and creating topics come before.
"""

import asyncio
from collections.abc import Iterable

from aiokafka import TopicPartition

from detectors.lenses.frozen import FrozenParts
from pipeline.connections.admin import Admin
from pipeline.connections.topics import topic_specs
from pipeline.process.garbage import expect_batches
from pipeline.serving.board import Board
from pipeline.worker.kafka_ingest import KafkaIngest
from schemas.config import Config
from tests.bench.events import MIXES, model_names
from tests.bench.seen import frozen_from
from tests.bench.stopwatch import Stopwatch
from tests.bench.work import Measured, Work

_LOOK_EVERY_S = 0.01


class MeasuredIngest(KafkaIngest):
    """Starts its watch once it has been assigned partitions and has taken them up."""

    def __init__(self, config: Config, board: Board, frozen: FrozenParts, profile: bool) -> None:
        super().__init__(config, board, frozen=frozen)
        self._profile = profile
        self.watch: Stopwatch | None = None

    async def on_partitions_assigned(self, assigned: Iterable[TopicPartition]) -> None:
        await super().on_partitions_assigned(assigned)
        if self.watch is None:
            self.watch = Stopwatch(self._profile)


def measure(work: Work) -> Measured:
    return _measure(work, "clean")


def measure_seen(work: Work) -> Measured:
    """Seen through a lens and a scorer, as events are of models whose baselines have them."""
    return _measure(work, "clean", seen=True)


def measure_messy(work: Work) -> Measured:
    return _measure(work, "messy")


def _measure(work: Work, mix: str, *, seen: bool = False) -> Measured:
    topic = work.topic_of(mix)
    kafka = {"bootstrap_servers": work.servers, "topics": [topic], "group": work.run, "prefix": work.run}
    config = Config.from_mapping({"kafka": kafka})
    with Admin(config) as admin:
        admin.create(topic_specs(config))
    frozen = frozen_from(config, model_names(MIXES[mix])[0], work.values(mix)) if seen else {}
    expect_batches()
    return asyncio.run(_run(config, work, frozen, exact=mix == "clean"))


async def _run(config: Config, work: Work, frozen: FrozenParts, exact: bool) -> Measured:
    board = Board()
    ingest = MeasuredIngest(config, board, frozen, work.profile)
    running = asyncio.create_task(ingest.run())
    while _accounted(board) < work.events:
        ended, _ = await asyncio.wait([running], timeout=_LOOK_EVERY_S)
        for task in ended:
            task.result()
    assert ingest.watch is not None
    measured = ingest.watch.stop(work.events)
    ingest.stop()
    await running
    if board.events.total() != work.events or (exact and board.events["profiled"] != work.events):
        raise RuntimeError(f"{work.events} events read, {dict(board.events)}")
    return measured


def _accounted(board: Board) -> int:
    """Events whose emissions have been sent and committed."""
    return sum(source.position for source in board.sources.values())
