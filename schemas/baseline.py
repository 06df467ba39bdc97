"""The baseline file: what a model's signals looked like, for each segment, in total and window by window.

Profiles are the bytes of `detectors.wire`, as base64.
"""

from typing import Annotated, Literal

from pydantic import Base64Bytes, BaseModel, ConfigDict, Field, ValidationError

from schemas import codec
from schemas.errors import WireError

SCHEMA: Literal["driftline.baseline/1"] = "driftline.baseline/1"
LENS_SCHEMA: Literal["driftline.baseline/2"] = "driftline.baseline/2"
"""That of a baseline with a lens; one without has the bytes that it always had."""


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


def decode_baseline(data: bytes) -> BaselineFile:
    """The baseline file of whichever version. Raises WireError where `data` is none that is known here."""
    known = LensBaselineFile if _names(data, LENS_SCHEMA) else BaselineFile
    return known.decode(data)


def _names(data: bytes, schema: str) -> bool:
    try:
        document = codec.decode(data)
    except WireError:
        return False
    return isinstance(document, dict) and document.get("schema") == schema
