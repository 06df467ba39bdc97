"""How a window is compared with its baseline: what may be chosen."""

from dataclasses import dataclass
from typing import Literal, get_args

Primary = Literal["g", "ks", "psi", "js"]


@dataclass(frozen=True, slots=True)
class Settings:
    """`bins`: quantiles of the baseline that numbers are counted in. `minimum_effect`: the share of events that must
    have moved (or the KS distance) for drift. `minimum_rare_effect`: the same for what is always watched: null, unseen
    categories, values out of range, unseen types. `minimum_events`: with fewer on either side there is no verdict.
    `primary`: the test of the distribution that decides; KS for signals without numbers is G. `warning_level`: the
    level of a warning. Raises ValueError for what is out of bounds."""

    bins: int = 10
    minimum_effect: float = 0.05
    minimum_rare_effect: float = 0.01
    minimum_events: int = 30
    primary: Primary = "g"
    warning_level: float = 1e-3

    def __post_init__(self) -> None:
        if self.bins < 2:
            raise ValueError(f"bins must be at least 2, got {self.bins}")
        for name in ("minimum_effect", "minimum_rare_effect"):
            if not 0.0 <= getattr(self, name) < 1.0:
                raise ValueError(f"{name} must be in [0, 1), got {getattr(self, name)}")
        if self.minimum_events < 1:
            raise ValueError(f"minimum_events must be at least 1, got {self.minimum_events}")
        if self.primary not in get_args(Primary):
            raise ValueError(f"primary must be one of {', '.join(get_args(Primary))}, got {self.primary!r}")
        if not 0.0 < self.warning_level < 1.0:
            raise ValueError(f"warning_level must be in (0, 1), got {self.warning_level}")
