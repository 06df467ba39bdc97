"""Window records fit a message, whatever is in them."""

import pytest

from schemas.verdict import State
from schemas.window import MOST_BYTES, Cell, LeftOut, SignalRecord, WindowRecord

VERDICT = {"detector": "g", "state": "ok", "note": "n" * 20_000}
CELL = Cell("c" * 100_000, 1, 2)


def record(ok: int, drifting: int) -> WindowRecord:
    """Of signals with names of 10,000 characters, verdicts twice and cells ten times as long."""
    states = [State.OK] * ok + [State.DRIFT] * drifting
    signals = [
        SignalRecord(f"s{at:09d}" * 1000, state, 7, 0, 0, verdicts=(VERDICT,), cells=(CELL,))
        for at, state in enumerate(states)
    ]
    return WindowRecord(
        model="m", version="1", start_ms=0, end_ms=10, events=7, state=State.DRIFT, signals=tuple(signals)
    )


@pytest.mark.parametrize(
    ("ok", "drifting", "left_out"),
    [
        (10, 10, None),
        (100, 10, LeftOut.OK_CELLS),
        (300, 10, LeftOut.OK_VERDICTS),
        (10, 100, LeftOut.CELLS),
        (10, 300, LeftOut.VERDICTS),
        (1000, 10, LeftOut.SIGNALS),
    ],
)
def test_a_record_that_is_too_large_lacks_what_tells_least(ok: int, drifting: int, left_out: LeftOut | None) -> None:
    whole = record(ok, drifting)
    encoded = whole.encode()
    assert len(encoded) <= MOST_BYTES
    read = WindowRecord.model_validate_json(encoded)
    assert read.left_out == left_out
    assert read.encode() == encoded
    drifted = read.signals[-1]
    assert (drifted.name, drifted.state, drifted.present) == (whole.signals[-1].name, State.DRIFT, 7)
    assert bool(drifted.cells) == (left_out in (None, LeftOut.OK_CELLS, LeftOut.OK_VERDICTS))
    assert len(read.signals) == (drifting if left_out is LeftOut.SIGNALS else ok + drifting)
