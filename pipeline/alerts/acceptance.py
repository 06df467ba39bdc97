"""The new normal: a baseline of what a model has been like since an incident began.

The profiles topic still holds the profiles of those windows, byte for byte as the monitor judged them, so nothing is read
from the source topics and nothing is profiled again.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from detectors.baselines.baseline import Baseline
from detectors.lenses.scorer import SIGNAL as ANOMALY
from detectors.references.gathering import Gathering
from pipeline.alerts.alert_log import find_alert
from pipeline.connections.log_reader import RangeReader
from pipeline.history.baseline_build import model_windows
from pipeline.ingest.dispatch import profiles_partition
from pipeline.monitor.collect import Collector, OpenWindow
from pipeline.monitor.standards.standards import settings_of
from schemas.config import Config
from schemas.errors import InputError, WireError
from schemas.packet import Marker, Packet, SourcePartition, decode_message
from schemas.season import Season
from schemas.window import Completeness

_ALL_TIME_MS = 1 << 61


@dataclass(frozen=True, slots=True)
class Accepted:
    """A baseline of the windows since `since_ms`, of which there are so many."""

    baseline: Baseline
    since_ms: int
    windows: int


def accept(config: Config, name: str, baselines: Mapping[str, Baseline]) -> Accepted:
    """The baseline of a model since the onset of the alert, or the incident, of this id, with the lens of its present one of
    `baselines`, where the windows were seen through that. Raises InputError where there is no such alert, or no window since
    then is held; BrokerError where Kafka cannot be read."""
    alert = find_alert(config, name)
    since_ms = min(alert.onset_ms, alert.began_ms)
    windows = (
        w
        for w in _windows(config, alert.model, since_ms)
        if w.start_ms >= since_ms and w.completeness is Completeness.COMPLETE
    )
    old, watched = baselines.get(alert.model), config.model(alert.model)
    season = watched.season if watched else Season.NONE
    gathering = Gathering(alert.model, config.window.length_ms, settings_of(config), season, old.lens if old else None)
    found = 0
    for start_ms, groups in model_windows(windows, alert.model):
        found += 1
        for segment, profile in groups.items():  # a baseline of these windows has no scorer
            gathering.add(segment, start_ms, profile.without({ANOMALY}))
    if not found:
        raise InputError(
            f"{config.kafka.profiles_topic} holds no whole window of {alert.model} since the onset; build a baseline from "
            "the events: driftline baseline build --from-kafka --since TIME"
        )
    return Accepted(gathering.baseline(), since_ms, found)


def _windows(config: Config, model: str, since_ms: int) -> Iterator[OpenWindow]:
    """The windows that the log of the model's profiles has made whole, in order, from those that begin then on."""
    collector = Collector(config)
    # An event is at most `max_skew` ahead of its record, and its profile is written later.
    for offset, message in _messages(config, model, since_ms - config.window.max_skew_ms):
        collector.take(message, offset)
        yield from map(collector.close, collector.whole())


def _messages(config: Config, model: str, since_ms: int) -> Iterator[tuple[int, Packet | Marker]]:
    """What was written since to the profiles partition of the model."""
    place = SourcePartition(config.kafka.profiles_topic, profiles_partition(model, config.kafka.profiles_partitions))
    with RangeReader(config, [place]) as reader:
        at, stop = reader.ranges(since_ms, _ALL_TIME_MS)[place]
        while at < stop:
            records, at = reader.read(place, at, stop)
            for record in records:
                try:
                    message = decode_message(record.value or b"")
                except WireError:
                    continue  # the monitor has counted it
                yield record.offset, message
