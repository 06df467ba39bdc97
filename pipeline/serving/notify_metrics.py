"""The notifier's board as Prometheus series."""

from collections.abc import Iterable

from prometheus_client import CollectorRegistry
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from pipeline.serving.metrics import build_info, process_registry
from pipeline.serving.notify_board import NotifyBoard
from schemas.alert import AlertState

_PEER = ["peer"]


class NotifyCollector(Collector):
    """Renders the board of a notifier; `version` is Driftline's own."""

    def __init__(self, board: NotifyBoard, version: str) -> None:
        self._board = board
        self._version = version

    def collect(self) -> Iterable[Metric]:
        board = self._board
        events = CounterMetricFamily("driftline_notify_events", "Alert events read from the topic.", labels=["state"])
        for state in AlertState:
            events.add_metric([str(state)], board.events[state])
        pushes = CounterMetricFamily(
            "driftline_notify_pushes", "Pushes to Alertmanager, by what became of them.", labels=[*_PEER, "outcome"]
        )
        for (peer, outcome), n in sorted(board.pushes.items()):
            pushes.add_metric([peer, outcome], n)
        up = GaugeMetricFamily("driftline_notify_peer_up", "Whether the last push was taken.", labels=_PEER)
        last = GaugeMetricFamily(
            "driftline_notify_last_success_timestamp_seconds", "When a push was last taken.", labels=_PEER
        )
        for peer, is_up in sorted(board.up.items()):
            up.add_metric([peer], float(is_up))
            if peer in board.last_s:
                last.add_metric([peer], board.last_s[peer])
        yield from (build_info(self._version), events, pushes, up, last)
        yield GaugeMetricFamily("driftline_notify_firing", "Alerts that are firing.", value=board.firing)
        help_text = "Messages of the alert topic not yet read."
        yield GaugeMetricFamily("driftline_notify_lag_messages", help_text, value=board.lag)


def notify_registry(board: NotifyBoard, version: str) -> CollectorRegistry:
    """A registry that renders the notifier's board, and its process."""
    return process_registry(NotifyCollector(board, version))
