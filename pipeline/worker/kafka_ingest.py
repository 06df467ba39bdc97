"""Ingest on Kafka: reads the source topics, sends packets and markers, commits what is accounted for.

For each emission, in this order, each step acknowledged: dead letters -> commit of what was sent before (a worker
whose partition has a new owner fails here) -> packets -> markers -> commit. A failure ends the worker; the next one
begins at the commit and sends the same bytes.

Profiling and writing packets can take seconds, so they are done in a thread: the loop goes on with heartbeats.
"""

import asyncio
import logging
import time
from collections.abc import Callable, Iterable, Sequence
from functools import partial

from aiokafka import AIOKafkaProducer, TopicPartition
from aiokafka.abc import ConsumerRebalanceListener
from aiokafka.errors import CommitFailedError, IllegalStateError, NoOffsetForPartitionError

from detectors.lenses.frozen import FrozenParts
from pipeline.connections.admin import Committed
from pipeline.connections.connection import aiokafka_settings
from pipeline.connections.kafka_consumer import AIOKafkaConsumer, Record, as_read, end_of, was_cancelled
from pipeline.connections.log_reader import Range
from pipeline.connections.topics import ingest_group
from pipeline.events.event_time import BEGINNING
from pipeline.ingest.dispatch import Dispatcher
from pipeline.ingest.partition import PartitionIngest
from pipeline.ingest.passage import Emission, Fed, Progress
from pipeline.ingest.resume import decode_progress, encode_progress
from pipeline.ingest.shared import Ingest
from pipeline.process.fault_points import reach
from pipeline.process.offload import Offload
from pipeline.serving.board import Board
from pipeline.worker.complaints import Complaints
from pipeline.worker.dead_letters import DeadLetters
from pipeline.worker.fetched import records_of
from pipeline.worker.idleness import Steps
from pipeline.worker.owned_source import OwnedSource
from pipeline.worker.source_start import start_of
from pipeline.worker.source_topics import SourceTopics
from schemas.config import Config
from schemas.errors import BrokerError
from schemas.packet import SourcePartition, encode_marker, encode_packet

log = logging.getLogger("driftline.ingest")

MOST_RECORDS = 4000
WINDOWS_AHEAD = 4
_POLL_MS = 200
_COMMIT_EVERY_S = 5.0
_LOOK_EVERY_S = 0.5
_MOST_BYTES = 10 * 1024 * 1024
_SESSION_MS = 10_000
_MOST_YIELD_S = 60.0


