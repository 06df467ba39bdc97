"""Progress without a terminal: a line every so often, for logs and for who looks at them."""

from collections.abc import Callable

EVERY_S = 10.0


class StageLines:
    """Says how far each stage of the work is, `EVERY_S` after the last line at the earliest; `clock` gives seconds. What is
    done sooner says nothing."""

    def __init__(self, say: Callable[[str], None], clock: Callable[[], float], every_s: float = EVERY_S) -> None:
        self._say = say
        self._clock = clock
        self._every_s = every_s
        self._said_s = clock()

    def stage(self, name: str) -> Callable[[float], None]:
        """Named, it takes how much is done, from 0 to 1."""

        def progress(done: float) -> None:
            now_s = self._clock()
            if now_s - self._said_s >= self._every_s:
                self._said_s = now_s
                self._say(f"{name}: {100 * done:.0f} %")

        return progress
