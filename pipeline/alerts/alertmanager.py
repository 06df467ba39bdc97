"""One Alertmanager, and its being there or away.."""

import logging
from collections.abc import Sequence

import aiohttp
from yarl import URL

from pipeline.alerts.notices import Notice
from pipeline.connections.access import authorization, trust
from schemas.service_config import AlertmanagerConfig

log = logging.getLogger("driftline.notify")

_ALERTS = "api/v2/alerts"
_TIMEOUT = aiohttp.ClientTimeout(total=10, connect=5)
_MOST_TOGETHER = 200
_MOST_SHOWN = 200


def session_of(config: AlertmanagerConfig) -> aiohttp.ClientSession:
    """A session that says who we are, and trusts whom it should. Raises InputError for a secret or a file that is not to
    be had. To be called on a loop."""
    headers = authorization(config.access, "alertmanager.access")
    connector = aiohttp.TCPConnector(ssl=trust(config.access, "alertmanager.access"))
    return aiohttp.ClientSession(connector=connector, headers=headers)


class Peer:
    """An Alertmanager at `url`. Says once that it is away, and once that it is
    back."""

    def __init__(self, session: aiohttp.ClientSession, url: str) -> None:
        self._session = session
        self._url = URL(url.rstrip("/") + "/") / _ALERTS
        self.name = url
        self._away = False

    async def push(self, notices: Sequence[Notice]) -> bool:
        """Sends all; False where it did not take all. Never raises for what the other side does."""
        if not notices:  # nobody was asked, so nothing is known of the other side
            return True
        fault = None
        for start in range(0, len(notices), _MOST_TOGETHER):
            fault = await self._post(notices[start : start + _MOST_TOGETHER]) or fault
        if fault is not None and not self._away:
            log.warning("peer is away: url=%s error=%r", self.name, fault)
        if fault is None and self._away:
            log.info("peer is back: url=%s", self.name)
        self._away = fault is not None
        return fault is None

    async def _post(self, notices: Sequence[Notice]) -> str | None:
        """What went wrong, in a line."""
        try:
            async with self._session.post(
                self._url, json=list(notices), timeout=_TIMEOUT, allow_redirects=False
            ) as answer:
                if answer.status < 300:
                    return None
                text = " ".join((await answer.read()).decode(errors="replace").split())
                return f"HTTP {answer.status}: {text[:_MOST_SHOWN]}"
        except (aiohttp.ClientError, TimeoutError, OSError, ValueError) as error:  # the last of a URL that is none
            return f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
