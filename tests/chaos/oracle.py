"""What events must come to, computed as a batch, and what a run on Kafka came to.

The batch knows no partitions, blocks, watermarks, packets or restarts: it groups all events of a (window, model,
version, segment) in plain Python and profiles each group at once. Both sides are compared as bytes.
"""

import json
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import reduce
from typing import Any

import numpy as np

from detectors.baselines.baseline import Baseline
from detectors.groups.group import GroupProfile
from detectors.groups.wire import decode_group, encode_group
from detectors.profiles.column import MISSING, Column
from detectors.profiles.profile import Profile, Resolution
from detectors.profiles.trace import slice_of
from detectors.profiles.vocabulary import Vocabulary
from pipeline.ingest.segments import GroupSet, Part, SegmentRule, rules_of
from pipeline.ingest.shared import Ingest
from pipeline.monitor.closing import Closer
from pipeline.monitor.collect import OpenWindow
from pipeline.monitor.standards.standards import Standards
from schemas import codec
from schemas.config import Config
from schemas.event import parse_timestamp_ms
from schemas.group import MISSING as NO_SEGMENT
from schemas.group import Group, Segment
from schemas.packet import Packet, SourcePartition, Stamp, decode_message
from tests.pipeline.workers import read_topic

Place = tuple[Group, int]
"""A group, and the start of a window."""


@dataclass(frozen=True)
class Outcome:
    """All closed windows: the bytes of each group's profile, of its window record, and of each alert by id and
    state."""

    profiles: Mapping[Place, bytes]
    records: Mapping[Place, bytes]
    alerts: Mapping[tuple[str, str], bytes]

    @property
    def events(self) -> int:
        """Events of whole models, as the records count them."""
        return sum(codec.decode(r)["events"] for (group, _), r in self.records.items() if group.segment is None)


def expected(config: Config, values: Iterable[bytes], baselines: Mapping[str, Baseline] | None = None) -> Outcome:
    """What these events come to: all that are valid and on time, in any order. Events of models that are not
    watched count for nothing. Signals must be `auto`. O(events), in memory."""
    profiles = _profiles(config, values)
    windows: dict[int, dict[Group, GroupProfile]] = defaultdict(dict)
    for (group, start_ms), profile in profiles.items():
        windows[start_ms][group] = profile
    closer = Closer(config, Standards(config, baselines or {}))
    closings = [
        closing for start_ms in sorted(windows) for closing in closer.close(_whole(config, start_ms, windows[start_ms]))
    ]
    return Outcome(
        {place: encode_group(profile) for place, profile in profiles.items()},
        {(r.group, r.start_ms): r.encode() for closing in closings for r in closing.records},
        {(a.id, str(a.state)): a.encode() for closing in closings for a in closing.alerts},
    )


def found(config: Config, ignored: Collection[bytes] = ()) -> Outcome:
    """What is on the topics of a run. Whatever repeats must repeat byte for byte; messages of the profiles topic that
    are `ignored`, a test's own forgeries, are left out."""
    kafka, servers = config.kafka, ",".join(config.kafka.bootstrap_servers)
    alerts: dict[tuple[str, str], bytes] = {}
    for message in read_topic(servers, kafka.alerts_topic):
        alert = codec.decode(message.value)
        _same(alerts, (alert["id"], alert["state"]), message.value)
    values = [m.value for m in read_topic(servers, kafka.profiles_topic) if m.value not in ignored]
    return Outcome(_sent_profiles(config, values), records_of(config), alerts)


def records_of(config: Config) -> dict[Place, bytes]:
    """The window records of a run, each once."""
    records: dict[Place, bytes] = {}
    for message in read_topic(",".join(config.kafka.bootstrap_servers), config.kafka.windows_topic):
        record = codec.decode(message.value)
        segment = Segment(*record["segment"]) if "segment" in record else None
        _same(records, (Group(record["model"], record["version"], segment), record["start_ms"]), message.value)
    return records


def assert_exact(wanted: Outcome, got: Outcome) -> None:
    """Profiles, records and alerts are equal as bytes; otherwise says which are not."""
    faults = [
        *_differences("profile", wanted.profiles, got.profiles, len),
        *_differences("window record", wanted.records, got.records, _brief),
        *_differences("alert", wanted.alerts, got.alerts, _brief),
    ]
    assert not faults, "\n".join(faults)


def _differences(
    what: str, wanted: Mapping[Any, bytes], got: Mapping[Any, bytes], brief: Callable[[bytes], object]
) -> list[str]:
    lost = sorted(map(str, wanted.keys() - got.keys()))
    extra = sorted(map(str, got.keys() - wanted.keys()))
    other = [key for key in wanted.keys() & got.keys() if wanted[key] != got[key]]
    lines = [
        f"{what}: {len(wanted)} wanted, {len(got)} found, {len(lost)} lost, {len(extra)} extra, {len(other)} other"
    ]
    lines += [f"  lost  {key}" for key in lost[:3]] + [f"  extra {key}" for key in extra[:3]]
    lines += [
        f"  other {key}: wanted {brief(wanted[key])}, found {brief(got[key])}" for key in sorted(other, key=str)[:3]
    ]
    return lines if lost or extra or other else []


def _brief(value: bytes) -> dict[str, Any]:
    document = codec.decode(value)
    return {name: document[name] for name in ("events", "completeness", "state", "start_ms") if name in document}


