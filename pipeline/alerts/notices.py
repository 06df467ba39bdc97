"""What Alertmanager is to be told: the alerts that are open, and those that resolved a moment ago.

Plain and without a clock. Labels are what Alertmanager tells alerts apart by, so they are those of the alert as it
fired, to its end; whatever may differ from window to window stands in the annotations.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from schemas.alert import Alert, AlertState
from schemas.basis import Basis
from schemas.group import segment_text
from schemas.service_config import AlertmanagerConfig

ALERTNAME = "DriftlineDrift"

# An alert that is not sent again for so many intervals ends by itself: whoever sent it is gone.
INTERVALS_TO_EXPIRY = 4

# A resolved one is sent until it would have ended by itself in any case.
_INTERVALS_RESOLVED = INTERVALS_TO_EXPIRY + 1

_LATEST_MS = 253_370_764_800_000  # the year 9999, where calendars end

Notice = Mapping[str, Any]


@dataclass(slots=True)
class _Held:
    """An alert as it fired, when it was written, and, once it has, when it resolved; epoch milliseconds."""

    fired: Alert
    written_ms: int
    resolved_ms: int | None = None
    told: bool = False


class Notices:
    """The alerts of the alert topic, each by its id. Whatever comes again changes nothing, and what has resolved never
    fires again: an id is one alert, from its onset to its end. Memory is that of the alerts of `history`."""

    def __init__(self, config: AlertmanagerConfig) -> None:
        self._config = config
        self._held: dict[str, _Held] = {}

    def take(self, alert: Alert, written_ms: int, now_ms: int) -> bool:
        """Takes the next alert event, written to the topic at `written_ms`; True where there is something new to tell."""
        held = self._held.get(alert.id)
        if alert.state is AlertState.FIRING:
            if held is None:
                self._held[alert.id] = _Held(alert, written_ms)
            return held is None
        if held is None or held.resolved_ms is not None:
            return False
        held.resolved_ms = now_ms
        return held.told

    def payload(self, now_ms: int) -> list[Notice]:
        """What to send now, in the order of their firing: those open with an end some intervals ahead, those resolved
        with the end they had. What resolved before it was ever sent is not."""
        self._forget(now_ms)
        ahead_ms = now_ms + INTERVALS_TO_EXPIRY * self._config.resend_ms
        notices = []
        for held in self._held.values():
            ends_ms = ahead_ms if held.resolved_ms is None else held.resolved_ms
            if held.resolved_ms is None or (held.told and self._is_news(held.resolved_ms, now_ms)):
                held.told = True
                notices.append(self._notice(held.fired, ends_ms, now_ms))
        return notices

    @property
    def open(self) -> int:
        """How many alerts are firing."""
        return sum(held.resolved_ms is None for held in self._held.values())

    def _is_news(self, resolved_ms: int, now_ms: int) -> bool:
        return now_ms - resolved_ms <= _INTERVALS_RESOLVED * self._config.resend_ms

    def _forget(self, now_ms: int) -> None:
        """Drops what was written before the history that is kept. An alert still open ends with it."""
        old = [key for key, held in self._held.items() if held.written_ms < now_ms - self._config.history_ms]
        for key in old:
            del self._held[key]

    def _notice(self, alert: Alert, ends_ms: int, now_ms: int) -> Notice:
        notice = {
            "labels": labels_of(alert),
            "annotations": annotations_of(alert, self._config.runbook_url),
            "startsAt": _instant(min(alert.onset_ms, ends_ms, now_ms)),  # a start after the end would be refused
            "endsAt": _instant(ends_ms),
        }
        return {**notice, "generatorURL": self._config.generator_url} if self._config.generator_url else notice


def labels_of(alert: Alert) -> dict[str, str]:
    """What tells the alert from others. `critical` is what a full baseline stands behind, its budget holds; the rest
    is a `warning`."""
    return {
        "alertname": ALERTNAME,
        "model": alert.model,
        "version": alert.version,
        "segment": segment_text(alert.group.segment),
        "signal": alert.signal,
        "incident": alert.incident,
        "severity": "critical" if alert.budget_basis is Basis.FULL else "warning",
    }


def annotations_of(alert: Alert, runbook_url: str = "") -> dict[str, str]:
    """What people read."""
    where = segment_text(alert.group.segment)
    name = " ".join(filter(None, [alert.model, alert.version, where]))
    texts = {"summary": f"{name}: {alert.summary}", "description": _description(alert)}
    return {**texts, "runbook_url": runbook_url} if runbook_url else texts


def _description(alert: Alert) -> str:
    parts = []
    if alert.p_value is not None:
        against = "" if alert.level is None else f" against a level of {alert.level:.2g}"
        basis = "" if alert.budget_basis is None else f" (budget: {alert.budget_basis})"
        parts.append(f"p-value {alert.p_value:.2g}{against}{basis}")
    if alert.effect is not None:
        bounds = (alert.effect_low, alert.effect_high)
        within = "" if None in bounds else f", between {bounds[0]:.3f} and {bounds[1]:.3f}"
        parts.append(f"effect {alert.effect:.3f}{within}")
    parts.append(f"{alert.window_events:,} events against {alert.baseline_events:,} of the baseline")
    parts.append(f"since {_instant(alert.onset_ms)}, id {alert.id}")
    return "; ".join(parts) + "."


def _instant(time_ms: int) -> str:
    """RFC 3339, in UTC."""
    within = min(max(time_ms, 0), _LATEST_MS)
    return datetime.fromtimestamp(within / 1000, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
