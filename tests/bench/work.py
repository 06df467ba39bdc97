"""What a row or measure of the benchmark is given, and what a row gives back."""

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

BATCH = 4000  # as many records as ingest asks for
FULL = 200_000  # events of a round, where nothing else is asked for


@dataclass(frozen=True, slots=True)
class Work:
    """`run` names this repetition: groups and topics of its own are called by it. `folder` holds the events of each
    mix, one a line. `servers` and `topic` are empty where no row needs Kafka. `core` is the one for workers that a
    measure starts."""

    run: str
    servers: str
    topic: str
    events: int
    folder: str
    profile: bool = False
    core: int | None = None

    def values(self, mix: str) -> list[bytes]:
        return events_file(self.folder, mix).read_bytes().splitlines()

    def topic_of(self, mix: str) -> str:
        return f"{self.topic}.{mix.replace(' ', '-')}"

    def scaled(self, number: int) -> int:
        """Of what a measure takes in full, the part that a shorter run takes: a fifth with `--quick`."""
        return max(1, number * min(self.events, FULL) // FULL)


def events_file(folder: str, mix: str) -> Path:
    return Path(folder) / f"{mix}.ndjson"


@dataclass(frozen=True, slots=True)
class Measured:
    """CPU seconds are the whole process's, user and system, all threads. `profile` is cProfile's table, or empty."""

    events: int
    cpu_seconds: float
    seconds: float
    profile: str = ""

    @property
    def microseconds(self) -> float:
        """Of CPU per event."""
        return self.cpu_seconds / self.events * 1e6

    @property
    def events_per_second(self) -> float:
        return self.events / self.seconds


def batches(values: Sequence[bytes], size: int = BATCH) -> Iterator[Sequence[bytes]]:
    return (values[i : i + size] for i in range(0, len(values), size))


def cores() -> list[int]:
    """The cores this process may use; none where the platform does not say."""
    return sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else []


def pin(chosen: Sequence[int]) -> None:
    """Keeps this process, and what it starts from now on, on these cores; anywhere where there are none."""
    if chosen and hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, chosen)
