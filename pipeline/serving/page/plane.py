"""The plane a chart is drawn on: from times and values to thousandths of the plot, from its upper left corner."""

import math
from collections.abc import Iterable
from dataclasses import dataclass

WHOLE = 1000.0


@dataclass(frozen=True, slots=True)
class Plane:
    """Times from `begin_ms` to `end_ms`, values from 0 to `top`."""

    begin_ms: int
    end_ms: int
    top: float

    def x(self, time_ms: float) -> float:
        """The place of a time, within the plot."""
        at = (time_ms - self.begin_ms) / max(1, self.end_ms - self.begin_ms)
        return round(WHOLE * min(1.0, max(0.0, at)), 1)

    def y(self, value: float) -> float:
        """The place of a value, within the plot."""
        return round(WHOLE * (1.0 - min(1.0, max(0.0, value / self.top))), 1)

    def lines(self, values: Iterable[tuple[float, float | None]]) -> list[str]:
        """Polylines through (time, value), broken where there is no value."""
        found: list[list[str]] = [[]]
        for time_ms, value in values:
            if value is None:
                found.append([])
            else:
                found[-1].append(f"{self.x(time_ms):g},{self.y(value):g}")
        return [" ".join(places) for places in found if places]

    def areas(self, values: Iterable[tuple[float, float | None]]) -> list[str]:
        """Polygons between the same lines and 0."""
        return [f"{_x(line, 0)},{WHOLE:g} {line} {_x(line, -1)},{WHOLE:g}" for line in self.lines(values)]

    def band(self, begin_ms: int, end_ms: int) -> tuple[float, float]:
        """The x and the width of a stretch of time."""
        begin = self.x(begin_ms)
        return begin, round(self.x(end_ms) - begin, 1)

    @property
    def steps(self) -> list[float]:
        """Three to six round values from 0 to `top`."""
        rough = self.top / 4
        size = 10.0 ** math.floor(math.log10(rough))
        step = next(size * factor for factor in (1, 2, 5, 10) if size * factor >= rough * 0.999)
        return [step * i for i in range(int(self.top / step) + 1)]


def _x(line: str, at: int) -> str:
    return line.split(" ")[at].split(",")[0]
