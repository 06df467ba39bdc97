"""Batched requests in CloudEvents, attributes in headers, on a real Kafka: every row is counted once, responses are not."""

from collections.abc import Iterable
from pathlib import Path

from aiokafka import AIOKafkaProducer

from schemas import codec
from tests.kafka.choice import Kafka
from tests.pipeline.forms import kserve
from tests.pipeline.workers import Worker, counted, create_topic, distinct_windows, read_topic, until

RECORDS, ROWS = 2_000, 3
CLOSED = 1_900  # the rest, one a second, is in a window that no later event closes


def pair(i: int) -> list[tuple[bytes, list[tuple[str, bytes]]]]:
    """A request of some rows, and the response to it."""
    time = f"2026-01-01T{i // 3600:02}:{i // 60 % 60:02}:{i % 60:02}Z"
    sides = {"request": "inputs", "response": "outputs"}
    tensor = {"name": "x", "shape": [ROWS, 1], "datatype": "FP32", "data": [[i % 7 + row / 10] for row in range(ROWS)]}
    return [
        (
            codec.encode({key: [tensor]}),
            [(name, text.encode()) for name, text in {**kserve(half), "ce_id": f"r-{i}", "ce_time": time}.items()],
        )
        for half, key in sides.items()
    ]


async def send(servers: str, topic: str, messages: Iterable[tuple[bytes, list[tuple[str, bytes]]]]) -> None:
    producer = AIOKafkaProducer(bootstrap_servers=servers, acks="all", linger_ms=20)
    await producer.start()
    try:
        for future in [await producer.send(topic, value, partition=0, headers=headers) for value, headers in messages]:
            await future
    finally:
        await producer.stop()


async def test_a_worker_counts_every_row_of_every_request(real_kafka: Kafka, tmp_path: Path) -> None:
    servers, name = real_kafka.bootstrap_servers, "forms"
    create_topic(servers, "forms.events", 1)
    messages = [message for i in range(RECORDS) for message in pair(i)]
    await send(servers, "forms.events", [*messages, (b'{"inputs":[]}', messages[-2][1])])
    kafka = {"bootstrap_servers": servers, "topics": ["forms.events"], "group": name, "prefix": name}
    window = {"length": "500s", "allowed_lateness": "1s", "idle_timeout": "2s"}
    worker = Worker(tmp_path, name, {"kafka": kafka, "window": window, "event": {"format": "kserve-v2"}}).start()
    try:
        until("the windows closed", lambda: counted(servers, name) >= CLOSED * ROWS)
        assert counted(servers, name) == CLOSED * ROWS
        assert worker.profiled == RECORDS * ROWS
        assert {key[:2] for key in distinct_windows(servers, name)} == {("loan", "")}
        assert worker.metric(r'driftline_events_total\{outcome="excluded"\}') == RECORDS
        [letter] = read_topic(servers, f"{name}.dead-letters")
        assert dict(letter.headers)["reason"] == b"bad_form"
        assert worker.stop() == 0
    finally:
        if worker.alive:
            worker.kill()
