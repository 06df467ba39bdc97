"""One run of driftline on Kafka under faults: its topics, its workers, and what they must come to."""

import asyncio
import logging
import os
import signal
import time
from collections import Counter
from collections.abc import Callable, Collection, Iterable
from contextlib import closing, suppress
from itertools import islice
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from aiokafka import AIOKafkaProducer
from kafka import KafkaAdminClient
from kafka.admin import ConfigResource, ConfigResourceType, MemberToRemove
from kafka.errors import CoordinatorNotAvailableError

from pipeline.connections.topics import ingest_group, monitor_group
from schemas.config import Config
from tests.chaos.events import LEARNED, MODELS, WINDOW_S
from tests.chaos.oracle import Outcome, assert_exact, found, records_of
from tests.pipeline.workers import Worker, create_topic, read_topic

_AT_ONCE = 10_000
_TOLD = 6000  # characters of a log, after a failure

# It warns that it cannot read what the members of Faust's groups say of themselves.
logging.getLogger("kafka.admin").setLevel(logging.ERROR)


def settings(servers: str, name: str, **kafka: Any) -> dict[str, Any]:
    """Small blocks, so that there is much to go wrong; no idleness, so that the clock decides nothing; alerts that
    come and go with the drift of `tests.chaos.events`."""
    return {
        "kafka": {
            "bootstrap_servers": servers,
            "topics": [f"{name}.events"],
            "group": name,
            "prefix": name,
            "profiles_partitions": 2,
            "block_size": 2000,
            **kafka,
        },
        "window": {"length": f"{WINDOW_S}s", "allowed_lateness": "1s", "idle_timeout": "1h"},
        "models": [
            {"name": model, "baseline": {"learn": {"windows": LEARNED}}, "segments": ["tags.country"]}
            for model in MODELS
        ],
        "detection": {"resolve_after": 1},
    }


