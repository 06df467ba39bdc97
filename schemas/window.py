"""The record of a closed window: one for each window and group, on the windows topic.

It carries what was compared and what came of it, so that a page or a report needs to ask no worker. Its bytes are
canonical: a function of the events and the configuration. Records may repeat; readers count distinct
(group, window).
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from enum import StrEnum
from itertools import repeat
from typing import Any, ClassVar, Literal, NamedTuple

from pydantic import BaseModel, ConfigDict, Field, GetCoreSchemaHandler, create_model
from pydantic_core import CoreSchema, core_schema

from schemas import codec
from schemas.basis import Basis
from schemas.group import Group, Segment
from schemas.verdict import State

SCHEMA: Literal["driftline.window/2"] = "driftline.window/2"
MOST_BYTES = 8 * 1024 * 1024


class Completeness(StrEnum):
    """Whether a window holds all it should: `mixed` was filled under two configurations, `incomplete` lacks packets
    that were announced. Neither gets a verdict."""

    COMPLETE = "complete"
    MIXED = "mixed"
    INCOMPLETE = "incomplete"


class LeftOut(StrEnum):
    """What a record that would have more than 8 MiB lacks; each step leaves out what those before it do, and more: cells of
    signals that are ok, their verdicts, cells and verdicts of all signals, and at last the signals that neither warn nor
    drift."""

    OK_CELLS = "ok_cells"
    OK_VERDICTS = "ok_verdicts"
    CELLS = "cells"
    VERDICTS = "verdicts"
    SIGNALS = "signals"


_CellForm = create_model(
    "Cell",
    __doc__="One cell of the frozen partition, with the events of the baseline and of the window in it.",
    __config__=ConfigDict(extra="forbid"),
    label=(str, ...),
    reference=(int, ...),
    current=(int, ...),
)


class Cell(NamedTuple):
    """One cell of the frozen partition, with the events of the baseline and of the window in it. An object in JSON."""

    label: str
    reference: int
    current: int

    @classmethod
    def of_columns(cls, labels: Iterable[str], reference: Iterable[int], current: Iterable[int]) -> tuple["Cell", ...]:
        """One cell for each row of columns, which are equally long."""
        return tuple(map(tuple.__new__, repeat(cls), zip(labels, reference, current, strict=True)))

    @classmethod
    def __get_pydantic_core_schema__(cls, source: object, handler: GetCoreSchemaHandler) -> CoreSchema:
        form = handler.generate_schema(_CellForm)
        read = core_schema.no_info_after_validator_function(lambda form: cls(**form.model_dump()), form)
        return core_schema.json_or_python_schema(
            json_schema=read,
            python_schema=core_schema.union_schema([core_schema.is_instance_schema(cls), read]),
            serialization=core_schema.plain_serializer_function_ser_schema(cls._asdict),
        )


@dataclass(frozen=True, slots=True)
class SignalRecord:
    """One signal of a closed window. `verdicts` are the detectors' (see `schemas.verdict`). `level` is what `p_value` was
    held against, and `budget_basis` what that rests on. `effect` is that of the primary test, between `effect_low` and
    `effect_high` with 95 % confidence. A change of `minimum_detectable_effect` would have been found with a power of
    0.8. Counts are of events."""

    __pydantic_config__: ClassVar[ConfigDict] = ConfigDict(extra="forbid")

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
    budget_basis: Basis | None = None
    minimum_detectable_effect: float | None = None
    effect_low: float | None = None
    effect_high: float | None = None

    def to_json(self) -> dict[str, Any]:
        """The record as JSON has it: without what is None."""
        found: dict[str, Any] = {
            "name": self.name,
            "state": str(self.state),
            "present": self.present,
            "null": self.null,
            "missing": self.missing,
            "not_finite": self.not_finite,
            "summary": self.summary,
            "verdicts": self.verdicts,
            "cells": [{"current": m, "label": a, "reference": n} for a, n, m in self.cells],
        }
        for name in _MAY_LACK:
            value = getattr(self, name)
            if value is not None:
                found[name] = value
        return found


_MAY_LACK = (
    "mean",
    "least",
    "greatest",
    "p_value",
    "level",
    "effect",
    "budget_basis",
    "minimum_detectable_effect",
    "effect_low",
    "effect_high",
)


class WindowRecord(BaseModel):
    """`[start_ms, end_ms)` in event time, epoch milliseconds; `segment` is a path and a value, or absent."""

    schema_: Literal["driftline.window/1", "driftline.window/2"] = Field(SCHEMA, alias="schema")
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
    left_out: LeftOut | None = None
    signals: tuple[SignalRecord, ...] = ()

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)

    @property
    def group(self) -> Group:
        return Group(self.model, self.version, Segment(*self.segment) if self.segment else None)

    def encode(self) -> bytes:
        """Canonical bytes. Where they would be more than 8 MiB, as little is left out as will do; a message of Kafka's holds
        10 MiB."""
        encoded = self._encoded()
        if len(encoded) <= MOST_BYTES:
            return encoded
        for left_out in LeftOut:
            encoded = self._without(left_out)._encoded()
            if len(encoded) <= MOST_BYTES:
                break
        return encoded

    def _encoded(self) -> bytes:
        record = self.model_dump(mode="json", by_alias=True, exclude_none=True, exclude={"signals"})
        signals = codec.canonical_list(signal.to_json() for signal in self.signals)
        return codec.encode_canonical(record | {"signals": signals})

    def _without(self, left_out: LeftOut) -> "WindowRecord":
        """The record as it is after that step."""
        signals = (
            signal for signal in self.signals if left_out is not LeftOut.SIGNALS or signal.state in _WORTH_A_LOOK
        )
        less = tuple(_less(signal, left_out) for signal in signals)
        return self.model_copy(update={"left_out": left_out, "signals": less})


_STEPS = tuple(LeftOut)
_WORTH_A_LOOK = (State.WARNING, State.DRIFT)


def _less(signal: SignalRecord, left_out: LeftOut) -> SignalRecord:
    step = _STEPS.index(left_out) - (0 if signal.state is State.OK else _STEPS.index(LeftOut.CELLS))
    if step < 0:
        return signal
    return replace(signal, cells=(), verdicts=() if step else signal.verdicts)
