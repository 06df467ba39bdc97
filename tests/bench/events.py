"""Seeded events for the benchmark: 628 bytes on average, 16 numbers, 4 categories and a prediction."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from schemas import codec
from schemas.config import Config
from tests.bench.work import FULL

EVENT_BYTES = 628
PARTITIONS = 2
START_MS = 1_700_000_000_000 // 86_400_000 * 86_400_000
WINDOW_MS = 300_000
WINDOW_EVENTS = 1_500_000  # 5,000 a second
BLOCK = Config().kafka.block_size
SEGMENTS = ("AT", "BE", "CH", "DE", "DK", "ES", "FR", "IT", "NL", "SE")

_CHUNK = 10_000
_CATEGORIES = {
    "home_ownership": ("MORTGAGE", "RENT", "OWN", "OTHER"),
    "purpose": ("debt", "car", "house", "medical", "wedding", "moving", "energy", "business", "school", "other"),
    "sales_channel": ("web", "app", "branch", "phone"),
    "postal_region": tuple(f"R{i:02d}" for i in range(60)),
}
_LATE_MS = (6 * 60_000, 9 * 60_000)  # behind the longest that an event of an open window can be, within max_skew
_BROKEN = (b'{"event_id":"cut o', b'{"event_id":"1","model":"credit-00","features":{}}', b'{"ts":true}', b"[]")


@dataclass(frozen=True, slots=True)
class Mix:
    """What the events are: `null` and `missing` are shares of feature values, `late` and `broken` of events.

    With `scattered` the events lie anywhere in that many windows, all of them open from the first event to the last,
    and a full run has as many as a block. Otherwise their times ascend, and a window has `window_events`.
    """

    models: int = 1
    segments: int = len(SEGMENTS)
    null: float = 0.0
    missing: float = 0.0
    late: float = 0.0
    broken: float = 0.0
    scattered: int = 0
    window_events: int = WINDOW_EVENTS

    def size(self, events: int) -> int:
        """How many events a run of so many takes."""
        return BLOCK * min(events, FULL) // FULL if self.scattered else events


CLEAN = Mix()
MIXES = {
    "clean": CLEAN,
    "messy": Mix(models=20, null=0.05, missing=0.02, late=0.01, broken=0.001),
    "models": Mix(models=20),
    "one group": Mix(segments=1, scattered=1),
    "many groups": Mix(models=100, scattered=3),
}


def model_names(mix: Mix) -> list[str]:
    return [f"credit-{i:02d}" for i in range(mix.models)]


def events(n: int, mix: Mix = CLEAN, seed: int = 1) -> Iterator[bytes]:
    """The first `n` events. Where times ascend, the last `PARTITIONS` are two windows later, one for each partition
    that events are dealt to in turn, so that every other window is sealed and sent."""
    for start in range(0, n, _CHUNK):
        rng = np.random.default_rng([seed, start])
        rows = range(start, min(n, start + _CHUNK))
        times = _times(rng, rows, n, mix)
        documents = _documents(rng, start, times.tolist(), mix)
        broken = (rng.random(_CHUNK) < mix.broken) & (np.arange(start, start + _CHUNK) < n - PARTITIONS)
        for i, document in zip(rows, documents, strict=False):
            yield _BROKEN[i % len(_BROKEN)] if broken[i - start] else codec.encode(document)


def _times(rng: np.random.Generator, rows: range, n: int, mix: Mix) -> npt.NDArray[np.int64]:
    if mix.scattered:
        return START_MS + rng.integers(0, mix.scattered * WINDOW_MS, len(rows))
    order = np.array(rows)
    times = START_MS + order * WINDOW_MS // mix.window_events
    late = rng.random(len(rows)) < mix.late
    times[late] -= rng.integers(*_LATE_MS, int(late.sum()))
    times[order >= n - PARTITIONS] = START_MS + n * WINDOW_MS // mix.window_events + 2 * WINDOW_MS
    return times


def _documents(rng: np.random.Generator, start: int, times_ms: list[int], mix: Mix) -> Iterator[dict[str, Any]]:
    columns = _numbers(rng) | _categories(rng)
    scores = rng.beta(2, 5, _CHUNK).tolist()
    models = rng.choice(model_names(mix), _CHUNK).tolist()
    segments = rng.choice(SEGMENTS[: mix.segments], _CHUNK).tolist()
    nulls = rng.random((_CHUNK, len(columns))) < mix.null
    absent = rng.random((_CHUNK, len(columns))) < mix.missing
    for i, (time_ms, *row) in enumerate(zip(times_ms, *columns.values(), strict=False)):
        features = dict(zip(columns, row, strict=True))
        if mix.null or mix.missing:
            features = _with_gaps(features, nulls[i].tolist(), absent[i].tolist())
        yield {
            "event_id": f"{start + i:012d}",
            "ts": time_ms,
            "model": models[i],
            "version": "v3",
            "features": features,
            "prediction": scores[i],
            "tags": {"country": segments[i]},
        }


def _numbers(rng: np.random.Generator) -> dict[str, list[Any]]:
    """Six floats as a feature pipeline computes them, five amounts and rates with few decimals, five integers."""
    n = _CHUNK
    return {
        "debt_to_income": rng.beta(2, 6, n).tolist(),
        "utilisation": rng.beta(1, 3, n).tolist(),
        "income_growth": rng.normal(0.02, 0.1, n).tolist(),
        "balance_trend": rng.standard_t(4, n).tolist(),
        "log_exposure": rng.normal(9, 1.5, n).tolist(),
        "risk_factor": rng.gamma(2, 0.7, n).tolist(),
        "loan_amount": rng.lognormal(9, 0.8, n).round(2).tolist(),
        "annual_income": rng.lognormal(10.5, 0.5, n).round(2).tolist(),
        "monthly_payment": rng.lognormal(5.5, 0.6, n).round(2).tolist(),
        "interest_rate": rng.uniform(1, 9, n).round(3).tolist(),
        "late_fees": np.where(rng.random(n) < 0.7, 0.0, rng.exponential(25, n)).round(2).tolist(),
        "age": rng.integers(18, 90, n).tolist(),
        "open_accounts": rng.poisson(6, n).tolist(),
        "tenure": rng.geometric(0.01, n).tolist(),
        "inquiries": rng.poisson(0.8, n).tolist(),
        "term_months": rng.choice([12, 24, 36, 48, 60], n).tolist(),
    }


def _categories(rng: np.random.Generator) -> dict[str, list[Any]]:
    return {name: rng.choice(values, _CHUNK, p=_falling(len(values))).tolist() for name, values in _CATEGORIES.items()}


def _falling(n: int) -> npt.NDArray[np.float64]:
    weights = 1.0 / np.arange(1, n + 1)
    shares: npt.NDArray[np.float64] = weights / weights.sum()
    return shares


def _with_gaps(features: dict[str, Any], nulls: list[bool], absent: list[bool]) -> dict[str, Any]:
    return {
        name: None if null else value
        for (name, value), null, gone in zip(features.items(), nulls, absent, strict=True)
        if not gone
    }