class Run:
    """As a context manager it ends all its workers on exit, and after a failure says what they last logged."""

    def __init__(self, folder: Path, raw: dict[str, Any], partitions: int, through: str | None = None) -> None:
        """Creates the source topic. The workers reach the broker at the address `through`, where one is given."""
        self.config = Config.from_mapping(raw)
        self.partitions = partitions
        self.servers = ",".join(self.config.kafka.bootstrap_servers)
        self.workers: dict[str, Worker] = {}
        self._raw = raw if through is None else {**raw, "kafka": {**raw["kafka"], "bootstrap_servers": through}}
        self._folder = folder
        self._sent = 0
        create_topic(self.servers, self.topic, partitions)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for name, worker in self.workers.items():
            if error is not None:
                print(f"The log of {name} ends with\n{worker.log[-_TOLD:]}")
            if worker.alive:
                worker.kill()

    @property
    def topic(self) -> str:
        return self.config.kafka.topics[0]

    def worker(self, name: str, *arguments: str) -> Worker:
        """A worker of this run, not started yet."""
        worker = self.workers[name] = Worker(self._folder, f"{self.config.kafka.group}-{name}", self._raw, *arguments)
        return worker

    def half(self, which: str, name: str = "") -> Worker:
        """A worker with `ingest` or `monitor` alone."""
        return self.worker(f"{which}{name}", "--only", which)

    async def send(self, values: Iterable[bytes], to: Collection[int] = ()) -> None:
        """Sends values to the partitions in turn, in order; or each to all of those named."""
        producer = AIOKafkaProducer(bootstrap_servers=self.servers, acks="all", linger_ms=20, max_batch_size=1 << 18)
        await producer.start()
        try:
            rest = iter(values)
            while some := list(islice(rest, _AT_ONCE)):
                places = [(place, value) for value in some for place in to or self._next()]
                for sent in [await producer.send(self.topic, value, partition=place) for place, value in places]:
                    await sent
        finally:
            await producer.stop()

    def _next(self) -> list[int]:
        self._sent += 1
        return [(self._sent - 1) % self.partitions]

    async def end(self, tick: bytes) -> None:
        """Sends a tick to every partition."""
        await self.send([tick], range(self.partitions))

    async def killed(self, worker: Worker, point: str, count: int = 1, patience_s: float = 150) -> None:
        """Starts a worker that is killed when it reaches `point` for the `count`-th time, and waits until it was."""
        self.arm(worker, point, count)
        await self.fallen(worker, patience_s)

    def arm(self, worker: Worker, point: str, count: int, what: str = "KILL") -> None:
        """Starts a worker that gets the signal when it reaches `point` for the `count`-th time."""
        worker.start(DRIFTLINE_FAULT_POINT=f"{point}:{count}:{what}")

    async def fallen(self, worker: Worker, patience_s: float = 150) -> None:
        """Waits until a worker has reached the point where it is killed."""
        await self.wait("the fault point is reached", lambda: not worker.alive, patience_s)
        assert worker.stop() == -signal.SIGKILL, f"the worker ended otherwise\n{worker.log[-3000:]}"

    async def wait(self, what: str, met: Callable[[], Any], patience_s: float = 120) -> None:
        """Waits until `met()`, which may take its time, is true."""
        deadline = time.monotonic() + patience_s
        while not await asyncio.to_thread(met):
            assert time.monotonic() < deadline, f"after {patience_s} s still not: {what}"
            await asyncio.sleep(0.3)

    def evict(self, which: str) -> None:
        """Takes all members of `ingest` or `monitor` out of their group, so that the next need not wait until the
        sessions of killed ones have ended. Who is alive joins again."""
        with closing(KafkaAdminClient(bootstrap_servers=self.servers)) as admin:
            members = [MemberToRemove(member_id=m["member_id"]) for m in self._state(admin, which)["members"]]
            if members:
                admin.remove_group_members(self._group(which), members)

    def joined(self, which: str, members: int) -> bool:
        """Whether so many workers have divided `ingest` or `monitor` between them."""
        with closing(KafkaAdminClient(bootstrap_servers=self.servers)) as admin:
            state = self._state(admin, which)
        return bool(state["group_state"] == "Stable" and len(state["members"]) == members)

    def members(self, which: str) -> int:
        """How many are in the group of `ingest` or `monitor`."""
        with closing(KafkaAdminClient(bootstrap_servers=self.servers)) as admin:
            return len(self._state(admin, which)["members"])

    def _state(self, admin: KafkaAdminClient, which: str) -> dict[str, Any]:
        """The first group there ever is on a broker takes a moment to be known."""
        with suppress(CoordinatorNotAvailableError):
            return dict(admin.describe_groups([self._group(which)])[self._group(which)])
        return {"group_state": "Dead", "members": []}

    def _group(self, which: str) -> str:
        return {"ingest": ingest_group, "monitor": monitor_group}[which](self.config)

    def keep_up(self) -> None:
        """What a supervisor does: starts again what has ended."""
        for worker in self.workers.values():
            if not worker.alive:
                worker.start()

    async def finish(self, wanted: Outcome, patience_s: float = 180, *, ignored: Collection[bytes] = ()) -> Outcome:
        """Waits, as a supervisor, until every window has closed, ends the workers, and holds what they said against
        what is wanted."""

        def closed() -> bool:
            self.keep_up()
            return wanted.records.keys() <= records_of(self.config).keys()

        await self.wait("all windows closed", closed, patience_s)
        codes = {name: await asyncio.to_thread(worker.stop) for name, worker in self.workers.items()}
        assert set(codes.values()) <= {0, -signal.SIGTERM}, codes  # the signal itself ends one that has not yet begun
        got = await asyncio.to_thread(found, self.config, ignored)
        assert_exact(wanted, got)
        return got

    def alter(self, topic: str, **settings: str) -> None:
        """Changes a topic; settings are named with underscores for dots."""
        configs = {name.replace("_", "."): value for name, value in settings.items()}
        with closing(KafkaAdminClient(bootstrap_servers=self.servers)) as admin:
            admin.alter_configs([ConfigResource(ConfigResourceType.TOPIC, topic, configs)])

    def repeats(self, topic: str) -> int:
        """How many messages of a topic came again."""
        counts = Counter((message.partition, message.value) for message in read_topic(self.servers, topic))
        return counts.total() - len(counts)


def memory_bytes(worker: Worker) -> int:
    """Resident memory of a worker."""
    return int(_proc(worker, "statm").split()[1]) * os.sysconf("SC_PAGE_SIZE")


def frozen(worker: Worker) -> bool:
    """Whether the worker was stopped by SIGSTOP."""
    return _proc(worker, "stat").rpartition(")")[2].split()[0] == "T"


def _proc(worker: Worker, name: str) -> str:
    assert worker._process is not None
    return Path(f"/proc/{worker._process.pid}/{name}").read_text()
