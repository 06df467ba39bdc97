"""How the page writes numbers, times and states."""

from enum import StrEnum

from schemas.instant import instant
from schemas.verdict import State

DASH = "–"


class Light(StrEnum):
    """How a signal, a group or a model stands, worst last. `GREY` is no verdict: learning, or too few events."""

    GREY = "grey"
    GREEN = "green"
    AMBER = "amber"
    RED = "red"

    @property
    def rank(self) -> int:
        return list(Light).index(self)


LIGHTS = {
    State.DRIFT: Light.RED,
    State.WARNING: Light.AMBER,
    State.OK: Light.GREEN,
    State.LEARNING: Light.GREY,
    State.INSUFFICIENT: Light.GREY,
    State.NO_DATA: Light.GREY,
}

STATES = {
    State.DRIFT: "drift",
    State.WARNING: "warning",
    State.OK: "ok",
    State.LEARNING: "learning",
    State.INSUFFICIENT: "too few events",
    State.NO_DATA: "no data",
}

BASES = {
    "full": "full: the baseline is worth 50 independent windows or more, over two weeks or more",
    "thin": "thin: the baseline is worth 20 independent windows or more; a change must be larger to be told from chance",
    "assumed": "assumed: the baseline has no windows to learn from, so the signal warns at most until 50 have closed",
}

_TITLES = {"__pairwise__": "correlations", "__anomaly__": "anomaly score"}
_UNITS = ((86_400_000, "d"), (3_600_000, "h"), (60_000, "min"), (1000, "s"))


def worst(lights: list[Light]) -> Light:
    """The worst of some; grey where there is none."""
    return max(lights, key=lambda light: light.rank, default=Light.GREY)


def number(value: float | None) -> str:
    """Three digits, with commas between thousands; a dash for None."""
    return DASH if value is None else f"{float(f'{value:.3g}'):,.15g}"


def probability(value: float | None) -> str:
    """A p-value or a level: two digits, with an exponent where it is small."""
    if value is None:
        return DASH
    if value == 0:
        return "< 1e-300"
    return f"{value:.2g}" if value >= 0.001 else f"{value:.1e}"


def share(value: float | None) -> str:
    """A share as per cent, two digits."""
    return DASH if value is None else f"{float(f'{100 * value:.2g}'):g} %"


def points(value: float) -> str:
    """A change of a share in percentage points, with its sign."""
    return f"{float(f'{100 * value:.2g}'):+g}".replace("-", "−")


def lasting(duration_ms: int) -> str:
    """A stretch of time in its two largest units."""
    left, said = max(0, duration_ms), []
    for ms, unit in _UNITS:
        if left >= ms:
            said.append(f"{left // ms} {unit}")
            left %= ms
        elif said:
            break
    return " ".join(said[:2]) or "0 s"


def moment(time_ms: int) -> str:
    """A time of events, in UTC, without seconds where these are none."""
    text = instant(time_ms)
    return text.removesuffix(":00") if text.count(":") == 2 else text


def signal_title(name: str) -> str:
    """The signal's name; of what stands for several a word."""
    return _TITLES.get(name, name)


def told(summary: str, name: str = "") -> str:
    """A sentence of a record or an alert, with a real arrow; without the signal's name, where that stands beside it."""
    if name:
        return summary.removeprefix(f"{name}: ").replace(" -> ", " → ")
    first, colon, rest = summary.partition(": ")
    return f"{signal_title(first)}{colon}{rest}".replace(" -> ", " → ")


def counted(n: int, one: str, many: str = "") -> str:
    """`1 window`, `2 windows`."""
    return f"{n:,} {one if n == 1 else many or one + 's'}"
