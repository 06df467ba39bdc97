"""The sections `detection` and `limits`: from profiles to alerts, and what they may take."""

from typing import Annotated, Literal

from pydantic import Field, Tag, model_validator

from schemas.duration import DurationMs
from schemas.settings import MOST, REST, Auto, Count, Many, Name, Section, auto_or_list, between, duration


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

    at_most_ms: Annotated[DurationMs, between("1m")] = duration("at_most", "7d")
    """And for no longer than this, however long a window is."""


class DetectionConfig(Section):
    """From profiles to verdicts, and from verdicts to alerts."""

    fire: FireRule = FireRule()

    resolve_after: Annotated[int, Field(ge=1, le=1_000)] = 3
    """An alert resolves after so many windows in a row that are well."""

    forget_after_ms: Annotated[DurationMs, between("1m")] = duration("forget_after", "14d")
    """A version, segment or model without events for so long is forgotten: its alerts resolve."""

    minimum_effect: Annotated[float, Field(gt=0, lt=1)] = 0.05
    """Differences below this are no drift, however certain."""

    minimum_events: Annotated[int, Field(ge=10, le=MOST)] = 30
    """A signal with fewer events in a window gets no verdict."""

    bins: Annotated[int, Field(ge=2, le=100)] = 10
    """Quantiles of the baseline that numbers are binned by."""

    primary: Literal["g", "ks", "psi", "js"] = "g"
    """The test that decides; the others are shown as effects."""

    anomalies: bool = False
    """Whether a baseline that is built gets a scorer of single events; the events of models with such a baseline are scored."""

    pairwise: PairwiseConfig = PairwiseConfig()
    rollout: RolloutConfig = RolloutConfig()


class LimitsConfig(Section):
    """Caps on what one model, signal or event may take."""

    signals_per_model: Count = 2_000
    categories: Annotated[int, Field(ge=2, le=16_384)] = 256
    """Categories told apart in a signal of a whole model."""

    segment_categories: Annotated[int, Field(ge=2, le=16_384)] = 64
    """Categories told apart in a signal of a segment."""

    event_bytes: Annotated[int, Field(ge=1_000, le=MOST)] = 1_048_576
    """A longer event is refused."""

    models: Count = 1_000
    """With `models: auto`, a window of a source partition takes so many models; events of further ones are refused."""

    versions_per_model: Count = 100
    """And so many versions of each."""

    groups: Annotated[int, Field(ge=10, le=MOST)] = 20_000
    """A profiles partition remembers so many groups, of models, versions and segments; beyond them, those without events
    for longest are forgotten."""