class KafkaIngest(ConsumerRebalanceListener):  # type: ignore[misc]  # aiokafka has no types
    """One worker's share of the source partitions. `clock` gives epoch seconds: it decides idleness and nothing else."""

    def __init__(
        self,
        config: Config,
        board: Board,
        clock: Callable[[], float] = time.time,
        frozen: FrozenParts | None = None,
    ) -> None:
        self._config = config
        self._board = board
        self._clock = clock
        self._shared = Ingest(config, frozen)
        self._with_headers = config.event.format != "json"
        self._with_keys = config.event.pairs is not None
        self._offload = Offload("driftline-ingest")
        self._owned: dict[TopicPartition, OwnedSource] = {}
        self._given_up: dict[TopicPartition, OwnedSource] = {}
        self._topics = SourceTopics(config)
        self._profiles_partitions = config.kafka.profiles_partitions
        self._lock = asyncio.Lock()
        self._ended = asyncio.Event()
        self._ended.set()
        self._running = True
        self._yielded_s: float | None = None
        self._looked_s = 0.0
        self._steps = Steps()
        self._failure: Exception | None = None
        connection = aiokafka_settings(config)
        self._consumer = AIOKafkaConsumer(
            **connection,
            group_id=ingest_group(config),
            enable_auto_commit=False,
            auto_offset_reset="none",
            max_partition_fetch_bytes=4 * 1024 * 1024,
            fetch_max_wait_ms=_POLL_MS,
            session_timeout_ms=_SESSION_MS,
            heartbeat_interval_ms=_SESSION_MS // 5,
            max_poll_interval_ms=300_000,
            metadata_max_age_ms=30_000,
            value_deserializer=as_read,
        )
        self._producer = AIOKafkaProducer(
            **connection, acks="all", enable_idempotence=True, max_request_size=_MOST_BYTES, linger_ms=5
        )
        self._complaints = Complaints()
        self._dead_letters = DeadLetters(
            config, self._producer, board, keeps_records=self._shared.privacy.keeps_records
        )

    async def run(self) -> None:
        """Reads until `stop`. Raises what Kafka raises: the worker is to end then."""
        self._ended.clear()
        try:
            await self._read()
        except asyncio.CancelledError as cancelled:
            if was_cancelled():
                raise
            raise BrokerError("a request to Kafka was dropped by its client") from cancelled  # it would end in silence
        finally:
            self._ended.set()

    async def _read(self) -> None:
        try:
            await self._offload(self._topics.find)
            await self._producer.start()
            self._consumer.subscribe(list(self._config.kafka.topics), listener=self)
            await self._consumer.start()
            while self._running:
                async with self._lock:
                    await self._turn_or_yield()
                self._board.health.turned("ingest")
                await asyncio.sleep(0)
        finally:
            await self._leave()

    async def stopped(self) -> None:
        """Waits until `run` has committed and left the group."""
        await self._ended.wait()

    def stop(self) -> None:
        """Ends `run` after the turn that is under way."""
        self._running = False

    async def on_partitions_revoked(self, revoked: Iterable[TopicPartition]) -> None:
        """Commits, so that the next owner reads on from there. What is given up is kept until it is known who that is. An
        error ends `run`: here it would only be logged."""
        async with self._lock:
            self._board.health.waits("ingest", "its partitions are being assigned anew")
            gone = {tp: self._owned.pop(tp) for tp in revoked if tp in self._owned}
            self._board.drop_sources(SourcePartition(tp.topic, tp.partition) for tp in self._owned)
            try:
                for tp, owned in gone.items():
                    await self._commit_or_leave(tp, owned)
                    self._given_up[tp] = owned
            except Exception as error:
                self._failure = error

    async def on_partitions_assigned(self, assigned: Iterable[TopicPartition]) -> None:
        """Takes up each partition where its last owner left it. An error ends `run`: here it would only be logged."""
        try:
            await self._take_up_all(assigned)
        except Exception as error:
            self._failure = error

    async def _take_up_all(self, assigned: Iterable[TopicPartition]) -> None:
        async with self._lock:
            self._board.rebalances["ingest"] += 1
            for owned in self._owned.values():
                owned.generation = self._generation()
            new = [tp for tp in assigned if tp not in self._owned]
            self._yielded_s = None
            sources = [SourcePartition(tp.topic, tp.partition) for tp in new]
            committed = await self._offload(self._topics.committed, sources)
            firsts = await self._consumer.beginning_offsets(new) if new else {}
            ends = await self._consumer.end_offsets(new) if new else {}
            for tp in new:
                bounds = int(firsts[tp]), int(ends[tp])
                await self._take_up(tp, committed.get(SourcePartition(tp.topic, tp.partition)), bounds)
            self._given_up.clear()
            self._board.health.is_ready("ingest")

    async def _take_up(self, tp: TopicPartition, committed: Committed | None, bounds: Range) -> None:
        source = SourcePartition(tp.topic, tp.partition)
        topic_id = self._topics.id_of(tp)
        resume, progress = self._beginning_of(tp, bounds), None
        if committed is not None:
            window_ms, block = self._config.window.length_ms, self._config.kafka.block_size
            told = committed.offset, decode_progress(committed.metadata, source, topic_id, block, window_ms)
            if self._taken_back(tp, topic_id, told, bounds[0]):
                return
            resume, progress, lost = start_of(source, *told, bounds)
            self._board.lost_events += lost
        self._consumer.seek(tp, resume)
        dispatcher = Dispatcher(self._config, source, topic_id, self._profiles_partitions, self._shared.fingerprint)
        self._owned[tp] = OwnedSource(
            PartitionIngest(self._shared, source, topic_id, resume, progress), dispatcher, topic_id, self._generation()
        )
        log.info("%s: reads from %d", source, resume)

    def _taken_back(self, tp: TopicPartition, topic_id: str, committed: tuple[int, Progress], first: int) -> bool:
        """Goes on with a partition that was given up in this rebalance and is given back, and that nobody has committed
        for in between: what is held of it need not be read again."""
        owned = self._given_up.get(tp)
        if owned is None or owned.sending or owned.topic_id != topic_id or owned.committed != committed:
            return False
        position = owned.ingest.progress.position
        if position < first:
            return False
        self._consumer.seek(tp, position)
        owned.generation = self._generation()
        owned.idleness.restart()
        self._owned[tp] = owned
        log.info("%s: reads on from %d", SourcePartition(tp.topic, tp.partition), position)
        return True

    def _beginning_of(self, tp: TopicPartition, bounds: Range) -> int:
        """Where a partition begins that nobody has committed for: one that its topic gained since this worker began is new
        from its first event on."""
        if self._config.kafka.start == "earliest" or self._topics.is_new(tp):
            return bounds[0]
        return bounds[1]

    async def _turn_or_yield(self) -> None:
        """A turn; where the group has moved on without this worker, everything is forgotten, and the rebalance that
        follows says what to read."""
        if self._failure is not None:
            raise self._failure
        if not self._owned and self._yielded_s is not None and time.monotonic() - self._yielded_s > _MOST_YIELD_S:
            raise BrokerError(
                f"the consumer group {ingest_group(self._config)} gave no partitions back for {_MOST_YIELD_S} s"
            )
        try:
            await self._turn()
        except (CommitFailedError, IllegalStateError) as error:
            log.warning("partitions have a new owner, this worker lets go of them: %s", error)
            self._owned.clear()
            self._board.drop_sources(())
            self._board.health.waits("ingest", "its partitions have a new owner, it waits for others")
            self._yielded_s = time.monotonic()

    async def _turn(self) -> None:
        for tp, owned in list(self._owned.items()):
            if not owned.begun:
                owned.begun = True
                await self._commit(tp, owned)  # else the next owner would not know where this one began
                await self._carry_out(tp, owned, owned.ingest.begin)
        self._pause_those_ahead()
        batches = await self._fetch()
        for tp, records in batches.items():
            mine = self._owned.get(tp)
            if mine is not None:
                await self._feed(tp, mine, records)
        if time.monotonic() - self._looked_s >= _LOOK_EVERY_S:
            await self._look_for_idle()
            self._looked_s = time.monotonic()
        for tp, owned in self._owned.items():
            self._show(tp, owned)
            if time.monotonic() - owned.committed_at_s > _COMMIT_EVERY_S:
                await self._commit(tp, owned)

    async def _fetch(self) -> dict[TopicPartition, list[Record]]:
        """The next records. In a rebalance `getmany` waits for the next assignment, however long it takes, and that
        waits for the lock that a turn holds: so the turn has to end."""
        fetch = self._consumer.getmany(timeout_ms=_POLL_MS, max_records=MOST_RECORDS)
        try:
            return dict(await asyncio.wait_for(fetch, 5 * _POLL_MS / 1000))
        except (TimeoutError, NoOffsetForPartitionError):  # the latter of one just assigned, and not taken up yet
            return {}
        except UnicodeDecodeError as error:
            places = ", ".join(
                f"{tp.topic}[{tp.partition}] from {o.ingest.progress.position}" for tp, o in self._owned.items()
            )
            raise BrokerError(
                f"a record has a header whose name is not UTF-8, which the client cannot read ({error}); it is among {places}: "
                "have it deleted with those before it, by kafka-delete-records, which is counted as lost"
            ) from error

    async def _feed(self, tp: TopicPartition, owned: OwnedSource, records: list[Record]) -> None:
        read = records_of(records, headers=self._with_headers, keys=self._with_keys)
        await self._carry_out(tp, owned, partial(owned.ingest.feed, read), records)

    async def _carry_out(
        self, tp: TopicPartition, owned: OwnedSource, act: Callable[[], Fed], records: Sequence[Record] = ()
    ) -> None:
        """Acts, and sends what comes of it. What fails half-way has let go of events that were not sent."""
        owned.sending = True
        fed = await self._offload(act)
        if fed.heard:
            owned.idleness.heard()
        self._board.fed(fed)
        self._complaints.note(fed)
        if fed.dead_letters:
            await self._dead_letters.send(tp, fed.dead_letters, records)
            reach("ingest.dead_letters")
        for emission in fed.emissions:
            await self._send(tp, owned, emission)
        owned.sending = False
        if fed.emissions:
            await self._commit(tp, owned)
            reach("ingest.committed")

    async def _send(self, tp: TopicPartition, owned: OwnedSource, emission: Emission) -> None:
        started_s = time.monotonic()
        if time.monotonic() - owned.committed_at_s > _SESSION_MS / 3000:
            await self._fence(tp, owned)
        reach("ingest.fenced")
        topic = self._config.kafka.profiles_topic
        packets = [(i, p.header.model, encode_packet(p)) for i, p in owned.dispatcher.packets(emission)]
        await asyncio.gather(*[await self._producer.send(topic, v, m.encode(), partition=i) for i, m, v in packets])
        reach("ingest.packets")
        markers = owned.dispatcher.markers(emission, self._topics.partitions(), owned.generation)
        await asyncio.gather(*[await self._producer.send(topic, encode_marker(m), partition=i) for i, m in markers])
        reach("ingest.markers")
        self._board.flushes.observe(time.monotonic() - started_s)
        self._board.emissions += 1
        self._board.packet_bytes += sum(len(value) for _, _, value in packets)

    async def _fence(self, tp: TopicPartition, owned: OwnedSource) -> None:
        """Commits again what is committed: it fails where the partition has a new owner."""
        if owned.committed is not None:
            await self._write(tp, owned, *owned.committed)

    async def _commit(self, tp: TopicPartition, owned: OwnedSource) -> None:
        """Commits the resume offset, and how far the partition is accounted for. Not while it is being read again, nor
        what was not sent."""
        if not owned.ingest.restoring and not owned.sending:
            await self._write(tp, owned, *owned.ingest.checkpoint())

    async def _commit_or_leave(self, tp: TopicPartition, owned: OwnedSource) -> None:
        try:
            await self._commit(tp, owned)
        except (CommitFailedError, IllegalStateError) as error:
            log.info("%s: left without a last commit: %s", tp, error)

    async def _write(self, tp: TopicPartition, owned: OwnedSource, resume: int, progress: Progress) -> None:
        if self._generation() != owned.generation:  # one that was put out has none, and into an empty group may commit
            raise CommitFailedError(f"{tp}: the group has moved on from generation {owned.generation}")
        block, window_ms = self._config.kafka.block_size, self._config.window.length_ms
        await self._consumer.commit({tp: (resume, encode_progress(progress, owned.topic_id, block, window_ms))})
        owned.committed, owned.committed_at_s = (resume, progress), time.monotonic()

    async def _look_for_idle(self) -> None:
        """Lets time pass on partitions that have had no event for long enough. The one use of the clock.

        A partition never filled has nothing to hold up while the others are empty too, so it is not idle then: its
        claim would be today's, and make late whatever history is put into the topic next.
        """
        if not self._owned:
            return
        now_s = self._clock()
        if self._steps.stepped(now_s, time.monotonic()):
            log.warning("the clock of this machine has stepped: idle partitions are waited for anew")
            for owned in self._owned.values():
                owned.idleness.restart()
        ends = await self._consumer.end_offsets(self._topics.all())
        filled = any(ends.values())
        for tp, owned in list(self._owned.items()):
            unheard = owned.ingest.progress.watermark_ms == BEGINNING and not filled
            if unheard or owned.ingest.restoring:
                owned.idleness.restart()
                continue
            position = await self._consumer.position(tp)
            idle_s = owned.idleness.look(position, ends[tp], now_s, self._config.window.idle_timeout_ms / 1000)
            if idle_s is not None:
                await self._claim(tp, owned, int(idle_s * 1000))

    async def _claim(self, tp: TopicPartition, owned: OwnedSource, now_ms: int) -> None:
        claimed = owned.ingest.claim(now_ms)
        if claimed is None:
            return
        await self._write(tp, owned, *owned.ingest.checkpoint(claimed))
        reach("ingest.claimed")
        await self._carry_out(tp, owned, partial(owned.ingest.advance, claimed))

    def _pause_those_ahead(self) -> None:
        """Pauses partitions that are windows ahead of the slowest, so that catching up keeps few windows open."""
        marks = {tp: o.ingest.progress.watermark_ms for tp, o in self._owned.items()}
        heard = [mark for tp, mark in marks.items() if mark != BEGINNING and self._owned[tp].idleness.since_s is None]
        limit = min(heard, default=0) + WINDOWS_AHEAD * self._config.window.length_ms
        ahead = {tp for tp, mark in marks.items() if heard and mark > limit}
        paused = self._consumer.paused()
        self._consumer.pause(*(ahead - paused))
        self._consumer.resume(*((paused & set(self._owned)) - ahead))

    def _show(self, tp: TopicPartition, owned: OwnedSource) -> None:
        source = SourcePartition(tp.topic, tp.partition)
        self._board.sources[source] = owned.status(end_of(self._consumer, tp))

    def _generation(self) -> int:
        return int(self._consumer._coordinator.generation)  # aiokafka has no public name for it

    async def _leave(self) -> None:
        try:
            async with self._lock:
                for tp, owned in self._owned.items():
                    await self._commit_or_leave(tp, owned)
                self._owned.clear()
        finally:
            await self._consumer.stop()
            await self._producer.stop()
