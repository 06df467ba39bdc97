"""The board as Prometheus series. With `pipeline/serving/model_metrics.py`, which it asks, and
`pipeline/serving/notify_metrics.py` the importer of prometheus_client.

Series are rendered from live state at each scrape, so what moves to another worker or ends disappears by itself.
"""

from collections.abc import Iterable, Iterator
from typing import Any

from prometheus_client import CollectorRegistry, ProcessCollector, generate_latest
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    InfoMetricFamily,
    Metric,
)
from prometheus_client.exposition import choose_encoder
from prometheus_client.registry import Collector

from pipeline.events.event_time import BEGINNING
from pipeline.serving.board import SECONDS, Board
from pipeline.serving.durations import Durations
from pipeline.serving.model_metrics import CourseOf, model_series
from pipeline.serving.server import Answer, Request, Route
from schemas.config import Config

_SOURCE = ["topic", "partition"]


class BoardCollector(Collector):
    """Renders a board; `version` is Driftline's own. Of each model's groups and signals there are at most
    `metrics.max_series` series. `course_of` knows the courses of groups, if anybody does."""

    def __init__(self, board: Board, version: str, config: Config, course_of: CourseOf | None = None) -> None:
        self._board = board
        self._version = version
        self._config = config
        self._course_of = course_of

    def collect(self) -> Iterable[Metric]:
        yield build_info(self._version)
        yield from _counters(self._board)
        yield from _sources(self._board)
        yield from _partitions(self._board)
        yield from _durations(self._board)
        yield from _budgets(self._board)
        yield from model_series(self._board, self._config, self._course_of)


def registry_of(board: Board, version: str, config: Config, course_of: CourseOf | None = None) -> CollectorRegistry:
    """A registry that renders the board, and this process."""
    return process_registry(BoardCollector(board, version, config, course_of))


def process_registry(collector: Collector) -> CollectorRegistry:
    """A registry of a collector, and of this process's memory, time and files, where the system tells them."""
    registry = CollectorRegistry()
    registry.register(collector)
    ProcessCollector(registry=registry)
    return registry


def build_info(version: str) -> Metric:
    return InfoMetricFamily("driftline_build", "The version of Driftline.", value={"version": version})


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
    yield _counter("driftline_rebalances", "Times that partitions were given out anew.", ["half"], board.rebalances)
    yield CounterMetricFamily("driftline_emissions", "Emissions sent by ingest.", value=board.emissions)
    yield CounterMetricFamily("driftline_packet_bytes", "Bytes of profile packets sent.", value=board.packet_bytes)
    help_text = "Events that the source topic deleted before they were read, or sent."
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


def _durations(board: Board) -> Iterator[Metric]:
    yield _histogram("driftline_flush_duration_seconds", "How long ingest took to send an emission.", board.flushes)
    yield _histogram("driftline_window_close_duration_seconds", "How long closing a window took.", board.closings)


def _histogram(name: str, text_: str, durations: Durations) -> Metric:
    return HistogramMetricFamily(name, text_, buckets=durations.buckets, sum_value=durations.total_s)


def _budgets(board: Board) -> Iterator[Metric]:
    opened = GaugeMetricFamily(
        "driftline_budget_incidents", "Incidents opened in the budget's period, false ones or not.", labels=["model"]
    )
    spent = GaugeMetricFamily("driftline_budget_spent_ratio", "The same, over the budget.", labels=["model"])
    for model, incidents in sorted(board.incidents().items()):
        opened.add_metric([model], incidents)
        spent.add_metric([model], incidents / board.budgets[model].at_most)
    yield from (opened, spent)
