"""The alert event: one signal of one group began to drift, or went back.

Its bytes are canonical: nothing in it comes from the wall clock, the worker or the partitioning, so the same events
give the same alert. Where in the topics it came from is a header of the message, `where`.
"""

from enum import StrEnum
from hashlib import blake2b
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from schemas import codec
from schemas.basis import Basis
from schemas.contributions import Contributions
from schemas.group import Group, Segment
from schemas.window import Cell

SCHEMA: Literal["driftline.alert/3"] = "driftline.alert/3"


class AlertState(StrEnum):
    """`announced` is no alarm: a version of the model is new, and what it differs in. It is there once, and opens no
    incident. Since schema 3."""

    FIRING = "firing"
    RESOLVED = "resolved"
    ANNOUNCED = "announced"


class Alert(BaseModel):
    """`id` is the same for firing and resolved; `incident` is shared by all alerts of a model that overlap, the first of
    which began at `incident_onset_ms`.

    `onset_ms` is the start of the first window that drifted; `start_ms` and `end_ms` are the window that made this
    event. `level` is what `p_value` was held against, and `budget_basis` what that rests on; `effect` lies between
    `effect_low` and `effect_high` with 95 % confidence. `evidence` holds the detectors' verdicts, `cells` the cells that
    moved most, most first; `contributions` say which signals and segments explain how much, where it fires.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)

    schema_: Literal["driftline.alert/1", "driftline.alert/2", "driftline.alert/3"] = Field(SCHEMA, alias="schema")
    id: str
    incident: str
    incident_onset_ms: int | None = None
    state: AlertState
    model: str
    version: str
    segment: tuple[str, str] | None = None
    signal: str
    onset_ms: int
    start_ms: int
    end_ms: int
    summary: str
    p_value: float | None = None
    level: float | None = None
    effect: float | None = None
    effect_low: float | None = None
    effect_high: float | None = None
    budget_basis: Basis | None = None
    baseline_events: int
    window_events: int
    evidence: tuple[dict[str, Any], ...] = ()
    cells: tuple[Cell, ...] = ()
    contributions: Contributions | None = None

    @property
    def group(self) -> Group:
        return Group(self.model, self.version, Segment(*self.segment) if self.segment else None)

    @property
    def began_ms(self) -> int:
        """When its incident began; of schema 1, which does not say, when it did itself."""
        return self.onset_ms if self.incident_onset_ms is None else self.incident_onset_ms

    def encode(self) -> bytes:
        """Canonical bytes."""
        return codec.encode_canonical(self.model_dump(mode="json", by_alias=True, exclude_none=True))


def alert_id(group: Group, signal: str, onset_ms: int) -> str:
    """16 hex digits of BLAKE2b over (model, version, segment, signal, onset window)."""
    return _digest(group.key, signal.encode(), str(onset_ms).encode())


def incident_id(model: str, onset_ms: int) -> str:
    """16 hex digits of BLAKE2b over (model, onset window of the incident)."""
    return _digest(b"incident", model.encode(), str(onset_ms).encode())


def _digest(*parts: bytes) -> str:
    return blake2b(b"\0".join(parts), digest_size=8).hexdigest()
