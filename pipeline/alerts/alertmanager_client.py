"""What a person asks of Alertmanagers: to be silent for a while, and whether an alert has come."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, TypeVar

import aiohttp
from yarl import URL

from pipeline.alerts.alertmanager import session_of
from schemas.config import Config
from schemas.errors import BrokerError, ConfigError

T = TypeVar("T")

_TIMEOUT = aiohttp.ClientTimeout(total=10, connect=5)
_MOST_SHOWN = 200


def silenced(config: Config, labels: Mapping[str, str], begin_ms: int, end_ms: int, author: str, reason: str) -> str:
    """Silences alerts with these labels. Of a cluster one is enough, its members tell each other: the first that answers.
    Returns the silence's id. Raises BrokerError where none does."""
    silence = {
        "matchers": [{"name": n, "value": v, "isRegex": False, "isEqual": True} for n, v in labels.items()],
        "startsAt": _instant(begin_ms),
        "endsAt": _instant(end_ms),
        "createdBy": author,
        "comment": reason,
    }

    async def ask(session: aiohttp.ClientSession, url: URL) -> str:
        async with session.post(url / "api/v2/silences", json=silence, timeout=_TIMEOUT) as answer:
            return str((await _body(answer))["silenceID"])

    return asyncio.run(_first_of(config, ask))


def has_come(config: Config, labels: Mapping[str, str]) -> list[tuple[str, bool]]:
    """For each Alertmanager its name, and whether an alert with these labels is active there. Raises BrokerError where one
    does not answer."""
    filters = [("filter", f'{name}="{value}"') for name, value in labels.items()]

    async def ask(session: aiohttp.ClientSession, url: URL) -> bool:
        async with session.get(url / "api/v2/alerts", params=filters, timeout=_TIMEOUT) as answer:
            return bool(await _body(answer))

    async def ask_all() -> list[tuple[str, bool]]:
        async with session_of(config.alertmanager) as session:
            return [(str(url), await _asked(session, url, ask)) for url in _urls(config)]

    return asyncio.run(ask_all())


async def _first_of(config: Config, ask: Callable[[aiohttp.ClientSession, URL], Awaitable[T]]) -> T:
    faults = []
    async with session_of(config.alertmanager) as session:
        for url in _urls(config):
            try:
                return await _asked(session, url, ask)
            except BrokerError as error:
                faults.append(str(error))
    raise BrokerError("; ".join(faults))


async def _asked(
    session: aiohttp.ClientSession, url: URL, ask: Callable[[aiohttp.ClientSession, URL], Awaitable[T]]
) -> T:
    try:
        return await ask(session, url)
    except (aiohttp.ClientError, TimeoutError, OSError, ValueError, KeyError, TypeError) as error:
        raise BrokerError(f"Alertmanager at {url!s} does not answer as one: {error or type(error).__name__}") from error


async def _body(answer: aiohttp.ClientResponse) -> Any:
    if answer.status >= 300:
        text = " ".join((await answer.read()).decode(errors="replace").split())
        raise ValueError(f"HTTP {answer.status}: {text[:_MOST_SHOWN]}")
    return await answer.json()


def _urls(config: Config) -> Sequence[URL]:
    urls = config.alertmanager.urls
    if not urls:
        raise ConfigError("alertmanager.urls is empty; name who is to be asked, as in [http://alertmanager:9093]")
    return [URL(url.rstrip("/")) for url in urls]


def _instant(time_ms: int) -> str:
    return datetime.fromtimestamp(time_ms / 1000, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
