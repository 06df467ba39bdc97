"""The configuration: frozen, and validated once, where it is read.

Durations are written with a unit (`length: 5m`) and kept as integer milliseconds (`length_ms`).
"""

from collections.abc import Mapping
from functools import cached_property
from hashlib import blake2b
from math import ceil
from operator import attrgetter
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, Field, Strict, Tag, ValidationError, model_validator

from schemas import codec, mistakes
from schemas.duration import DurationMs, format_duration
from schemas.errors import ConfigError
from schemas.event import TsUnit
from schemas.season import DAY_MS, HOUR_MS, Season
from schemas.settings import (
    REST,
    WORD,
    Address,
    Auto,
    Count,
    DottedPath,
    Link,
    Many,
    Name,
    Section,
    Servers,
    TopicName,
    auto_or_list,
    between,
    check_path,
    duration,
    path_or_mapping,
    unique,
)

FINGERPRINT_VERSION = 1
WHOLE_EVENT = "."
_LEAST_OF_AN_HOUR = 20
_LATER_LIMITS = frozenset({"models", "versions_per_model"})


class KafkaConfig(Section):
    """Where events come from, and the names and shapes of our own topics."""

    bootstrap_servers: Servers = ("localhost:9092",)
    """Brokers to ask first: host:port, or a list of them."""

    topics: Annotated[Many[TopicName], Field(min_length=1), unique("topic", str)] = ("inference.events",)
    """The source topics."""

    group: Name = "driftline"
    """The consumer group. Workers that share it share the work."""

    start: Literal["earliest", "latest"] = "earliest"
    """Where a group that has committed nothing begins."""

    prefix: Annotated[TopicName, Field(max_length=200)] = "driftline"
    """What the names of our own topics begin with."""

    profiles_partitions: Annotated[int, Field(ge=1, le=256)] = 4
    """Partitions of the profiles topic: at most so many workers monitor."""

    replication_factor: Annotated[int, Field(ge=1, le=32_767)] = 1
    """Replicas of our own topics, when they are created."""

    block_size: Annotated[int, Field(ge=1_000, le=10_000_000)] = 1_000_000
    """Offsets in a block: at most so many events of a partition are read again after a crash. Cannot be changed
    for a group that has begun."""

    @property
    def profiles_topic(self) -> str:
        return f"{self.prefix}.profiles"

    @property
    def windows_topic(self) -> str:
        return f"{self.prefix}.windows"

    @property
    def alerts_topic(self) -> str:
        return f"{self.prefix}.alerts"

    @property
    def dead_letters_topic(self) -> str:
        return f"{self.prefix}.dead-letters"

    @model_validator(mode="after")
    def _does_not_read_itself(self) -> "KafkaConfig":
        ours = {self.profiles_topic, self.windows_topic, self.alerts_topic, self.dead_letters_topic}
        both = next((topic for topic in self.topics if topic in ours), None)
        if both is not None:
            raise ValueError(f"{both!r} is a source topic and one of our own; change topics or prefix")
        return self


class WindowConfig(Section):
    """How event time is cut into windows, and what is too late or too early."""

    length_ms: Annotated[DurationMs, between("1s", "7d")] = duration("length", "5m")
    """The length of a window."""

    allowed_lateness_ms: DurationMs = duration("allowed_lateness", "30s")
    """How far a partition's watermark stays behind its highest event time."""

    idle_timeout_ms: Annotated[DurationMs, between("1ms")] = duration("idle_timeout", "1m")
    """How long a partition has nothing to read before its watermark advances as time does."""

    max_skew_ms: DurationMs = duration("max_skew", "10m")
    """How far an event may be ahead of its record's timestamp; one further ahead is refused."""


def _features_path(path: str) -> str:
    return path if path == WHOLE_EVENT else check_path(path)


class EventPaths(Section):
    """Where the fields of an event stand: keys with dots between."""

    event_id: DottedPath = "event_id"
    ts: DottedPath = "ts"
    model: DottedPath = "model"
    version: DottedPath = "version"
    features: Annotated[str, AfterValidator(_features_path)] = "features"
    """`.` where the features stand beside the other fields: every field of the event that no path names, but for
    objects."""

    prediction: DottedPath = "prediction"
    label: DottedPath = "label"
    latency_ms: DottedPath = "latency_ms"
    tags: DottedPath = "tags"


