"""The board as Prometheus series. The one importer of prometheus_client.

Series are rendered from live state at each scrape, so what moves to another worker or ends disappears by itself.
"""

from collections.abc import Iterable, Iterator
from typing import Any

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, InfoMetricFamily, Metric
from prometheus_client.exposition import choose_encoder
from prometheus_client.registry import Collector

from pipeline.board import SECONDS, Board, GroupStatus
from pipeline.event_time import BEGINNING
from pipeline.server import Answer, Request, Route
from schemas.group import segment_text
from schemas.verdict import State

_GROUP = ["model", "version", "segment"]
_SIGNAL = [*_GROUP, "signal"]
_SOURCE = ["topic", "partition"]


class BoardCollector(Collector):
    """Renders a board; `version` is Driftline's own."""

    def __init__(self, board: Board, version: str) -> None:
        self._board = board
        self._version = version

    def collect(self) -> Iterable[Metric]:
        yield InfoMetricFamily("driftline_build", "The version of Driftline.", value={"version": self._version})
        yield from _counters(self._board)
        yield from _sources(self._board)
        yield from _partitions(self._board)
        groups = [status for _, status in sorted(self._board.groups.items(), key=lambda item: item[0][1].order)]
        yield from _budgets(self._board)
        yield from _groups(groups)
        yield from _signals(groups)


def registry_of(board: Board, version: str) -> CollectorRegistry:
    """A registry that renders the board."""
    registry = CollectorRegistry()
    registry.register(BoardCollector(board, version))
    return registry


def text(registry: CollectorRegistry) -> bytes:
    """What `/metrics` answers."""
    return generate_latest(registry)


def route(registry: CollectorRegistry) -> Route:
    """`/metrics`, in the format that is asked for."""

    def answer(request: Request) -> Answer:
        encoder, content_type = choose_encoder(request.accept)
        return Answer(encoder(registry), content_type)

    return Route(answer, threaded=True)


def _counters(board: Board) -> Iterator[Metric]:
    yield _counter("driftline_events", "Events read, by what became of them.", ["outcome"], board.events)
    yield _counter("driftline_events_refused", "Events refused to the dead-letter topic.", ["reason"], board.refused)
    yield _counter("driftline_profile_messages", "Messages of the profiles topic taken.", ["outcome"], board.messages)
    yield _counter("driftline_windows_closed", "Windows closed, by completeness.", ["completeness"], board.windows)
    alerts = CounterMetricFamily("driftline_alerts", "Alert events.", labels=["model", "state"])
    for labels, n in sorted(board.alerts.items()):
        alerts.add_metric(list(labels), n)
    yield alerts
    yield CounterMetricFamily("driftline_emissions", "Emissions sent by ingest.", value=board.emissions)
    yield CounterMetricFamily("driftline_packet_bytes", "Bytes of profile packets sent.", value=board.packet_bytes)
    help_text = "Events that the source topic deleted before they were read."
    yield CounterMetricFamily("driftline_events_lost", help_text, value=board.lost_events)


def _counter(name: str, text_: str, labels: list[str], counts: Any) -> Metric:
    family = CounterMetricFamily(name, text_, labels=labels)
    for label, n in sorted(counts.items()):
        family.add_metric([str(label)], n)
    return family


def _sources(board: Board) -> Iterator[Metric]:
    lag = GaugeMetricFamily("driftline_source_lag_events", "Events on the partition not yet read.", labels=_SOURCE)
    position = GaugeMetricFamily("driftline_source_position_offset", "The next offset to read.", labels=_SOURCE)
    pending = GaugeMetricFamily("driftline_source_pending_events", "Events read and not yet sent.", labels=_SOURCE)
    mark = GaugeMetricFamily(
        "driftline_source_watermark_timestamp_seconds", "The watermark, event time.", labels=_SOURCE
    )
    for source, status in sorted(board.sources.items()):
        labels = [source.topic, str(source.partition)]
        lag.add_metric(labels, status.lag)
        position.add_metric(labels, status.position)
        pending.add_metric(labels, status.pending_events)
        if status.watermark_ms is not None:
            mark.add_metric(labels, status.watermark_ms / SECONDS)
    yield from (lag, position, pending, mark)


