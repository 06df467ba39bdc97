"""How a worker ends: in time, and with a word why."""

import asyncio
import logging
import os
import signal
import threading

from pipeline.connections.rights import refusal_of
from pipeline.worker.reload import Reload
from schemas.errors import DriftlineError

log = logging.getLogger("driftline.monitor")

_LEAVE_WITHIN_S = 10.0


def _leave_in_time(reload: Reload | None = None) -> None:
    """Ends the process soon, come what may: a broker that does not answer, or did not, can hold up the leaving of its
    groups for ever. What was not committed is read again."""
    timer = threading.Timer(_LEAVE_WITHIN_S, _end_now, (reload,))
    timer.daemon = True
    timer.start()


def _end_now(reload: Reload | None) -> None:
    log.warning("the worker ends without having left its groups: the broker did not answer in %g s", _LEAVE_WITHIN_S)
    if reload is not None:
        reload.begin_again()
    os._exit(1)


class Punctual:
    """Leaves in time, whether it is told to or ends by an error; and begins again where it is told to."""

    loop: asyncio.AbstractEventLoop
    reload: Reload | None = None

    def _install_signal_handlers_unix(self) -> None:
        super()._install_signal_handlers_unix()  # type: ignore[misc]  # of the worker that this is mixed into
        if self.reload is not None:
            self.loop.add_signal_handler(signal.SIGHUP, self.reload.ask, self._leave_to_begin_again)
            # The loop hears of signals while it runs. So that none is lost when it no longer does, the reload is told at
            # once; the loop goes on to hear of them.
            for number in (signal.SIGINT, signal.SIGTERM):
                signal.signal(number, self.reload.end)
                signal.siginterrupt(number, False)

    def _leave_to_begin_again(self) -> None:
        self.loop.call_soon_threadsafe(self._on_sigterm)

    def _on_sigterm(self) -> None:
        _leave_in_time(self.reload)
        super()._on_sigterm()  # type: ignore[misc]  # of the worker that this is mixed into

    def on_worker_shutdown(self) -> None:
        _leave_in_time(self.reload)
        super().on_worker_shutdown()  # type: ignore[misc]  # of the worker that this is mixed into


def log_end(error: Exception) -> None:
    """Says why the worker ends, and sees that it does: in one line where the user can mend it, which is then the last
    line there is."""
    _leave_in_time()
    error = refusal_of(error) or error
    if isinstance(error, DriftlineError):
        log.critical("the worker ends: %s", error)
        logging.disable(logging.CRITICAL)
    else:
        log.critical("the worker ends: %s: %s", type(error).__name__, error, exc_info=error)
