"""What explains a change, and how much of it: the signals of a group, and the segments of a whole."""

from pydantic import BaseModel, ConfigDict

MOST_SIGNALS = MOST_SEGMENTS = 5


class SignalShare(BaseModel):
    """One signal that drifts in the window. `excess` is how far its likelihood ratio G lies beyond what its baseline's
    windows show, `share` its part of the sum over all signals of the group that drift, and `effect` the greatest of the
    tests that say drift."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    signal: str
    share: float
    excess: float
    effect: float | None = None


class SegmentShare(BaseModel):
    """One segment's part of the share of events that moved: `mix`, because it has more or fewer of the events, and
    `within`, because its own distribution changed; `share` is both over all that moved, `weight` what that would be if
    all segments had moved alike. `reference` and `current` are its events in the baseline and in the window."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    segment: tuple[str, str]
    share: float
    weight: float
    mix: float
    within: float
    reference: int
    current: int


class Contributions(BaseModel):
    """The `signals` that explain most, and the `segments` whose share is farthest from their weight, at most five each.
    `moved` is the share of events that moved between cells, which the segments of one path explain together; None where
    there are none to ask."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    signals: tuple[SignalShare, ...] = ()
    segments: tuple[SegmentShare, ...] = ()
    moved: float | None = None
