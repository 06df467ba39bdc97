"""The section `event` of the configuration: what records look like."""

from operator import attrgetter
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, model_validator

from schemas.duration import DurationMs
from schemas.event import TsUnit
from schemas.security_config import AccessConfig, OptionalSecret
from schemas.settings import DottedPath, Link, Many, Section, between, check_path, duration, is_beneath, unique

WHOLE_EVENT = "."
FRAMED_JSON = "confluent-json"
_BY_SCHEMA = ("confluent-avro", "confluent-protobuf")
_TIMED = ("json", FRAMED_JSON, *_BY_SCHEMA)


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
    """Of a partition at most so many halves wait, fewer of records above 8 KiB on average; of more, the oldest is given up."""


class EmbeddingConfig(Section):
    """A path that holds an embedding: a list of as many numbers in each event."""

    path: DottedPath
    """The path, as in features.embedding."""

    dimension: Annotated[int, Field(ge=8, le=16_384)]
    """How many numbers each has; a list of another length is a value of no use."""

    projections: Annotated[int, Field(ge=1, le=64)] = 8
    """It is profiled by so many random projections, a signal each, and by its norm."""


class EventConfig(Section):
    """The form of events."""

    format: Literal[
        "json",
        "cloudevents",
        "confluent-avro",
        "confluent-json",
        "confluent-protobuf",
        "kserve-v1",
        "kserve-v2",
        "sagemaker",
        "seldon",
    ] = "json"
    """`json` is the plain form; events of the others are made plain first."""

    half: Literal["request", "response"] = "request"
    """Which half of a pair is an event, where request and response are records of their own."""

    pairs: PairsConfig | None = None
    """With `{within: 5m}` requests and responses are joined: one event of both halves."""

    ts_unit: TsUnit = "ms"
    """What times that are numbers count: since 1970, in this unit."""

    registry: Link = ""
    """The schema registry, for `confluent-avro` and `confluent-protobuf`."""

    registry_access: AccessConfig = AccessConfig()
    """How the schema registry is asked."""

    paths: EventPaths = EventPaths()

    ignore: Annotated[Many[DottedPath], unique("path", str)] = ()
    """Paths whose values are not looked at, nor what stands beneath them, as in features.email."""

    redact: Annotated[Many[DottedPath], unique("path", str)] = ()
    """Paths whose strings, and those beneath them, are profiled under pseudonyms. With this or `ignore`, dead letters say where a record is and do
    not hold it."""

    redact_key: OptionalSecret = None
    """The secret that pseudonyms are made with."""

    embeddings: Annotated[Many[EmbeddingConfig], unique("path", attrgetter("path"))] = ()
    """Paths that hold an embedding, as in {path: features.embedding, dimension: 384}."""

    @model_validator(mode="after")
    def _projects_what_it_reads(self) -> "EventConfig":
        paths = {one.path for one in self.embeddings}
        both = next((path for path in sorted(paths) if is_beneath(path, (*self.ignore, *self.redact))), None)
        if both is not None:
            raise ValueError(f"{both} is an embedding, and ignored or redacted; choose one")
        fixed = {getattr(self.paths, name) for name in ("event_id", "ts", "model", "version", "features", "latency_ms")}
        wrong = next((path for path in sorted(paths) if path in fixed), None)
        if wrong is not None:
            raise ValueError(f"{wrong} cannot be an embedding: another field of the event stands there")
        return self

    @model_validator(mode="after")
    def _has_a_key(self) -> "EventConfig":
        if self.redact and self.redact_key is None:
            raise ValueError(
                "redact needs redact_key, as in {env: DRIFTLINE_REDACT_KEY}: without one, names are found by trying"
            )
        both = next((path for path in self.redact if path in self.ignore), None)
        if both is not None:
            raise ValueError(f"{both} is ignored and redacted; choose one")
        fixed = {getattr(self.paths, name) for name in ("ts", "model", "version", "features")}
        needed = next((path for path in sorted(fixed) if is_beneath(path, (*self.ignore, *self.redact))), None)
        if needed is not None:
            raise ValueError(f"{needed} cannot be ignored or redacted: events are told apart by it")
        return self

    @model_validator(mode="after")
    def _has_a_registry(self) -> "EventConfig":
        if self.format in _BY_SCHEMA and not self.registry:
            raise ValueError(f"format {self.format} needs a registry, as in http://localhost:8081")
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
        if self.ts_unit != "ms" and self.format not in _TIMED:
            raise ValueError(
                f"ts_unit goes with format {', '.join(_TIMED[:-1])} and {_TIMED[-1]}, got {self.ts_unit!r} with {self.format}; "
                "the times of the other formats are ISO 8601"
            )
        return self
