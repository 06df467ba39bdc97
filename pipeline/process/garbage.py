"""What a process does with memory that it has finished with."""

import ctypes
import gc
import sys

_CONTAINERS = 200_000


def collect_seldom() -> None:
    """For a process that decodes events: a batch makes thousands of containers and no cycles, and by default each few
    hundred of them start a search. What is alive now is never searched again."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(_CONTAINERS, 20, 20)


def trim() -> None:
    """Gives the system back what is free. glibc keeps it: after a window of thousands of profiles, a fifth of all that is
    resident. Does nothing where there is no glibc. Some milliseconds for each hundred megabytes."""
    if sys.platform == "linux" and _TRIM is not None:
        _TRIM(0)


_TRIM = getattr(ctypes.CDLL(None), "malloc_trim", None) if sys.platform == "linux" else None
