"""Which signals a baseline's lens takes in: of those that are fit for it, the most correlated."""

from collections.abc import Collection, Mapping, Sequence

import numpy as np

from detectors.groups.group import GroupProfile, least_hashed
from detectors.lenses.cross import CrossProducts
from detectors.lenses.lens import MOST_CANDIDATES, Lens, why_unfit
from detectors.profiles.profile import Profile

LEAST_SIGNALS = 2


def candidates(total: GroupProfile, only: Collection[str] | None = None) -> Lens | None:
    """A lens for all signals of a baseline that are fit for one, those of `only` if given; beyond `MOST_CANDIDATES` those
    whose names have the least hashes. None where there are not two. O(buckets)."""
    profiles: Mapping[str, Profile] = total.signals
    names = [n for n, profile in profiles.items() if (only is None or n in only) and not why_unfit(profile)]
    chosen = least_hashed(names, MOST_CANDIDATES)
    return Lens.of(profiles, chosen) if len(chosen) >= LEAST_SIGNALS else None


def chosen(lens: Lens, cross: CrossProducts, most: int) -> Lens:
    """The lens of at most `most` of its signals, from cross-products that were seen through it: those with the greatest
    correlation to any other. O(p^2)."""
    return lens.take(most_correlated(lens.names, cross, LEAST_SIGNALS, most))


def most_correlated(names: Sequence[str], cross: CrossProducts, least: int, most: int) -> list[str]:
    """At most `most` of the signals that cross-products are of, those with the greatest correlation to any other, in order of
    their names; pairs that fewer than `least` events have count as not correlated. O(p^2)."""
    r = np.abs(np.nan_to_num(cross.correlations(least)))
    np.fill_diagonal(r, 0.0)
    ranked = sorted(range(len(names)), key=lambda at: (-round(float(r[at].max()), 9), names[at]))
    return sorted(names[at] for at in ranked[:most])