def _partitions(board: Board) -> Iterator[Metric]:
    mark = GaugeMetricFamily(
        "driftline_watermark_timestamp_seconds", "The least watermark of all source partitions.", labels=["partition"]
    )
    for partition, watermark_ms in sorted(board.watermarks_ms.items()):
        if watermark_ms != BEGINNING:
            mark.add_metric([str(partition)], watermark_ms / SECONDS)
    opened = GaugeMetricFamily("driftline_windows_open", "Windows being filled.", labels=["partition"])
    for partition, n in sorted(board.open_windows.items()):
        opened.add_metric([str(partition)], n)
    lag = GaugeMetricFamily(
        "driftline_profiles_lag_messages", "Messages on the profiles partition not yet read.", labels=["partition"]
    )
    for partition, n in sorted(board.monitor_lags.items()):
        lag.add_metric([str(partition)], n)
    yield from (mark, opened, lag)


def _budgets(board: Board) -> Iterator[Metric]:
    opened = GaugeMetricFamily(
        "driftline_budget_incidents", "Incidents opened in the budget's period, false ones or not.", labels=["model"]
    )
    spent = GaugeMetricFamily("driftline_budget_spent_ratio", "The same, over the budget.", labels=["model"])
    for model, incidents in sorted(board.incidents().items()):
        opened.add_metric([model], incidents)
        spent.add_metric([model], incidents / board.budgets[model].at_most)
    yield from (opened, spent)


def _groups(groups: list[GroupStatus]) -> Iterator[Metric]:
    end = GaugeMetricFamily("driftline_window_end_timestamp_seconds", "End of the last window closed.", labels=_GROUP)
    events = GaugeMetricFamily("driftline_window_events", "Events of the last window closed.", labels=_GROUP)
    baseline = GaugeMetricFamily("driftline_baseline_events", "Events of the baseline.", labels=_GROUP)
    for status in groups:
        labels = _group_labels(status)
        end.add_metric(labels, status.end_ms / SECONDS)
        events.add_metric(labels, status.events)
        baseline.add_metric(labels, status.baseline_events)
    yield from (end, events, baseline)


# What is shown of each detector's verdict: a number from 0 to 1, but for PSI and Wasserstein.
_DISTANCES = {
    "psi": ("driftline_psi", "Population stability index against the baseline."),
    "ks": ("driftline_ks_ratio", "Kolmogorov-Smirnov distance to the baseline."),
    "js": ("driftline_js_ratio", "Jensen-Shannon distance to the baseline."),
    "wasserstein": ("driftline_wasserstein_ratio", "Wasserstein distance to the baseline, in its spreads."),
    "out_of_range": ("driftline_out_of_range_ratio", "Share of values outside the baseline's range."),
    "unseen": ("driftline_unseen_ratio", "Share of values in categories the baseline lacks."),
}


def _signals(groups: list[GroupStatus]) -> Iterator[Metric]:
    null = GaugeMetricFamily(
        "driftline_null_ratio", "Share of events that lack the signal or have null.", labels=_SIGNAL
    )
    mean = GaugeMetricFamily("driftline_mean", "Mean of the window's numbers, in the signal's unit.", labels=_SIGNAL)
    p_value = GaugeMetricFamily("driftline_p_value", "P-value of the primary test.", labels=_SIGNAL)
    effect = GaugeMetricFamily("driftline_effect_ratio", "Effect of the primary test.", labels=_SIGNAL)
    least = GaugeMetricFamily(
        "driftline_minimum_detectable_effect_ratio",
        "The effect that would be found with a power of 0.8.",
        labels=_SIGNAL,
    )
    state = GaugeMetricFamily("driftline_signal_state", "1 for the state the signal is in.", labels=[*_SIGNAL, "state"])
    firing = GaugeMetricFamily("driftline_alert_firing", "1 while an alert of the signal is firing.", labels=_SIGNAL)
    distances = {name: GaugeMetricFamily(*family, labels=_SIGNAL) for name, family in _DISTANCES.items()}
    for status in groups:
        for signal in status.signals:
            labels = [*_group_labels(status), signal.name]
            null.add_metric(labels, signal.null_ratio)
            _add(mean, labels, signal.mean)
            _add(p_value, labels, signal.p_value)
            _add(effect, labels, signal.effect)
            _add(least, labels, signal.minimum_detectable_effect)
            for one in State:
                state.add_metric([*labels, one], float(one is signal.state))
            firing.add_metric(labels, float(signal.firing))
            for detector, shown in signal.distances:
                if detector in distances:
                    distances[detector].add_metric(labels, shown)
    yield from (null, mean, p_value, effect, least, state, firing, *distances.values())


def _add(family: GaugeMetricFamily, labels: list[str], value: float | None) -> None:
    if value is not None:
        family.add_metric(labels, value)


def _group_labels(status: GroupStatus) -> list[str]:
    group = status.group
    return [group.model, group.version, segment_text(group.segment)]