class PairsConfig(Section):
    """Requests and responses that are records of their own, joined. Both halves are on one partition."""

    within_ms: Annotated[DurationMs, between("1s", "1d")] = duration("within", "5m")
    """A half waits so long for the other, in the time of the partition's records."""

    most: Annotated[int, Field(ge=1, le=1_000_000)] = 20_000
    """Of a partition at most so many halves wait; of more, the oldest is given up."""


class EventConfig(Section):
    """The form of events."""

    format: Literal["json", "cloudevents", "confluent-avro", "kserve-v1", "kserve-v2", "sagemaker", "seldon"] = "json"
    """`json` is the plain form; events of the others are made plain first."""

    half: Literal["request", "response"] = "request"
    """Which half of a pair is an event, where request and response are records of their own."""

    pairs: PairsConfig | None = None
    """With `{within: 5m}` requests and responses are joined: one event of both halves."""

    ts_unit: TsUnit = "ms"
    """What times that are numbers count: since 1970, in this unit."""

    registry: Link = ""
    """The schema registry, for `confluent-avro`."""

    paths: EventPaths = EventPaths()

    @model_validator(mode="after")
    def _has_a_registry(self) -> "EventConfig":
        if self.format == "confluent-avro" and not self.registry:
            raise ValueError("format confluent-avro needs a registry, as in http://localhost:8081")
        return self

    @model_validator(mode="after")
    def _has_halves(self) -> "EventConfig":
        if self.pairs is not None and self.format not in ("kserve-v1", "kserve-v2", "seldon"):
            raise ValueError(
                f"pairs goes with format kserve-v1, kserve-v2 and seldon, got {self.format}: it has no halves"
            )
        return self

    @model_validator(mode="after")
    def _has_times_of_its_own(self) -> "EventConfig":
        if self.ts_unit != "ms" and self.format not in ("json", "confluent-avro"):
            raise ValueError(
                f"ts_unit goes with format json and confluent-avro, got {self.ts_unit!r} with {self.format}; the times of the "
                "other formats are ISO 8601"
            )
        return self


BaselinePath = Annotated[str, Field(min_length=1)]


class LearnFrom(Section):
    """What a baseline is learned from."""

    windows: Annotated[int, Field(ge=2, le=100_000)] = 288
    """The first so many closed windows become the baseline."""


class RollingConfig(Section):
    """A second baseline, of a group's own last windows."""

    windows: Annotated[int, Field(ge=20, le=500)]
    """The last so many windows that were not part of an incident."""


class BaselineConfig(Section):
    """What windows are compared with: learned, unless a file is named."""

    learn: LearnFrom = LearnFrom()

    file: BaselinePath | None = None
    """The path of a baseline file, in place of `learn`."""

    season: Annotated[Season, Strict(False)] = Season.NONE
    """With a season, a window is compared with the baseline's windows of the same hour, where these are enough."""

    rolling: RollingConfig | None = None
    """With `{windows: N}`, each window is compared with the group's last N windows, too, a test of its own."""

    @model_validator(mode="after")
    def _is_one_thing(self) -> "BaselineConfig":
        if self.file is not None and "learn" in self.model_fields_set:
            raise ValueError("has a file and learn; a baseline is one or the other")
        return self

    @property
    def windows(self) -> int:
        """How many windows it is learned from; 0 where it is a file."""
        return self.learn.windows if self.file is None else 0


class SegmentConfig(Section):
    """A path whose values split the profiles."""

    path: DottedPath
    """The path, as in tags.country."""

    keep: Many[str] = ()
    """Values that always have a group of their own."""

    most: Annotated[int, Field(ge=1, le=10_000)] = 50
    """At most so many other values have one; the rest is folded into `__other__`."""


class SignalConfig(Section):
    """A signal by name, and where its value stands."""

    name: Name
    path: DottedPath
    kind: Literal["auto", "numeric", "categorical"] = "auto"
    """`categorical` takes numbers for codes; `auto` goes by the baseline."""


class FalseAlarms(Section):
    """The false-alarm budget of a model, counted in incidents."""

    at_most: Annotated[float, Field(gt=0, allow_inf_nan=False)] = 1.0
    per_ms: Annotated[DurationMs, between("1s")] = duration("per", "30d")


