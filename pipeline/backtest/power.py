"""How much of what was injected was found, and how soon."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import median
from typing import NamedTuple

from scipy.stats import binomtest

from pipeline.backtest.injection import Kind


class Delay(NamedTuple):
    windows: int
    ms: int


@dataclass(frozen=True, slots=True)
class Found:
    """How many of `trials` found the change, with the Wilson interval of the share, 95 %, and the median delay of
    those that did: windows closed since the onset, its own among them, and milliseconds of event time."""

    trials: int
    found: int
    low: float
    high: float
    windows: float | None
    delay_ms: float | None

    @property
    def power(self) -> float:
        return self.found / self.trials

    @classmethod
    def of(cls, delays: Sequence[Delay | None]) -> "Found":
        met = [delay for delay in delays if delay is not None]
        interval = binomtest(len(met), len(delays)).proportion_ci(method="wilson")
        windows = median(d.windows for d in met) if met else None
        delay_ms = median(d.ms for d in met) if met else None
        return cls(len(delays), len(met), float(interval.low), float(interval.high), windows, delay_ms)


@dataclass(frozen=True, slots=True)
class Power:
    """What became of one injection at one size. `alert`: an alert fired; `detectors`: each one's own verdict was
    drift, or a warning of a sequence detector, which warns at most. `nothing`: how often the same onsets had an alert
    of the signal with nothing injected. `amount` is the size in the signal's own unit, where that is another."""

    model: str
    kind: Kind
    signal: str
    size: float
    amount: float | None
    alert: Found
    nothing: Found
    detectors: Mapping[str, Found]
