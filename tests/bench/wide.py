"""Seeded events of any number of signals: four numbers to each category, over models and segments."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from schemas import codec

_VALUES = 200_000  # of a chunk
_NAMES = tuple("abcdefgh")
Times = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Shape:
    """How many signals, all of them features, how many models and segments, and the version of all."""

    signals: int
    models: int = 1
    segments: int = 1
    version: str = "1"

    @property
    def model_names(self) -> list[str]:
        return [f"wide-{i:03d}" for i in range(self.models)]


def wide_events(times_ms: Times, shape: Shape, seed: int, moved: bool = False) -> Iterator[bytes]:
    """An event for each time, in that order. Where `moved`, every signal is distributed differently."""
    chunk = max(1, _VALUES // shape.signals)
    for start in range(0, len(times_ms), chunk):
        rng = np.random.default_rng([seed, start])
        yield from _chunk(rng, times_ms[start : start + chunk], shape, moved)


def _chunk(rng: np.random.Generator, times_ms: Times, shape: Shape, moved: bool) -> Iterator[bytes]:
    n = len(times_ms)
    names = [f"f{i:04d}" for i in range(shape.signals)]
    rows = zip(*(_column(rng, i, n, moved) for i in range(shape.signals)), strict=True)
    models = rng.choice(shape.model_names, n).tolist()
    segments = rng.integers(0, shape.segments, n).tolist()
    for i, (time_ms, row) in enumerate(zip(times_ms.tolist(), rows, strict=True)):
        yield codec.encode(
            {
                "event_id": f"{i:06d}",
                "ts": time_ms,
                "model": models[i],
                "version": shape.version,
                "features": dict(zip(names, row, strict=True)),
                "tags": {"country": f"S{segments[i]:02d}"},
            }
        )


def _column(rng: np.random.Generator, signal: int, n: int, moved: bool) -> list[Any]:
    shift = 3.0 * moved
    match signal % 5:
        case 0:
            return rng.normal(shift, 1.0, n).tolist()
        case 1:
            return rng.lognormal(8.0 + shift, 1.0, n).round(2).tolist()
        case 2:
            return rng.poisson(4.0 * (1.0 + shift), n).tolist()
        case 3:
            return rng.beta(2.0 + 2 * shift, 5.0, n).tolist()
        case _:
            return rng.choice(_NAMES[4:] if moved else _NAMES[:6], n).tolist()
