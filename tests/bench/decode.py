"""orjson alone: each event decoded, the result dropped a batch at a time."""

from schemas import codec
from tests.bench.stopwatch import Stopwatch
from tests.bench.work import Measured, Work, batches


def measure(work: Work) -> Measured:
    values = work.values("clean")
    watch = Stopwatch()
    for batch in batches(values):
        list(map(codec.loads, batch))
    return watch.stop(len(values))
