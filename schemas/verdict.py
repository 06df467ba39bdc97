"""The verdict: what one detector says about one signal of one window."""

import math
from enum import StrEnum
from typing import Any, NamedTuple

from pydantic import TypeAdapter, ValidationError

from schemas.errors import WireError


class State(StrEnum):
    """How a signal stands. The first three are no judgement: nothing to look at, no baseline yet, too few events."""

    NO_DATA = "no_data"
    LEARNING = "learning"
    INSUFFICIENT = "insufficient"
    OK = "ok"
    WARNING = "warning"
    DRIFT = "drift"


class Verdict(NamedTuple):
    """A detector's answer, with what it rests on.

    `threshold` is what `statistic` is held against, `resolution` how far below the true one the statistic may be,
    `n_reference` and `n_current` the sample sizes. A number that the detector does not have is None.
    """

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
        found: dict[str, Any] = {"detector": self.detector, "state": str(self.state)}
        for name, value in zip(_NUMBERS, self[2:7], strict=True):
            if value is not None and -math.inf < value < math.inf:
                found[name] = float(value)
        found["n_reference"] = int(self.n_reference)
        found["n_current"] = int(self.n_current)
        found["note"] = self.note
        return found

    @classmethod
    def from_json(cls, obj: object) -> "Verdict":
        """The verdict that `to_json` gave. Raises WireError for anything else."""
        if not isinstance(obj, dict):
            raise WireError(f"not a verdict: it: Input should be an object, got {type(obj).__name__}")
        try:
            return _VERDICT.validate_python(obj)
        except ValidationError as error:
            first = error.errors()[0]
            place = ".".join(map(str, first["loc"])) or "it"
            raise WireError(f"not a verdict: {place}: {first['msg']}") from error


_NUMBERS = Verdict._fields[2:7]
_VERDICT = TypeAdapter(Verdict)
