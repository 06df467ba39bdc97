"""The notifier: reads the alert topic and tells every Alertmanager, until it is told to stop.

It keeps nothing. What is open is read from the topic again at each start, so it may be killed at any moment, and two
may run side by side: they send the same. Alerts that nobody sends again end by themselves.
"""

import asyncio
import logging
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from pipeline.alerts import alert_log
from pipeline.alerts.alert_log import AlertLog
from pipeline.alerts.alertmanager import Peer, session_of
from pipeline.alerts.notices import Notices
from pipeline.process.seldom import Seldom
from pipeline.serving.notify_board import NotifyBoard
from pipeline.serving.port import address_of, notify_port
from schemas.config import Config
from schemas.errors import ConfigError

log = logging.getLogger("driftline.notify")

# Alerts of one window come together: they are sent together, so that they are one notification.
_GATHER_S = 0.2
_FIRST_RETRY_S = 1.0
_READING, _TURN_WITHIN_S = "the reader of the alert topic", 60.0


def run_notify(config: Config, version: str) -> None:
    """Notifies until SIGTERM or SIGINT. Raises ConfigError where there is nobody to notify, InputError where
    who we are to them is not to be had, BrokerError where the alert
    topic cannot be read or the port is taken."""
    if not config.alertmanager.urls:
        raise ConfigError("alertmanager.urls is empty; name who is to be told, as in [http://alertmanager:9093]")
    for handler in logging.getLogger().handlers:
        handler.addFilter(Seldom("aiokafka"))
    board = NotifyBoard()
    with _served(config, board, version):
        asyncio.run(_until_told(Notifier(config, board)))


@contextmanager
def _served(config: Config, board: NotifyBoard, version: str) -> Iterator[None]:
    if not config.metrics.notify_port:
        yield
        return
    with notify_port(config, board, version) as server:
        board.address = f"{address_of(server, config.metrics)}/metrics"
        yield


class Notifier:
    """What is open, and a task for each peer, so that one that is slow or away holds up none of the others. `clock`
    gives epoch seconds."""

    def __init__(self, config: Config, board: NotifyBoard, clock: Callable[[], float] = time.time) -> None:
        self._config = config
        self._board = board
        self._clock = clock
        self._notices = Notices(config.alertmanager)
        self._news: list[asyncio.Event] = []

    @property
    def open(self) -> int:
        """How many alerts are firing."""
        return self._notices.open

    async def run(self) -> None:
        """Reads and pushes until it is cancelled."""
        health = self._board.health
        health.waits("notify", "the alert topic has not been read yet")
        since_ms = self._now_ms() - self._config.alertmanager.history_ms
        async with alert_log.opened(self._config, since_ms) as alerts, session_of(self._config.alertmanager) as session:
            health.watch(_READING, _TURN_WITHIN_S)
            await self._rebuild(alerts)
            health.is_ready("notify")
            peers = [Peer(session, url) for url in self._config.alertmanager.urls]
            self._board.expect(peer.name for peer in peers)
            log.info("notifies: peers=%s open=%d", ",".join(peer.name for peer in peers), self.open)
            if self._board.address:
                log.info("metrics on %s", self._board.address)
            async with asyncio.TaskGroup() as tasks:
                for peer in peers:
                    tasks.create_task(self._keep_told(peer))
                tasks.create_task(self._follow(alerts))

    async def _rebuild(self, alerts: AlertLog) -> None:
        """Reads what the topic holds before anything is sent: what resolved there is not told again."""
        while not await alerts.caught_up():
            await self._take(alerts)

    async def _follow(self, alerts: AlertLog) -> None:
        while True:
            if await self._take(alerts):
                for news in self._news:
                    news.set()

    async def _take(self, alerts: AlertLog) -> bool:
        now_ms = self._now_ms()
        found = await alerts.read()
        news = [self._notices.take(one.alert, one.written_ms, now_ms) for one in found]
        self._board.events.update(one.alert.state for one in found)
        self._board.firing, self._board.lag = self.open, await alerts.lag()
        self._board.health.turned(_READING)
        return any(news)

    async def _keep_told(self, peer: Peer) -> None:
        """Sends all that is open, at each news and each interval; sooner where the peer did not take it."""
        interval_s = self._config.alertmanager.resend_ms / 1000
        news, retry_s = asyncio.Event(), _FIRST_RETRY_S
        self._news.append(news)
        while True:
            news.clear()
            notices = self._notices.payload(self._now_ms())
            taken = await peer.push(notices)
            if notices:  # else nobody was asked
                self._board.pushed(peer.name, self._clock(), taken=taken)
            if taken:
                retry_s = _FIRST_RETRY_S
                await _either(news, interval_s)
            else:
                await asyncio.sleep(min(retry_s, interval_s))
                retry_s *= 2

    def _now_ms(self) -> int:
        return int(self._clock() * 1000)


async def _either(news: asyncio.Event, seconds: float) -> None:
    """Waits for news, and for what comes with it, but no longer than this."""
    try:
        await asyncio.wait_for(news.wait(), seconds)
    except TimeoutError:
        return
    await asyncio.sleep(_GATHER_S)


async def _until_told(notifier: Notifier) -> None:
    told = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, told.set)
    running, stopping = asyncio.create_task(notifier.run()), asyncio.create_task(told.wait())
    await asyncio.wait([running, stopping], return_when=asyncio.FIRST_COMPLETED)
    stopping.cancel()
    if not running.done():
        running.cancel()
        await asyncio.wait([running])
        log.info("ended: open=%d", notifier.open)
        return
    _raise_first(running.exception())


def _raise_first(error: BaseException | None) -> None:
    """Raises what ended the notifier: of a group of tasks the first, by its own name."""
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    if error is not None:
        raise error
