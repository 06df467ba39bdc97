"""The section `models`: what is watched of each model, and what it is compared with."""

from operator import attrgetter
from typing import Annotated, Literal

from pydantic import AfterValidator, BeforeValidator, Field, Strict, Tag, model_validator

from schemas.duration import DurationMs
from schemas.season import Season
from schemas.settings import (
    MOST,
    REST,
    WORD,
    Auto,
    DottedPath,
    Many,
    Name,
    Section,
    auto_or_list,
    between,
    check_path,
    check_text,
    duration,
    path_or_mapping,
    unique,
)

OUR_MARK = "__"
"""What the names of our own signals begin with."""


def _check_signal(name: str) -> str:
    if name.startswith(OUR_MARK):
        raise ValueError(f"{name!r} begins with {OUR_MARK}, as the names of driftline's own signals do; choose another")
    return name


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

    keep: Many[Annotated[str, AfterValidator(check_text)]] = ()
    """Values that always have a group of their own."""

    most: Annotated[int, Field(ge=1, le=10_000)] = 50
    """At most so many other values have one; the rest is folded into `__other__`."""


class SignalConfig(Section):
    """A signal by name, and where its value stands."""

    name: Annotated[Name, AfterValidator(_check_signal)]
    path: DottedPath
    kind: Literal["auto", "numeric", "categorical"] = "auto"
    """`categorical` takes numbers for codes; `auto` goes by the baseline."""


class FalseAlarms(Section):
    """The false-alarm budget of a model, counted in incidents."""

    at_most: Annotated[float, Field(gt=0, le=MOST, allow_inf_nan=False)] = 1.0
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