def _segment(value: object) -> object:
    if isinstance(value, str):
        return {"path": check_path(value)}
    return value


Segments = Annotated[
    Many[Annotated[SegmentConfig, BeforeValidator(_segment, json_schema_input_type=str | SegmentConfig)]],
    unique("path", attrgetter("path")),
]
Signals = Annotated[Many[SignalConfig], Field(min_length=1), unique("name", attrgetter("name"))]


class ModelConfig(Section):
    """How one model is watched."""

    name: Name
    """The model, as its events name it."""

    baseline: Annotated[
        Annotated[BaselinePath, Tag(WORD)] | Annotated[BaselineConfig, Tag(REST)],
        path_or_mapping("{learn: {windows: 288}}"),
    ] = BaselineConfig()
    """The path of a baseline file, or how many windows to learn it from; and whether it has a season."""

    segments: Segments = ()
    """Paths whose values split the profiles."""

    signals: Annotated[Auto | Annotated[Signals, Tag(REST)], auto_or_list("signals")] = "auto"
    """What is profiled. `auto`: every feature, the prediction, the latency."""

    false_alarms: FalseAlarms = FalseAlarms()

    @property
    def baseline_file(self) -> str | None:
        """The path of the baseline's file, where it is not learned."""
        return self.baseline if isinstance(self.baseline, str) else self.baseline.file

    @property
    def learned_windows(self) -> int:
        """How many windows the baseline is learned from; 0 where it is a file."""
        return 0 if isinstance(self.baseline, str) else self.baseline.windows

    @property
    def season(self) -> Season:
        return Season.NONE if isinstance(self.baseline, str) else self.baseline.season

    @property
    def rolling_windows(self) -> int:
        """How many windows the rolling baseline has; 0 where there is none."""
        return 0 if isinstance(self.baseline, str) or self.baseline.rolling is None else self.baseline.rolling.windows


Models = Annotated[Many[ModelConfig], Field(min_length=1), unique("name", attrgetter("name"))]


class FireRule(Section):
    """An alert fires when `windows` of the last `of` windows drifted."""

    windows: Annotated[int, Field(ge=1)] = 1
    of: Annotated[int, Field(ge=1, le=100)] = 1

    @model_validator(mode="after")
    def _can_be_met(self) -> "FireRule":
        if self.windows > self.of:
            raise ValueError(f"windows must be at most of, got {self.windows} of {self.of}")
        return self


class PairwiseConfig(Section):
    """Correlations of numeric signals, all pairs of those that the baseline has a lens for."""

    most: Annotated[int, Field(ge=0, le=64)] = 64
    """A baseline is built with a lens for at most so many signals, the most correlated. 0 turns all of it off."""

    signals: Annotated[Auto | Annotated[Many[Name], Field(min_length=2), Tag(REST)], auto_or_list("names")] = "auto"
    """The signals to choose from, when a baseline is built. `auto`: all numeric ones."""

    minimum_change: Annotated[float, Field(gt=0, lt=2)] = 0.1
    """Changes of a correlation below this are no drift, however certain."""


class RolloutConfig(Section):
    """A new version of a model, held against the old one."""

    windows: Annotated[int, Field(ge=0, le=100_000)] = 288
    """For so many windows after it was first there, what a new version differs in from the old one is a warning at most.
    0 turns it off."""


class DetectionConfig(Section):
    """From profiles to verdicts, and from verdicts to alerts."""

    fire: FireRule = FireRule()

    resolve_after: Annotated[int, Field(ge=1, le=1_000)] = 3
    """An alert resolves after so many windows in a row that are well."""

    forget_after_ms: Annotated[DurationMs, between("1m")] = duration("forget_after", "14d")
    """A version, segment or model without events for so long is forgotten: its alerts resolve."""

    minimum_effect: Annotated[float, Field(gt=0, lt=1)] = 0.05
    """Differences below this are no drift, however certain."""

    minimum_events: Annotated[int, Field(ge=10)] = 30
    """A signal with fewer events in a window gets no verdict."""

    bins: Annotated[int, Field(ge=2, le=100)] = 10
    """Quantiles of the baseline that numbers are binned by."""

    primary: Literal["g", "ks", "psi", "js"] = "g"
    """The test that decides; the others are shown as effects."""

    pairwise: PairwiseConfig = PairwiseConfig()
    rollout: RolloutConfig = RolloutConfig()


