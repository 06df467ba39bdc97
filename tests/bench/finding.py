"""A figure that is measured, and the goal that it is held against."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Finding:
    """`value` is in `unit`, empty for a ratio. Without a bound it is stated, and nothing is asked of it."""

    what: str
    value: float
    unit: str = ""
    at_most: float | None = None
    at_least: float | None = None

    @property
    def met(self) -> bool | None:
        """None where nothing is asked."""
        if self.at_most is not None:
            return self.value <= self.at_most
        return None if self.at_least is None else self.value >= self.at_least

    @property
    def measured(self) -> str:
        return _text(self.value, self.unit)

    @property
    def goal(self) -> str:
        if self.at_most is not None:
            return f"at most {_text(self.at_most, self.unit)}"
        return "" if self.at_least is None else f"at least {_text(self.at_least, self.unit)}"


def _text(value: float, unit: str) -> str:
    digits = f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.3g}"
    return f"{digits} {unit}".rstrip()
