"""Real workers in processes of their own, for tests: started, watched over HTTP, stopped or killed."""

import os
import re
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import yaml
from aiokafka import AIOKafkaProducer
from kafka import KafkaAdminClient, KafkaConsumer
from kafka.admin import NewTopic
from kafka.structs import TopicPartition

from schemas import codec

DRIFTLINE = [sys.executable, "-m", "pipeline.entry"]
_PATIENCE_S = 120.0


def free_port() -> int:
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return int(s.getsockname()[1])


def until(what: str, met: Callable[[], Any], patience_s: float = _PATIENCE_S) -> Any:
    """Waits until `met()` is true, and returns it."""
    deadline = time.monotonic() + patience_s
    while not (answer := met()):
        assert time.monotonic() < deadline, f"after {patience_s} s still not: {what}"
        time.sleep(0.05)
    return answer


def write_config(folder: Path, name: str, **sections: Any) -> Path:
    path = folder / name
    path.write_text(yaml.safe_dump(sections))
    return path


def driftline(*args: str | Path) -> subprocess.CompletedProcess[str]:
    """Runs the command to its end."""
    return subprocess.run([*DRIFTLINE, *map(str, args)], capture_output=True, text=True, timeout=300, check=False)


@contextmanager
def running(*args: str) -> Iterator[subprocess.Popen[bytes]]:
    """The command, running until the end of the block; then it is interrupted, and has to end by that."""
    process = subprocess.Popen([*DRIFTLINE, *args], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        yield process
        process.send_signal(signal.SIGINT)
        assert process.wait(timeout=30) == 130
    finally:
        process.kill()
        process.wait()


class Worker:
    """`driftline run`, on a metrics port of its own."""

    def __init__(self, folder: Path, name: str, config: Mapping[str, Any], *args: str) -> None:
        self.port = free_port()
        self.config = write_config(
            folder, f"{name}.yaml", **{**config, "metrics": {**config.get("metrics", {}), "port": self.port}}
        )
        self._log_path = folder / f"{name}.log"
        self._args = args
        self._process: subprocess.Popen[bytes] | None = None

    def start(self, **environment: str) -> "Worker":
        """Starts it, with what is added to the environment."""
        with self._log_path.open("ab") as log:
            command = [*DRIFTLINE, "run", "-c", str(self.config), *self._args]
            self._process = subprocess.Popen(
                command, stdout=log, stderr=log, start_new_session=True, env={**os.environ, **environment}
            )
        return self

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    @property
    def log(self) -> str:
        return self._log_path.read_text()

    @property
    def alive(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def kill(self) -> None:
        """kill -9."""
        self.signal(signal.SIGKILL)
        assert self._process is not None
        self._process.wait()

    def stop(self) -> int:
        """SIGTERM; returns the exit code."""
        if self.alive:
            self.signal(signal.SIGTERM)
        assert self._process is not None
        try:
            return self._process.wait(timeout=30)
        except subprocess.TimeoutExpired:
            self.kill()
            raise

    def signal(self, number: int) -> None:
        assert self._process is not None
        os.kill(self._process.pid, number)

    def metrics(self, timeout_s: float = 5.0) -> str:
        with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/metrics", timeout=timeout_s) as answer:
            return str(answer.read().decode())

    def metric(self, pattern: str) -> float:
        """The sum of the series whose name and labels match; 0 while the worker does not answer."""
        try:
            text = self.metrics()
        except OSError:
            return 0.0
        return sum(float(line.rsplit(" ", 1)[1]) for line in text.splitlines() if re.match(pattern, line))

    @property
    def profiled(self) -> float:
        return self.metric(r'driftline_events_total\{outcome="profiled"\}')

    @property
    def partitions_read(self) -> int:
        return len(set(re.findall(r"(\S+\[\d+\]): reads from", self.log))) if self._log_path.exists() else 0


def create_topic(servers: str, name: str, partitions: int) -> None:
    client = KafkaAdminClient(bootstrap_servers=servers)
    client.create_topics([NewTopic(name, partitions, 1, topic_configs={"retention.ms": "-1"})])
    client.close()


async def send(servers: str, topic: str, values: Iterable[bytes], partitions: int) -> None:
    """Sends values to the partitions in turn, in order."""
    producer = AIOKafkaProducer(bootstrap_servers=servers, acks="all", linger_ms=20)
    await producer.start()
    try:
        futures = [await producer.send(topic, value, partition=i % partitions) for i, value in enumerate(values)]
        for future in futures:
            await future
    finally:
        await producer.stop()


def read_topic(servers: str, topic: str) -> list[Any]:
    """All messages of a topic; none where there is no such topic yet."""
    consumer = KafkaConsumer(bootstrap_servers=servers, auto_offset_reset="earliest", enable_auto_commit=False)
    partitions = [TopicPartition(topic, p) for p in consumer.partitions_for_topic(topic) or ()]
    if not partitions:
        consumer.close()
        return []
    consumer.assign(partitions)
    consumer.seek_to_beginning(*partitions)
    ends = consumer.end_offsets(partitions)
    messages: list[Any] = []
    while any(consumer.position(p) < ends[p] for p in partitions):
        for records in consumer.poll(timeout_ms=500).values():
            messages += records
    consumer.close()
    return messages


def distinct_windows(servers: str, prefix: str) -> dict[Any, Any]:
    """Window records by group and window; a record that repeats must repeat byte for byte."""
    found: dict[Any, bytes] = {}
    for message in read_topic(servers, f"{prefix}.windows"):
        record = codec.decode(message.value)
        key = (record["model"], record["version"], tuple(record.get("segment", ())), record["start_ms"])
        assert found.setdefault(key, message.value) == message.value
    return {key: codec.decode(value) for key, value in found.items()}


def distinct_alerts(servers: str, prefix: str) -> list[bytes]:
    """Alert events, each once, sorted. An event that repeats must repeat byte for byte."""
    found: dict[Any, bytes] = {}
    for message in read_topic(servers, f"{prefix}.alerts"):
        alert = codec.decode(message.value)
        assert found.setdefault((alert["id"], alert["state"]), message.value) == message.value
    return sorted(found.values())


def start_two(workers: list[Worker], folder: Path, config: dict[str, Any], partitions: int) -> tuple[Worker, Worker]:
    """Two workers that have divided the source partitions between them."""
    name = config["kafka"]["group"]
    first = Worker(folder, f"{name}-a", config).start()
    workers.append(first)
    until("the first worker reads all", lambda: first.partitions_read == partitions)
    second = Worker(folder, f"{name}-b", config).start()
    workers.append(second)
    until("the second worker reads some", lambda: second.partitions_read)
    return first, second


def counted(servers: str, prefix: str) -> int:
    """Events of all closed windows, each window once, segments left out."""
    return sum(record["events"] for key, record in distinct_windows(servers, prefix).items() if not key[2])