class LimitsConfig(Section):
    """Caps on what one model, signal or event may take."""

    signals_per_model: Count = 2_000
    categories: Annotated[int, Field(ge=2, le=65_536)] = 256
    """Categories told apart in a signal of a whole model."""

    segment_categories: Annotated[int, Field(ge=2, le=65_536)] = 64
    """Categories told apart in a signal of a segment."""

    event_bytes: Annotated[int, Field(ge=1_000)] = 1_048_576
    """A longer event is refused."""

    models: Count = 1_000
    """With `models: auto`, a window of a source partition takes so many models; events of further ones are refused."""

    versions_per_model: Count = 100
    """And so many versions of each."""

    groups: Annotated[int, Field(ge=10)] = 20_000
    """A profiles partition remembers so many groups, of models, versions and segments; beyond them, those without events
    for longest are forgotten."""


class MetricsConfig(Section):
    """Where a worker serves its page, `/metrics`, `/healthz` and `/readyz`."""

    host: Name = "127.0.0.1"
    port: Annotated[int, Field(ge=0, le=65_535)] = 9464
    """0 turns it off."""

    max_series: Annotated[int, Field(ge=100)] = 5_000
    """Of a model's groups and signals at most so many series; of more, the worst, and the rest is counted."""

    username: Annotated[str, Field(max_length=200, pattern="^[^:]*$")] = ""
    """With a password file, the page and `/metrics` ask for it: basic authentication."""

    password_file: str = ""
    """The path of a file that holds the password, relative to the configuration's folder."""

    @model_validator(mode="after")
    def _has_both(self) -> "MetricsConfig":
        if bool(self.username) != bool(self.password_file):
            raise ValueError("username and password_file go together; set both or neither")
        return self


class PageConfig(Section):
    """What a worker's page remembers."""

    history_ms: Annotated[DurationMs, between("1m")] = duration("history", "24h")
    """How far back the page reads when a worker starts."""

    windows: Annotated[int, Field(ge=12, le=2_000)] = 200
    """The windows of each group that it keeps at most."""


class AlertmanagerConfig(Section):
    """Whom `driftline notify` tells of alerts."""

    urls: Annotated[Many[Address], unique("address", str)] = ()
    """Every Alertmanager, each of a cluster by its own address."""

    resend_ms: Annotated[DurationMs, between("1s", "1h")] = duration("resend", "1m")
    """Open alerts are sent again so often. Without, they end after four times as long."""

    history_ms: Annotated[DurationMs, between("1h")] = duration("history", "90d")
    """How far back the alert topic is read for alerts that are still open. At most as long as the topic keeps them."""

    runbook_url: Link = ""
    """What to do, for whoever is on call; an annotation of each alert."""

    generator_url: Link = ""
    """Where each alert leads to: a dashboard."""


