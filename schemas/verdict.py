"""The verdict: what one detector says about one signal of one window."""

import math
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any, ClassVar

from pydantic import ConfigDict, TypeAdapter, ValidationError

from schemas.errors import WireError


class State(StrEnum):
    """How a signal stands. The first three are no judgement: nothing to look at, no baseline yet, too few events."""

    NO_DATA = "no_data"
    LEARNING = "learning"
    INSUFFICIENT = "insufficient"
    OK = "ok"
    WARNING = "warning"
    DRIFT = "drift"


@dataclass(frozen=True, slots=True)
class Verdict:
    """A detector's answer, with what it rests on.

    `threshold` is what `statistic` is held against, `resolution` how far below the true one the statistic may be,
    `n_reference` and `n_current` the sample sizes. A number that the detector does not have is None.
    """

    __pydantic_config__: ClassVar[ConfigDict] = ConfigDict(extra="forbid")

    detector: str
    state: State
    statistic: float | None = None
    threshold: float | None = None
    p_value: float | None = None
    effect: float | None = None
    resolution: float | None = None
    n_reference: int = 0
    n_current: int = 0
    note: str = ""

    def to_json(self) -> dict[str, Any]:
        """The verdict as JSON has it: without what is None, and floats that are not finite are None."""
        plain = {name: _plain(value) for name, value in asdict(self).items()}
        return {name: value for name, value in plain.items() if value is not None}

    @classmethod
    def from_json(cls, obj: object) -> "Verdict":
        """The verdict that `to_json` gave. Raises WireError for anything else."""
        try:
            return _VERDICT.validate_python(obj)
        except ValidationError as error:
            first = error.errors()[0]
            place = ".".join(map(str, first["loc"])) or "it"
            raise WireError(f"not a verdict: {place}: {first['msg']}") from error


_VERDICT = TypeAdapter(Verdict)


def _plain(value: Any) -> Any:
    """The value as a JSON encoder takes it, which a float64 or an int64 of numpy is not."""
    if isinstance(value, float):
        return float(value) if math.isfinite(value) else None
    return str(value) if isinstance(value, str) else value if value is None else int(value)
