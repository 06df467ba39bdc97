"""The baseline file: what a model's signals looked like, for each segment, in total, and how far apart its windows are.

Profiles are the bytes of `detectors.groups.wire`, as base64. Versions 1 to 3 held each window's profile, and version 4 did not say
how events of a signal's minority come together; they are read.
"""

from typing import Annotated, Literal, Self

from pydantic import Base64Bytes, BaseModel, ConfigDict, Field, ValidationError

from schemas import codec
from schemas.errors import WireError
from schemas.season import Season

_NAME = "driftline.baseline/"
_LENS, _SCORED, _SHORT = "driftline.baseline/2", "driftline.baseline/3", "driftline.baseline/4"
SCHEMA = "driftline.baseline/5"


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


class LensForm(_Frozen):
    """Signals in order of the alphabet with their frozen centres and scales, and what other numeric signals there were."""

    names: tuple[str, ...]
    centres: tuple[Annotated[float, Field(allow_inf_nan=False)], ...]
    scales: tuple[Annotated[float, Field(gt=0, allow_inf_nan=False)], ...]
    unwatched: tuple[str, ...] = ()


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


class MeasuredForm(_Frozen):
    """What the windows that start at `starts` said: `measured` in so many bins, of windows with so many events, by that
    method; `tails` of the group's running means, a `share`, a `least` and a `stretch` each, and that of its exact tests, `rare`;
    and for each of `names` a row of `figures` (`detectors.baselines.measured`)."""

    starts: tuple[int, ...]
    measured: tuple[int, int, int]
    tails: tuple[tuple[float, float, float], ...]
    rare: tuple[float, float, float] | None = None
    names: tuple[str, ...]
    figures: tuple[tuple[float | None, ...], ...]


class HourForm(_Frozen):
    """The windows that begin in one hour of the file's season."""

    hour: Annotated[int, Field(ge=0, lt=168)]
    profile: Base64Bytes
    measured: MeasuredForm


class MeasuredGroup(_Frozen):
    """A segment's baseline; the whole model's without `segment`. Its profile is deflated."""

    segment: tuple[str, str] | None = None
    events: Annotated[int, Field(ge=0)]
    profile: Base64Bytes
    measured: MeasuredForm
    hours: tuple[HourForm, ...] = ()


class CumulantsForm(_Frozen):
    """The law of the sum over pairs, and its far tail: a `share`, a `least` and a `stretch`."""

    first: float
    second: Annotated[float, Field(gt=0)]
    third: Annotated[float, Field(gt=0)]
    windows: float
    beyond: tuple[float, float, float]


class PairsForm(_Frozen):
    """How Fisher's z of pairs of the lens's signals, those at `first` and `second`, varies from window to window
    (`detectors.correlations.pairs`)."""

    first: tuple[int, ...]
    second: tuple[int, ...]
    mean: tuple[float, ...]
    variance: tuple[float, ...]
    freedom: tuple[float, ...]
    weight: tuple[float, ...]
    skewness: tuple[float, ...]
    inflation: float
    usual: float
    cumulants: CumulantsForm


class _File(_Frozen):
    """A model's baseline, built from windows of `window_ms`."""

    model: str
    window_ms: Annotated[int, Field(gt=0)]

    @classmethod
    def decode(cls, data: bytes) -> Self:
        """Raises WireError where `data` is not a baseline file of this version."""
        try:
            return cls.model_validate_json(data)
        except ValidationError as error:
            first = error.errors()[0]
            place = ".".join(map(str, first["loc"])) or "file"
            raise WireError(f"not a baseline that this version reads: {place}: {first['msg']}") from error


class WindowsFile(_File):
    """A baseline with all of its windows."""

    schema_: Literal["driftline.baseline/1"] = Field(alias="schema")
    groups: tuple[BaselineGroup, ...]


class LensWindowsFile(_File):
    """One with the lens that its correlations are seen through."""

    schema_: Literal["driftline.baseline/2"] = Field(alias="schema")
    groups: tuple[BaselineGroup, ...]
    lens: LensForm


class ScoredWindowsFile(_File):
    """One with the scorer of its events, and a lens where it has one."""

    schema_: Literal["driftline.baseline/3"] = Field(alias="schema")
    groups: tuple[BaselineGroup, ...]
    lens: LensForm | None = None
    scorer: ScorerForm


class MeasuredFile(_File):
    """A baseline with what its windows said in place of them. `pairs` are the lens's, `hours` of the groups those of
    `season`."""

    season: Season = Season.NONE
    groups: tuple[MeasuredGroup, ...]
    lens: LensForm | None = None
    pairs: PairsForm | None = None
    scorer: ScorerForm | None = None


class ShortFile(MeasuredFile):
    """One whose rows of figures lack the last."""

    schema_: Literal["driftline.baseline/4"] = Field(alias="schema")


class BaselineFile(MeasuredFile):
    """One as it is written."""

    schema_: Literal["driftline.baseline/5"] = Field("driftline.baseline/5", alias="schema")

    def encode(self) -> bytes:
        """The file's bytes."""
        return self.model_dump_json(by_alias=True).encode() + b"\n"


AnyFile = WindowsFile | LensWindowsFile | ScoredWindowsFile | ShortFile | BaselineFile


def decode_baseline(data: bytes) -> AnyFile:
    """The baseline file of whichever version. Raises WireError where `data` is none that is known here."""
    known: dict[str, type[AnyFile]] = {
        SCHEMA: BaselineFile, _SHORT: ShortFile, _LENS: LensWindowsFile, _SCORED: ScoredWindowsFile
    }  # fmt: skip
    schema = _schema(data)
    if schema.startswith(_NAME) and schema not in (*known, f"{_NAME}1"):
        raise WireError(
            f"schema: it is {schema}, and this version reads up to {SCHEMA}: upgrade driftline, or build it again"
        )
    return known.get(schema, WindowsFile).decode(data)


def _schema(data: bytes) -> str:
    try:
        document = codec.decode(data)
    except WireError:
        return ""
    return str(document.get("schema", "")) if isinstance(document, dict) else ""
