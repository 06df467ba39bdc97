"""whylogs on the same events: decoded as the floor decodes them, made into pandas frames, logged a batch at a time.

Runs in whylogs' own environment, so it imports nothing of this project but the codec.
"""

import pandas as pd
import whylogs

from schemas import codec
from tests.bench.stopwatch import Stopwatch
from tests.bench.work import Measured, Work, batches

FRAME = 20_000  # rows; smaller ones cost more
SIGNALS = 21


def measure(work: Work) -> Measured:
    values = work.values("clean")
    watch = Stopwatch()
    views = [whylogs.log(_frame(batch)).view() for batch in batches(values, FRAME)]
    view = views[0]
    for other in views[1:]:
        view = view.merge(other)
    measured = watch.stop(len(values))
    columns = view.get_columns()
    if len(columns) != SIGNALS:
        raise RuntimeError(f"{SIGNALS} signals expected, {sorted(columns)}")
    return measured


def _frame(batch: list[bytes]) -> pd.DataFrame:
    documents = codec.loads(b"[%b]" % b",".join(batch))
    return pd.DataFrame([{**event["features"], "prediction": event["prediction"]} for event in documents])
