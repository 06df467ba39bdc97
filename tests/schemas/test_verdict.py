"""Verdicts: to JSON and back."""

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas import codec
from schemas.errors import WireError
from schemas.verdict import State, Verdict

NUMBERS = st.none() | st.floats(allow_nan=False, allow_infinity=False)
COUNTS = st.integers(0, 1 << 53)
VERDICTS = st.builds(
    Verdict, st.text("abc"), st.sampled_from(State), NUMBERS, NUMBERS, NUMBERS, NUMBERS, NUMBERS, COUNTS, COUNTS
)


@given(VERDICTS)
def test_a_verdict_comes_back_from_its_bytes(verdict: Verdict) -> None:
    assert Verdict.from_json(codec.decode(codec.encode(verdict.to_json()))) == verdict


def test_golden_json() -> None:
    verdict = Verdict("ks", State.DRIFT, statistic=0.25, p_value=math.nan, effect=math.inf, n_reference=9, n_current=7)
    assert codec.encode(verdict.to_json()) == (
        b'{"detector":"ks","state":"drift","statistic":0.25,"n_reference":9,"n_current":7,"note":""}'
    )


def test_numbers_of_numpy_are_written_as_numbers() -> None:
    verdict = Verdict("ks", State.OK, statistic=np.float64(0.5), n_current=int(np.int64(3)))
    assert codec.decode(codec.encode(verdict.to_json()))["statistic"] == 0.5


@pytest.mark.parametrize(
    ("obj", "message"),
    [
        ([], "not a verdict: it: "),
        ({"state": "ok"}, "not a verdict: detector: "),
        ({"detector": "ks", "state": "fine"}, "not a verdict: state: "),
        ({"detector": "ks", "state": "ok", "statistic": "big"}, "not a verdict: statistic: "),
        ({"detector": "ks", "state": "ok", "power": 1}, "not a verdict: power: "),
    ],
)
def test_anything_else_is_refused(obj: Any, message: str) -> None:
    with pytest.raises(WireError, match=f"^{message}"):
        Verdict.from_json(obj)
