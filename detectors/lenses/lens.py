"""A lens: frozen centres and scales, through which signals of every window are seen alike.

A value is standardised, clipped and rounded to a small integer, so that sums of products are exact integers whatever
the order or the grouping. The lens is taken from a baseline's profiles once, and is part of the baseline from then on.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from hashlib import blake2b

import numpy as np
import numpy.typing as npt

from detectors.profiles.column import Column, Kind
from detectors.profiles.ordering import Floats
from detectors.profiles.points import midpoints, quantile, spread
from detectors.profiles.profile import Profile
from schemas import codec

MOST_SIGNALS = 64

# While a baseline is built, as many are looked at to find the most correlated.
MOST_CANDIDATES = 256

# Clipped at 4 the pair of two lognormal signals keeps its correlation, and Student's t on 4 degrees of freedom its
# level: 3 costs power, 6 costs level. In steps of 1/32, rounding adds a ten-thousandth to a variance of 1.
CLIP = 4.0
STEPS = 32
GREATEST = int(CLIP * STEPS)

# Two signals of this kurtosis have products of its square, and a correlation of a hundred events is then far from normal.
MOST_KURTOSIS = 10.0

Flags = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Lens:
    """`names`, in order of the alphabet, and of each signal its centre and scale, finite, the scale above 0. Raises
    ValueError for anything else."""

    names: tuple[str, ...]
    centres: tuple[float, ...]
    scales: tuple[float, ...]

    def __post_init__(self) -> None:
        if not len(self.names) == len(self.centres) == len(self.scales):
            raise ValueError(
                f"a lens of {len(self.names)} names, {len(self.centres)} centres and {len(self.scales)} scales"
            )
        if list(self.names) != sorted(set(self.names)):
            raise ValueError("the names of a lens must be in order, each once")
        bad = [x for x in self.centres if not np.isfinite(x)] + [x for x in self.scales if not 0.0 < x < np.inf]
        if bad:
            raise ValueError(f"centres must be finite and scales above 0, got {bad[0]}")

    @classmethod
    def of(cls, profiles: Mapping[str, Profile], names: Iterable[str]) -> "Lens":
        """The lens of these signals: the median of each one's numbers, and their spread (`detectors.profiles.points.spread`).
        O(buckets)."""
        chosen = sorted(names)
        seen = [centre_and_scale(profiles[name]) for name in chosen]
        return cls(tuple(chosen), tuple(c for c, _ in seen), tuple(s for _, s in seen))

    @cached_property
    def digest(self) -> bytes:
        """8 bytes of BLAKE2b over names, centres and scales: two lenses that see alike have the same."""
        numbers = np.array([*self.centres, *self.scales], "<f8")
        return blake2b(codec.encode(list(self.names)) + numbers.tobytes(), digest_size=8).digest()

    def take(self, names: Iterable[str]) -> "Lens":
        """The lens of some of its signals."""
        at = self.places(names)
        return Lens(
            tuple(self.names[i] for i in at), tuple(self.centres[i] for i in at), tuple(self.scales[i] for i in at)
        )

    def places(self, names: Iterable[str]) -> list[int]:
        """Where these names stand, in order."""
        wanted = set(names)
        return [i for i, name in enumerate(self.names) if name in wanted]

    def seen(self, columns: Mapping[str, Column], rows: slice) -> tuple[Floats, dict[int, Flags]]:
        """Rows of columns seen through the lens, shape (p, n), 0 where there is no number; and of each signal with such gaps
        where it is there, shape (n,). O(p n)."""
        n = rows.stop - rows.start
        values = np.empty((len(self.names), n))
        there: dict[int, Flags] = {}
        for at, name in enumerate(self.names):
            column = columns.get(name)
            if column is None or column.numbers is None:
                values[at], there[at] = self.centres[at], np.zeros(n, np.bool_)
                continue
            values[at] = column.numbers[rows]
            if column.kinds is not None:
                known = column.kinds[rows] == Kind.NUMBER
                values[at, ~known] = self.centres[at]
                there[at] = known
        return self.see(values), {at: known for at, known in there.items() if not known.all()}

    def see(self, values: Floats) -> Floats:
        """Whole numbers in [-GREATEST, GREATEST], as floats, of finite `values`, shape (p, n), a row for each signal.
        O(p n)."""
        return quantised(values, np.array(self.centres)[:, None], np.array(self.scales)[:, None])


def quantised(values: Floats, centres: Floats | float, scales: Floats | float) -> Floats:
    """`values` in steps of a scale from their centre, clipped; shapes broadcast. A value too far away to be subtracted
    is clipped too."""
    with np.errstate(over="ignore"):
        seen = values - centres
        np.divide(seen, scales, out=seen)
        np.clip(seen, -CLIP, CLIP, out=seen)
    np.multiply(seen, STEPS, out=seen)
    return np.rint(seen, out=seen)


def skewness_of(profile: Profile, centre: float, scale: float) -> float:
    """The skewness of a signal's numbers, seen through a lens; 0 where they do not vary. O(buckets)."""
    numbers = profile.numbers
    if not len(numbers.keys):
        return 0.0
    seen = quantised(midpoints(numbers.keys, numbers.shifts), centre, scale)
    shares = numbers.counts / numbers.total
    away = seen - (seen * shares).sum()
    variance = float((away**2 * shares).sum())
    return float((away**3 * shares).sum()) / variance**1.5 if variance > 0.0 else 0.0


def why_unfit(profile: Profile) -> str:
    """Why a lens cannot take the signal in; empty where it can: nearly all numbers, of which several are told apart, none
    so rare that a few events make a correlation. O(buckets)."""
    numbers = profile.numbers
    if 2 * numbers.total < profile.present:
        return "not numbers"
    centre, scale = centre_and_scale(profile)
    seen = quantised(midpoints(numbers.keys, numbers.shifts), centre, scale)
    shares = numbers.counts / numbers.total
    away = seen - (seen * shares).sum()
    variance = float((away**2 * shares).sum())
    if variance == 0.0:
        return "one value"
    return "rare values" if float((away**4 * shares).sum()) > MOST_KURTOSIS * variance**2 else ""


def centre_and_scale(profile: Profile) -> tuple[float, float]:
    """The median of a signal's numbers, of which there is one at least, and their spread (`detectors.profiles.points.spread`).
    O(buckets)."""
    numbers = profile.numbers
    points = midpoints(numbers.keys, numbers.shifts)
    return quantile(points, numbers.counts, 0.5) + 0.0, spread(points, numbers.counts)
