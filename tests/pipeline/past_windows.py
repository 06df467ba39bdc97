"""Windows of loans, and baselines of earlier ones, for tests of what a monitor says."""

from functools import cache
from typing import Any

from detectors.baselines.baseline import Baseline
from detectors.baselines.baseline_group import BaselineGroup
from detectors.groups.group import GroupProfile
from pipeline.history.local import LocalIngest, closed_windows
from pipeline.monitor.collect import OpenWindow
from schemas.config import Config
from tests.pipeline.events import START_MS, encode, loans

WINDOW_MS, PER_WINDOW = 100_000, 120
_BEFORE_MS = 200 * WINDOW_MS

CONFIG = Config.from_mapping({"window": {"length": "100s", "allowed_lateness": "1s"}, "models": [{"name": "loan"}]})


def loan_windows(count: int, drift: int, start_ms: int = START_MS, seed: int = 3) -> list[OpenWindow]:
    """So many windows, of which two signals drift from one on."""
    events: list[dict[str, Any]] = [
        event | {"ts": start_ms + i * WINDOW_MS // PER_WINDOW}
        for i, event in enumerate(loans(count * PER_WINDOW, drift * PER_WINDOW, seed=seed))
    ]
    return list(closed_windows(CONFIG, LocalIngest(CONFIG).messages([list(map(encode, events))])))


@cache
def baseline_of_loans(count: int, kept: int | None = None, *, drifted: bool = False) -> Baseline:
    """Of so many windows, of which the first `kept` are kept; all where that is None."""
    group: BaselineGroup | None = None
    for window in loan_windows(count, 0 if drifted else count, START_MS - _BEFORE_MS, seed=4):
        for _, part in window.models["loan"].in_order():
            group = group or BaselineGroup(GroupProfile.empty(part.profile.resolution))
            group = group.add(window.start_ms, part.profile)
    assert group is not None
    first = dict(sorted(group.windows.items())[: count if kept is None else kept])
    return Baseline("loan", WINDOW_MS, {None: BaselineGroup(group.total, first)})