class Config(Section):
    """Everything that can be set. `{}` is valid: each setting has a default."""

    kafka: KafkaConfig = KafkaConfig()
    window: WindowConfig = WindowConfig()
    event: EventConfig = EventConfig()

    models: Annotated[Auto | Annotated[Models, Tag(REST)], auto_or_list("models")] = "auto"
    """The models to watch. `auto`: every model seen, each learning its baseline."""

    detection: DetectionConfig = DetectionConfig()
    limits: LimitsConfig = LimitsConfig()
    metrics: MetricsConfig = MetricsConfig()
    page: PageConfig = PageConfig()
    alertmanager: AlertmanagerConfig = AlertmanagerConfig()

    @model_validator(mode="after")
    def _remembers_two_windows(self) -> "Config":
        least_ms = 2 * self.window.length_ms
        if self.detection.forget_after_ms < least_ms:
            raise ValueError(
                f"detection.forget_after: must be at least two windows, {format_duration(least_ms)}, got "
                f"{format_duration(self.detection.forget_after_ms)}"
            )
        return self

    @model_validator(mode="after")
    def _seasons_are_met(self) -> "Config":
        for at, model in enumerate(() if self.models == "auto" else self.models):
            if model.season is not Season.NONE:
                _check_season(f"models[{at}].baseline", model, self.window.length_ms)
        return self

    @classmethod
    def from_mapping(cls, obj: object, source: str = "configuration") -> "Config":
        """The configuration that `obj`, as YAML has it, sets. Raises ConfigError, one line for each mistake."""
        try:
            return cls.model_validate(obj)
        except ValidationError as error:
            lines = [f"{source}: {line}" for line in mistakes.describe(error, cls)]
            raise ConfigError("\n".join(lines)) from None

    def model(self, name: str) -> ModelConfig | None:
        """How the model of this name is watched: its entry, the default with `auto`, None where it is excluded."""
        if self.models == "auto":
            return _ANY_MODEL.model_copy(update={"name": name})
        return self._by_name.get(name)

    @property
    def only_model(self) -> str | None:
        """The model that is configured alone: whose events those are that name none."""
        return None if self.models == "auto" or len(self.models) != 1 else self.models[0].name

    @cached_property
    def _by_name(self) -> Mapping[str, ModelConfig]:
        return {} if self.models == "auto" else {model.name: model for model in self.models}

    def fingerprint(self, lenses: Mapping[str, str] | None = None) -> str:
        """16 hex digits of BLAKE2b over exactly what decides a packet's bytes.

        That is the window's length, lateness and skew, the form, the paths and the unit of time of events, the limits, and each model's name,
        segments and signals; and `lenses`, by model the digest of what its correlations are seen through. It is not where events come from and go to, nor what they are compared with: the
        broker, the group, blocks, idleness, baselines, false alarms, detection, metrics, page, Alertmanager. The order of models and
        of a segment's `keep` decides nothing.
        """
        window = self.window
        decisive = {
            "fingerprint": FINGERPRINT_VERSION,
            "window": [window.length_ms, window.allowed_lateness_ms, window.max_skew_ms],
            "paths": self.event.paths.model_dump(),
            "limits": _decisive_limits(self.limits),
            "models": self.models if self.models == "auto" else sorted(map(_decisive, self.models), key=_name_of),
        }
        if self.event.format != "json":  # left out there, so that fingerprints of before have not changed
            decisive["form"] = [self.event.format, self.event.half]
        if self.event.pairs is not None:  # for the same reason
            decisive["pairs"] = [self.event.pairs.within_ms, self.event.pairs.most]
        if self.event.ts_unit != "ms":  # for the same reason
            decisive["ts_unit"] = self.event.ts_unit
        if lenses:
            decisive["lenses"] = sorted(lenses.items())
        return blake2b(codec.encode_canonical(decisive), digest_size=8).hexdigest()


_ANY_MODEL = ModelConfig(name="any")


def _check_season(place: str, model: ModelConfig, length_ms: int) -> None:
    """Refuses a season whose hours could never be compared: each takes `_LEAST_OF_AN_HOUR` windows, of two cycles."""
    season, windows = model.season, model.learned_windows
    if length_ms >= DAY_MS:
        raise ValueError(
            f"{place}.season: {season} takes windows shorter than a day, window.length is {format_duration(length_ms)}"
        )
    cycles = max(2, ceil(_LEAST_OF_AN_HOUR / max(1, HOUR_MS // length_ms)))
    least = ceil(cycles * season.cycle_ms / length_ms)
    if windows and windows < least:
        raise ValueError(
            f"{place}.learn.windows: with season {season} must be at least {least}, {cycles} cycles of windows of "
            f"{format_duration(length_ms)}, got {windows}"
        )


def _decisive(model: ModelConfig) -> dict[str, Any]:
    """What of a model decides the bytes of its packets."""
    segments = [[segment.path, sorted(set(segment.keep)), segment.most] for segment in model.segments]
    signals = "auto" if model.signals == "auto" else [[s.name, s.path, s.kind] for s in model.signals]
    return {"name": model.name, "segments": segments, "signals": signals}


def _decisive_limits(limits: LimitsConfig) -> dict[str, int]:
    """Those of packets, without those that came later and are as they come, so that fingerprints of before have not
    changed."""
    found = limits.model_dump(exclude={"groups"})
    return {n: v for n, v in found.items() if n not in _LATER_LIMITS or v != LimitsConfig.model_fields[n].default}


def _name_of(decisive: dict[str, Any]) -> str:
    return str(decisive["name"])
