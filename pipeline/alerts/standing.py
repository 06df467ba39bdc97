"""Which alerts stand: those that fired and have not resolved, as far back as the alert topic goes."""

import asyncio
from collections.abc import Iterable
from typing import NamedTuple

from pipeline.alerts.alert_log import held
from schemas.alert import Alert, AlertState
from schemas.config import Config


class Standing(NamedTuple):
    """Alerts that stand, those of an incident together, the incident that began last at the end; and how many others
    the topic held."""

    alerts: list[Alert]
    resolved: int


def standing(events: Iterable[Alert]) -> Standing:
    """What alert events come to; an event that comes again changes nothing. O(n log n)."""
    last: dict[str, Alert] = {}
    for event in events:
        before = last.get(event.id)
        if event.state is not AlertState.ANNOUNCED and (before is None or event.end_ms >= before.end_ms):
            last[event.id] = event
    firing = [alert for alert in last.values() if alert.state is AlertState.FIRING]
    firing.sort(key=lambda alert: (alert.began_ms, alert.incident, alert.onset_ms, -(alert.effect or 0.0), alert.id))
    return Standing(firing, len(last) - len(firing))


def read_standing(config: Config) -> Standing:
    """That of the alert topic. Raises BrokerError where it cannot be read."""
    return asyncio.run(_read(config))


async def _read(config: Config) -> Standing:
    return standing([written.alert async for written in held(config)])
