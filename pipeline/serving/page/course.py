"""The course of a group: what its windows came to, one after the other, and how unusual each was for it.

For people, beside the verdicts: a score opens no incident and takes nothing of the budget. It is what shows that traffic
halved, or that latency jumped, where the distribution of no signal says so.
"""

from collections import deque
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from detectors.lenses.scorer import SIGNAL as ANOMALY
from detectors.series.anomaly import ALARM, AnomalyScorer
from pipeline.ingest.signal_names import LATENCY, PREDICTION

VOLUME, NULL_RATE = "volume", "null_rate"
MEANS = {PREDICTION: "prediction_mean", LATENCY: "latency_mean", ANOMALY: "anomaly_mean"}
"""The signals of which the means are followed, and what their series are called."""

SERIES = (VOLUME, NULL_RATE, *MEANS.values())

_HISTORY = 512
_MOST_SILENT = 100


class Step(NamedTuple):
    """A window's value in a series, and its anomaly score, in [0, 1]."""

    start_ms: int
    end_ms: int
    value: float
    score: float

    @property
    def is_unusual(self) -> bool:
        return self.score >= ALARM


class Course:
    """The last steps of each series of a group, oldest first. A series' first 112 windows score 0: there is nothing to
    hold them against (`detectors.series.anomaly`)."""

    def __init__(self) -> None:
        self._scorers: dict[str, AnomalyScorer] = {}
        self._through_ms: int | None = None
        self.steps: dict[str, deque[Step]] = {}

    @property
    def last(self) -> Mapping[str, Step]:
        """The newest step of each series."""
        return {name: steps[-1] for name, steps in self.steps.items()}

    def add(self, record: Mapping[str, Any], most: int) -> None:
        """Takes a window record, as JSON has it, later than those before; `most` steps of each series are kept. Windows
        that are passed over had no events. Raises KeyError, TypeError or ValueError for what is no record."""
        start_ms, end_ms = int(record["start_ms"]), int(record["end_ms"])
        for silent_ms in self._silent(start_ms, end_ms - start_ms):
            self._step(VOLUME, silent_ms, silent_ms + end_ms - start_ms, 0.0, most)
        for name, value in _values(record):
            self._step(name, start_ms, end_ms, value, most)
        self._through_ms = end_ms

    def leave_out(self, end_ms: int) -> None:
        """Passes over a window that is not whole, up to `end_ms`: what it has says nothing of what there was."""
        self._through_ms = end_ms

    def _silent(self, start_ms: int, length_ms: int) -> range:
        """The starts of windows without events since the last, of many the latest."""
        if self._through_ms is None:
            return range(0)
        return range(max(self._through_ms, start_ms - _MOST_SILENT * length_ms), start_ms, length_ms)

    def _step(self, name: str, start_ms: int, end_ms: int, value: float, most: int) -> None:
        scorer = self._scorers.get(name)
        if scorer is None:
            scorer = self._scorers[name] = AnomalyScorer(_HISTORY)
            self.steps[name] = deque()
        steps = self.steps[name]
        steps.append(Step(start_ms, end_ms, value, scorer.update(start_ms, value)))
        while len(steps) > most:
            steps.popleft()


def _values(record: Mapping[str, Any]) -> Iterator[tuple[str, float]]:
    events, signals = int(record["events"]), record["signals"]
    yield VOLUME, float(events)
    asked = [signal for signal in signals if not signal["name"].startswith("__")]
    if asked and events:
        absent = sum(int(signal["null"]) + int(signal["missing"]) for signal in asked)
        yield NULL_RATE, absent / (events * len(asked))
    for signal in signals:
        if signal["name"] in MEANS and signal.get("mean") is not None:
            yield MEANS[signal["name"]], float(signal["mean"])
