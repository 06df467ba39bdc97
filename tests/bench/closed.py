"""CPU of closing a window of 1,000 signals, as `tests.bench.closing` measures it."""

from tests.bench import closing
from tests.bench.finding import Finding
from tests.bench.work import Work

TOTAL = "close to encoded alerts and records"


def measure(work: Work) -> list[Finding]:
    found = closing.measure()
    stages = [Finding(f"{name}, 1,000 signals", ms, "ms") for name, ms in found.items() if _is_stage(name)]
    return [
        Finding(f"{TOTAL}, 1,000 signals", found[TOTAL], "ms", at_most=100.0),
        *stages,
        Finding("alerts of that window", found["alerts"]),
    ]


def _is_stage(name: str) -> bool:
    return name not in (TOTAL, "alerts") and not name.endswith("MiB")
