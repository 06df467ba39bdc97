"""The demonstration's events on a real topic: as if they were made now."""

import time
from collections.abc import Iterator, Sequence

from pipeline.commands.console import err
from pipeline.commands.demo import CHANGE, WINDOW_S, shuttle_documents
from pipeline.connections.produce import produce_files
from schemas import codec
from schemas.config import Config

# What is on the topic at once: a baseline, windows that are well, and then three more of them until the change.
HISTORY = CHANGE - 3 * WINDOW_S
_BATCH = 1000


def run_stream(servers: str, topic: str, *, rate: float, once: bool, clock_s: float | None = None) -> None:
    """Sends the events to the topic, `rate` a second of event time, again and again until interrupted: those before the
    change at once, as of the past, the others when their time comes. With `once`, the first round at once, as of the past
    until now; now is `clock_s`, where it is given. Raises BrokerError where Kafka or the topic is not to be had."""
    config = Config.from_mapping({"kafka": {"bootstrap_servers": servers, "topics": [topic]}}, "demo")
    documents = list(shuttle_documents())
    history = len(documents) if once else HISTORY
    now_s = time.time() if clock_s is None else clock_s
    start_ms = now_s * 1000 - history * 1000 / rate
    sent = produce_files(config, _batches(documents, start_ms, rate, 0, history), None, topic)
    err.print(f"{sent:,} events sent to {topic}, as of the past", markup=False)
    if not once:
        err.print(f"{rate:g} a second from now on; Ctrl-C ends it", markup=False)
        produce_files(config, _endless(documents, start_ms, rate, history), rate, topic)


def _endless(documents: Sequence[dict[str, object]], start_ms: float, rate: float, first: int) -> Iterator[list[bytes]]:
    """A second's events at a time, those of the next round after those of the last."""
    step = max(1, int(rate))
    while True:
        yield from _batches(documents, start_ms, rate, first, first + step, step)
        first += step


def _batches(
    documents: Sequence[dict[str, object]], start_ms: float, rate: float, first: int, end: int, size: int = _BATCH
) -> Iterator[list[bytes]]:
    for at in range(first, end, size):
        yield [_event(documents, i, int(start_ms + i * 1000 / rate)) for i in range(at, min(end, at + size))]


def _event(documents: Sequence[dict[str, object]], i: int, ts: int) -> bytes:
    """The event at a place in the endless row of rounds."""
    document = documents[i % len(documents)]
    return codec.encode(document | {"event_id": f"{document['model']}-{i}", "ts": ts})
