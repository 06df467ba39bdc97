"""The verdict: what one detector says about one signal of one window."""

import math
from collections.abc import Iterable
from enum import StrEnum
from itertools import repeat
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

    @classmethod
    def of_columns(cls, *columns: Iterable[Any]) -> list["Verdict"]:
        """One verdict for each row of columns, which are equally long and in the order of the fields."""
        return list(map(tuple.__new__, repeat(cls), zip(*columns, strict=True)))

    def to_json(self) -> dict[str, Any]:
        """The verdict as JSON has it: without what is None, and floats that are not finite are None."""
        detector, state, statistic, threshold, p_value, effect, resolution, n_reference, n_current, note = self
        found: dict[str, Any] = {"detector": detector, "state": str(state)}
        # A loop over the names would take twice as long, and there are ten verdicts for each signal.
        if statistic is not None and -math.inf < statistic < math.inf:
            found["statistic"] = float(statistic)
        if threshold is not None and -math.inf < threshold < math.inf:
            found["threshold"] = float(threshold)
        if p_value is not None and -math.inf < p_value < math.inf:
            found["p_value"] = float(p_value)
        if effect is not None and -math.inf < effect < math.inf:
            found["effect"] = float(effect)
        if resolution is not None and -math.inf < resolution < math.inf:
            found["resolution"] = float(resolution)
        found["n_reference"] = int(n_reference)
        found["n_current"] = int(n_current)
        found["note"] = note
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


_VERDICT = TypeAdapter(Verdict)
