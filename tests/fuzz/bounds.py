"""Bounds on one decoding: a second of CPU, and memory in proportion to the input."""

import resource
import signal
import tracemalloc
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

CPU_S = 1.0
BYTES_AT_ALL = 8 << 20
BYTES_EACH = 2_000
_ROOM_BYTES = 768 << 20


class TooSlowError(BaseException):
    """An input took more than `CPU_S`. No decoder may take it for an error of its own."""


class TooLargeError(BaseException):
    """An input made a decoder allocate out of proportion."""


@contextmanager
def bounded_process() -> Iterator[None]:
    """While it lasts, an allocation of hundreds of megabytes is a MemoryError, and `bounded` may be used. Needs the
    main thread, and Linux for the bound on memory."""
    before = resource.getrlimit(resource.RLIMIT_AS)
    handler = signal.signal(signal.SIGPROF, _too_slow)
    try:
        resource.setrlimit(resource.RLIMIT_AS, (_address_space() + _ROOM_BYTES, before[1]))
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_AS, before)
        signal.signal(signal.SIGPROF, handler)


@contextmanager
def bounded(size: int, *, traced: bool) -> Iterator[None]:
    """Raises TooSlowError where what it holds takes more than `CPU_S`, and, where it is `traced`, TooLargeError where
    it allocates more than `BYTES_AT_ALL` and `BYTES_EACH` for each of the input's `size` bytes."""
    if traced:
        tracemalloc.start()
    signal.setitimer(signal.ITIMER_PROF, CPU_S * (10 if traced else 1))
    try:
        yield
        if traced and tracemalloc.get_traced_memory()[1] > BYTES_AT_ALL + BYTES_EACH * size:
            raise TooLargeError(f"{tracemalloc.get_traced_memory()[1]:,} bytes for an input of {size:,}")
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        if traced:
            tracemalloc.stop()


def _too_slow(_: int, __: FrameType | None) -> None:
    raise TooSlowError(f"more than {CPU_S} s of CPU")


def _address_space() -> int:
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    return pages * resource.getpagesize()
