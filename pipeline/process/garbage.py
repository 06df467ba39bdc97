"""What a process does with memory that it has finished with."""

import ctypes
import gc
import os
import sys

_CONTAINERS = 200_000
_LARGE_BYTES = 1 << 25
_SPARE_BYTES = 1 << 26
_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD = -1, -3  # of glibc's malloc.h


def expect_batches() -> None:
    """For a process that decodes events: each batch makes thousands of containers and arrays, and drops them again."""
    _collect_seldom()
    _reuse_freed()


def trim() -> None:
    """Gives the system back what is free. glibc keeps it: after a window of thousands of profiles, a fifth of all that is
    resident. Does nothing where there is no glibc. Some milliseconds for each hundred megabytes."""
    if _TRIM is not None:
        _TRIM(0)


def _collect_seldom() -> None:
    """A batch makes no cycles, and by default each few hundred containers start a search. What is alive now is never
    searched again."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(_CONTAINERS, 20, 20)


def _reuse_freed() -> None:
    """glibc learns from the largest block freed how much to keep, and until then gives back after each batch what the next
    asks for again; the system clears every page of it, with many groups a sixth of all CPU. So it begins with the most that
    it would learn: blocks from 32 MiB on are given back at once, and what is free at the end of the heap beyond 64 MiB.
    What the operator has set holds, and nothing is done where there is no glibc."""
    if _MALLOPT is not None and not any(name == "GLIBC_TUNABLES" or name.startswith("MALLOC_") for name in os.environ):
        _MALLOPT(_M_MMAP_THRESHOLD, _LARGE_BYTES)
        _MALLOPT(_M_TRIM_THRESHOLD, _SPARE_BYTES)


_LIBC = ctypes.CDLL(None) if sys.platform == "linux" else None
_TRIM = getattr(_LIBC, "malloc_trim", None)
_MALLOPT = getattr(_LIBC, "mallopt", None)
