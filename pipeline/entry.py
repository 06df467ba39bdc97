"""The console's way in: it takes seconds to load the command, and Ctrl-C ends that without a traceback."""

import os
import signal
from types import FrameType


def main() -> None:
    """Loads the command and runs it."""
    usual = signal.getsignal(signal.SIGINT)
    if usual is not signal.SIG_IGN:  # as shells have it of what runs in the background
        signal.signal(signal.SIGINT, _interrupted)
    from pipeline.cli import main as command

    signal.signal(signal.SIGINT, usual)
    command()


def _interrupted(_: int, __: FrameType | None) -> None:
    """At once: an exception amid an import may be taken for a module that is not there."""
    os._exit(130)


if __name__ == "__main__":
    main()
