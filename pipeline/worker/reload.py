"""SIGHUP: the configuration is read anew. A wrong one is refused and the old one kept; with a right one the worker leaves
its groups in order and begins again as the same process, so that no setting is half old and half new."""

import logging
import os
import sys
import threading
from collections.abc import Callable

from schemas.errors import DriftlineError

log = logging.getLogger("driftline")


class Reload:
    """Whether the worker is to begin again once it has left. `check` reads the configuration and raises DriftlineError where
    it is wrong. Whoever ends the worker has the last word: nothing asked before or after begins it again."""

    def __init__(self, check: Callable[[], None]) -> None:
        self._check = check
        self._checking = threading.Lock()
        self._wanted = False
        self._ended = False

    def end(self, *_: object) -> None:
        """The worker is to end for good. May be a handler of signals."""
        self._ended = True

    def ask(self, leave: Callable[[], None]) -> None:
        """Checks beside the event loop, and has the worker leave where all is well."""
        if self._ended:
            return
        threading.Thread(target=self._ask, args=(leave,), name="driftline-reload", daemon=True).start()

    def begin_again(self) -> None:
        """Becomes the same command anew, where that is wanted. Then it does not return."""
        if self._wanted and not self._ended:
            logging.shutdown()
            os.execv(sys.executable, [sys.executable, *sys.orig_argv[1:]])

    def _ask(self, leave: Callable[[], None]) -> None:
        if not self._checking.acquire(blocking=False):
            return  # it is asked already
        try:
            self._check()
        except DriftlineError as error:
            for line in str(error).splitlines():
                log.error("the configuration is not reloaded, the old one is kept: %s", line)
        except Exception:
            log.exception("the configuration is not reloaded, the old one is kept")
        else:
            log.info("the configuration is right: the worker begins again with it")
            self._wanted = True
            leave()
        finally:
            self._checking.release()
