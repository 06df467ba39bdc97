"""Places between two steps where tests have the process killed or frozen. Elsewhere they do nothing.

`DRIFTLINE_FAULT_POINT=name:count:signal` in the environment sends the process that signal, such as KILL or STOP, when
the place `name` is reached for the `count`-th time.
"""

import os
import signal

_NAME, _, _WHEN = os.environ.get("DRIFTLINE_FAULT_POINT", "").partition(":")
_COUNT, _, _SIGNAL = _WHEN.partition(":")
_left = int(_COUNT or 0)


def reach(name: str) -> None:
    """Says that the place `name` is reached."""
    global _left
    if name != _NAME:
        return
    _left -= 1
    if _left == 0:
        os.kill(os.getpid(), signal.Signals[f"SIG{_SIGNAL}"])
