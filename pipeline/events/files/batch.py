"""Events by the batch, as long as a cache likes."""

from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple

ROWS = 2000
BYTES = 1 << 22
"""A batch ends with the first of these: wide events by the thousand are more than a cache holds, decoded."""


class Batch(NamedTuple):
    """Some events of a file, and how far into it they end, from 0 to 1."""

    values: list[bytes]
    done: float


def in_batches(values: Iterable[bytes], done: Callable[[], float] = lambda: 0.0) -> Iterator[Batch]:
    """The values, `ROWS` or `BYTES` together, and the last, which may be empty. `done()` says how far they are read."""
    batch: list[bytes] = []
    size = 0
    for value in values:
        batch.append(value)
        size += len(value)
        if len(batch) == ROWS or size >= BYTES:
            yield Batch(batch, done())
            batch, size = [], 0
    yield Batch(batch, 1.0)
