"""The baseline file: what a model's signals looked like, for each segment, in total and window by window.

Profiles are the bytes of `detectors.groups.wire`, as base64.
"""

from typing import Annotated, Literal

from pydantic import Base64Bytes, BaseModel, ConfigDict, Field, ValidationError

from schemas import codec
from schemas.errors import WireError

SCHEMA: Literal["driftline.baseline/1"] = "driftline.baseline/1"
LENS_SCHEMA: Literal["driftline.baseline/2"] = "driftline.baseline/2"
"""That of a baseline with a lens; one without has the bytes that it always had."""
SCORED_SCHEMA: Literal["driftline.baseline/3"] = "driftline.baseline/3"
"""That of a baseline with a scorer, with a lens or without."""


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)


class BaselineWindow(_Frozen):
    """One closed window of the baseline, `start_ms` in event time."""

    start_ms: int
    profile: Base64Bytes


class BaselineGroup(_Frozen):
    """A segment's baseline; the whole model's without `segment`."""

    segment: tuple[str, str] | None = None
    events: Annotated[int, Field(ge=0)]
    profile: Base64Bytes
    windows: tuple[BaselineWindow, ...] = ()


class BaselineFile(_Frozen):
    """A model's baseline, built from windows of `window_ms`."""

    schema_: Literal["driftline.baseline/1"] = Field(SCHEMA, alias="schema")
    model: str
    window_ms: Annotated[int, Field(gt=0)]
    groups: tuple[BaselineGroup, ...]

    def encode(self) -> bytes:
        """The file's bytes."""
        return self.model_dump_json(by_alias=True, exclude_none=True, indent=1).encode() + b"\n"

    @classmethod
    def decode(cls, data: bytes) -> "BaselineFile":
        """Raises WireError where `data` is not a baseline file of a version known here."""
        try:
            return cls.model_validate_json(data)
        except ValidationError as error:
            first = error.errors()[0]
            place = ".".join(map(str, first["loc"])) or "file"
            raise WireError(f"not a baseline that this version reads: {place}: {first['msg']}") from error


class LensForm(_Frozen):
    """Signals in order of the alphabet with their frozen centres and scales, and what other numeric signals there were."""

    names: tuple[str, ...]
    centres: tuple[Annotated[float, Field(allow_inf_nan=False)], ...]
    scales: tuple[Annotated[float, Field(gt=0, allow_inf_nan=False)], ...]
    unwatched: tuple[str, ...] = ()


class LensBaselineFile(BaselineFile):
    """A model's baseline with the lens that its correlations are seen through."""

    schema_: Literal["driftline.baseline/2"] = Field(LENS_SCHEMA, alias="schema")  # type: ignore[assignment]  # the version is what tells them apart
    lens: LensForm


class MarginalForm(_Frozen):
    """How surprising the values of a signal are, in 64ths of a bit: `kinds` in the order number, string, false, true, null,
    missing, not finite, other; `bins` of numbers and their normal `scores`, in 32nds; categories by the hash of their name,
    16 hex digits, of which the last `shift` bits do not count."""

    name: str
    centre: Annotated[float, Field(allow_inf_nan=False)] = 0.0
    scale: Annotated[float, Field(gt=0, allow_inf_nan=False)] = 1.0
    kinds: tuple[int, ...]
    bins: tuple[int, ...] = ()
    scores: tuple[int, ...] = ()
    shift: int = 0
    categories: tuple[Annotated[str, Field(pattern="^[0-9a-f]{16}$")], ...] = ()
    surprises: tuple[int, ...] = ()
    unseen: int = 0


class ScorerForm(_Frozen):
    """What the events of windows are scored by: signals in order of the alphabet, the places of those whose normal scores
    are taken together, and their weights, in 256ths of a bit."""

    signals: tuple[MarginalForm, ...]
    together: tuple[int, ...] = ()
    weights: tuple[tuple[int, ...], ...] = ()


class ScoredBaselineFile(BaselineFile):
    """A model's baseline with the scorer of its events, and the lens of its correlations where it has one."""

    schema_: Literal["driftline.baseline/3"] = Field(SCORED_SCHEMA, alias="schema")  # type: ignore[assignment]  # as above
    lens: LensForm | None = None
    scorer: ScorerForm


def decode_baseline(data: bytes) -> BaselineFile:
    """The baseline file of whichever version. Raises WireError where `data` is none that is known here."""
    known: dict[str, type[BaselineFile]] = {LENS_SCHEMA: LensBaselineFile, SCORED_SCHEMA: ScoredBaselineFile}
    return known.get(_schema(data), BaselineFile).decode(data)


def _schema(data: bytes) -> str:
    try:
        document = codec.decode(data)
    except WireError:
        return ""
    return str(document.get("schema", "")) if isinstance(document, dict) else ""
