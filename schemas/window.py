"""The record of a closed window: one for each window and group, on the windows topic.

It carries what was compared and what came of it, so that a page or a report needs to ask no worker. Its bytes are
canonical: a function of the events and the configuration. Records may repeat; readers count distinct
(group, window).
"""

from enum import StrEnum
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from schemas import codec
from schemas.group import Group, Segment
from schemas.verdict import State

SCHEMA: Literal["driftline.window/1"] = "driftline.window/1"


class Completeness(StrEnum):
    """Whether a window holds all it should: `mixed` was filled under two configurations, `incomplete` lacks packets
    that were announced. Neither gets a verdict."""

    COMPLETE = "complete"
    MIXED = "mixed"
    INCOMPLETE = "incomplete"


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Cell(_Frozen):
    """One cell of the frozen partition, with the events of the baseline and of the window in it."""

    label: str
    reference: int
    current: int


class SignalRecord(_Frozen):
    """One signal of a closed window. `verdicts` are the detectors' (see `schemas.verdict`); `level` is the level of
    the primary test, `effect` its effect. Counts are of events."""

    name: str
    state: State
    present: int
    null: int
    missing: int
    not_finite: int = 0
    mean: float | None = None
    least: float | None = None
    greatest: float | None = None
    p_value: float | None = None
    level: float | None = None
    effect: float | None = None
    summary: str = ""
    verdicts: tuple[dict[str, Any], ...] = ()
    cells: tuple[Cell, ...] = ()


class WindowRecord(_Frozen):
    """`[start_ms, end_ms)` in event time, epoch milliseconds; `segment` is a path and a value, or absent."""

    schema_: Literal["driftline.window/1"] = Field(SCHEMA, alias="schema")
    model: str
    version: str
    segment: tuple[str, str] | None = None
    start_ms: int
    end_ms: int
    events: int
    completeness: Completeness = Completeness.COMPLETE
    state: State
    baseline_events: int = 0
    learned_windows: int | None = None
    signals: tuple[SignalRecord, ...] = ()

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)

    @property
    def group(self) -> Group:
        return Group(self.model, self.version, Segment(*self.segment) if self.segment else None)

    def encode(self) -> bytes:
        """Canonical bytes."""
        return codec.encode_canonical(self.model_dump(mode="json", by_alias=True, exclude_none=True))