def _same(known: dict[Any, bytes], key: Any, value: bytes) -> None:
    assert known.setdefault(key, value) == value, f"{key} repeats with other bytes"


def _whole(config: Config, start_ms: int, groups: Mapping[Group, GroupProfile]) -> OpenWindow:
    models: dict[str, GroupSet] = {}
    for group, profile in groups.items():
        models.setdefault(group.model, GroupSet(rules_of(config, group.model))).add(group, Part(profile, 0, 0))
    return OpenWindow(start_ms, start_ms + config.window.length_ms, 0, models)


def _profiles(config: Config, values: Iterable[bytes]) -> dict[Place, GroupProfile]:
    """The events are decoded once to be sorted and again to be profiled, so that one group at a time is in memory."""
    length = config.window.length_ms
    places: dict[tuple[int, str, str], list[bytes]] = defaultdict(list)
    for value in values:
        event = json.loads(value)
        if config.model(event["model"]) is not None:
            start_ms = parse_timestamp_ms(event["ts"]) // length * length
            places[start_ms, event["model"], str(event.get("version") or "")].append(value)
    resolutions = Ingest(config).resolutions
    profiles: dict[Place, GroupProfile] = {}
    for (start_ms, model, version), some in places.items():
        events = [json.loads(value) for value in some]
        profiles[Group(model, version), start_ms] = _profile(events, start_ms, length, resolutions.whole)
        for rule in rules_of(config, model).values():
            for segment, share in _split(rule, events).items():
                group = Group(model, version, Segment(rule.path, segment))
                profiles[group, start_ms] = _profile(share, start_ms, length, resolutions.segment)
    return profiles


def _split(rule: SegmentRule, events: Sequence[Mapping[str, Any]]) -> dict[str, list[Mapping[str, Any]]]:
    names = [_segment(event, rule.path) for event in events]
    level = rule.level(names)
    shares: dict[str, list[Mapping[str, Any]]] = defaultdict(list)
    for name, event in zip(names, events, strict=True):
        shares[rule.folded(name, level)].append(event)
    return shares


def _segment(event: Mapping[str, Any], path: str) -> str:
    value: Any = event
    for key in path.split("."):
        value = value.get(key) if isinstance(value, dict) else None
    if value is None or isinstance(value, dict | list):
        return NO_SEGMENT
    return str(value).lower() if isinstance(value, bool) else str(value)


def _profile(
    events: Sequence[Mapping[str, Any]], start_ms: int, length_ms: int, resolution: Resolution
) -> GroupProfile:
    """All events of one group at once."""
    times = np.array([parse_timestamp_ms(event["ts"]) for event in events], np.int64)
    slices, vocabulary = slice_of(times - start_ms, length_ms), Vocabulary()
    columns = {name: Column.of(values, vocabulary) for name, values in _signals(events).items()}
    signals = {name: Profile.of(column, slices, resolution, vocabulary) for name, column in columns.items()}
    return GroupProfile.of(len(events), signals, resolution)


def _signals(events: Sequence[Mapping[str, Any]]) -> dict[str, list[Any]]:
    """Every feature, the prediction and the latency; a feature that is named like one of these two is told apart."""
    ours = ("prediction", "latency_ms")
    features = sorted({name for event in events for name in event["features"]})
    columns = {
        f"features.{name}" if name in ours else name: [event["features"].get(name, MISSING) for event in events]
        for name in features
    }
    return columns | {name: [event.get(name, MISSING) for event in events] for name in ours}


def _sent_profiles(config: Config, values: Iterable[bytes]) -> dict[Place, bytes]:
    """The profiles of all packets, each packet once by its stamp, merged as the monitor is to merge them."""
    seen: dict[tuple[SourcePartition, Stamp], bytes] = {}
    pieces: dict[tuple[str, int], list[Packet]] = defaultdict(list)
    for value in values:
        message = decode_message(value)
        if not isinstance(message, Packet):
            continue
        key = (message.header.source, message.header.stamp)
        if key not in seen:
            pieces[message.header.model, message.header.window_start_ms].append(message)
        _same(seen, key, value)
    return {
        (group, start_ms): encode_group(profile)
        for (model, start_ms), packets in pieces.items()
        for group, profile in _merged(rules_of(config, model), packets).items()
    }


def _merged(rules: Mapping[str, SegmentRule], packets: Sequence[Packet]) -> dict[Group, GroupProfile]:
    """The groups of one model and window, with segments folded as far as all of them need."""
    levels: dict[tuple[str, str], int] = defaultdict(int)
    values: dict[tuple[str, str], set[str]] = defaultdict(set)
    for header, _ in packets:
        if header.segment is not None:
            along = (header.version, header.segment[0])
            levels[along] = max(levels[along], header.fold)
            values[along].add(header.segment[1])
    parts: dict[Group, list[GroupProfile]] = defaultdict(list)
    for header, payload in packets:
        group = header.group
        if group.segment is not None:
            rule, along = rules[group.segment.path], (group.version, group.segment.path)
            level = rule.level(values[along], levels[along])
            group = group._replace(segment=Segment(rule.path, rule.folded(group.segment.value, level)))
        parts[group].append(decode_group(payload))
    return {group: reduce(GroupProfile.merge, some) for group, some in parts.items()}
