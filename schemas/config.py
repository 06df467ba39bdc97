"""The configuration: frozen, and validated once, where it is read.

Durations are written with a unit (`length: 5m`) and kept as integer milliseconds (`length_ms`).
"""

from collections.abc import Mapping
from functools import cached_property
from hashlib import blake2b
from math import ceil
from typing import Annotated, Any

from pydantic import Tag, ValidationError, model_validator

from schemas import codec, mistakes
from schemas.detection_config import DetectionConfig, LimitsConfig
from schemas.duration import DurationMs, format_duration
from schemas.errors import ConfigError
from schemas.event_config import EventConfig
from schemas.kafka_config import KafkaConfig
from schemas.model_config import ModelConfig, Models
from schemas.season import DAY_MS, HOUR_MS, Season
from schemas.service_config import AlertmanagerConfig, MetricsConfig, PageConfig
from schemas.settings import REST, Auto, Section, auto_or_list, between, duration, is_beneath

FINGERPRINT_VERSION = 1
PROJECTION_VERSION = 1
_LEAST_OF_AN_HOUR = 20
_LATER_LIMITS = frozenset({"models", "versions_per_model"})


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
    def _watches_nothing_ignored(self) -> "Config":
        for at, model in enumerate(() if self.models == "auto" else self.models):
            listed = () if model.signals == "auto" else model.signals
            wanted = [*(segment.path for segment in model.segments), *(signal.path for signal in listed)]
            embedded = {one.path for one in self.event.embeddings}
            odd = next((signal for signal in listed if signal.kind != "auto" and signal.path in embedded), None)
            if odd is not None:
                raise ValueError(
                    f"models[{at}]: the signal {odd.name} is an embedding, so its kind must be auto, got {odd.kind}"
                )
            both = next((path for path in wanted if is_beneath(path, self.event.ignore)), None)
            if both is not None:
                raise ValueError(f"models[{at}]: {both} is watched, and event.ignore has it; choose one")
            redacted = self.event.redact
            named = next((part.path for part in model.segments if part.keep and is_beneath(part.path, redacted)), None)
            if named is not None:
                raise ValueError(f"models[{at}]: {named} is redacted, so keep cannot name its values")
            number = next((one for one in listed if one.kind == "numeric" and is_beneath(one.path, redacted)), None)
            if number is not None:
                raise ValueError(
                    f"models[{at}]: {number.path} is redacted, so the kind of the signal {number.name} cannot be numeric: "
                    "numbers stay as they are; ignore it, or make it categorical"
                )
        return self

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
    def from_mapping(cls, obj: object, source: str = "configuration", folder: str = "") -> "Config":
        """The configuration that `obj`, as YAML has it, sets; files that secure connections are looked for from `folder`
        on. Raises ConfigError, one line for each mistake."""
        try:
            return cls.model_validate(obj, context={"folder": folder})
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

    def fingerprint(
        self,
        lenses: Mapping[str, str] | None = None,
        key: str = "",
        scorers: Mapping[str, str] | None = None,
    ) -> str:
        """16 hex digits of BLAKE2b over exactly what decides a packet's bytes.

        That is the window's length, lateness and skew, the form, the paths, the unit of time and the embeddings of events, which
        halves are joined, the limits, and each model's name, segments and signals; by model the digests of what its correlations are
        seen through, `lenses`, and its events scored by, `scorers`; and `key`, the digest of what pseudonyms are made with.
        It is not where events come from and go to, nor what they are compared with: the broker, how connections are secured,
        the group, blocks, idleness, baselines, false alarms, detection, metrics, page, Alertmanager. The order of models and
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
        if self.event.ignore or self.event.redact:
            decisive["privacy"] = [sorted(self.event.ignore), sorted(self.event.redact), key]
        if self.event.embeddings:
            some = sorted([one.path, one.dimension, one.projections] for one in self.event.embeddings)
            decisive["embeddings"] = [PROJECTION_VERSION, some]
        if lenses:
            decisive["lenses"] = sorted(lenses.items())
        if scorers:
            decisive["scorers"] = sorted(scorers.items())
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
