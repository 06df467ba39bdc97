"""What each of a signal's component tests takes of its level, and which tests those are: the baseline alone decides."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from detectors.profiles.grid import Counts
from detectors.profiles.ordering import Floats
from detectors.references.reference import BASELINE, Reference
from detectors.statistics.settings import Settings

Words = npt.NDArray[np.object_]

# Of a signal's level, what the primary test takes, and that of the last windows together, which needs little: what lasts
# grows with each window. Those always watched, which are sharp at any level, share the rest.
PRIMARY_SHARE, SUSTAINED_SHARE = 0.5, 0.05


def primaries(known: list[Reference], settings: Settings) -> Words:
    """KS where it is asked for and there are numbers; a signal without has no order to cumulate in."""
    if settings.primary != "ks":
        return np.full(len(known), settings.primary, object)
    return np.array(["g" if reference.ladder is None else "ks" for reference in known], object)


def _has_primary(reference: Reference, primary: str) -> bool:
    return primary == "ks" or len(reference.counts) > 1


def tests_of(reference: Reference, primary: str) -> int:
    """How many component tests apply to a baseline: `null_rate` and `types` always."""
    several = _has_primary(reference, primary)
    # Of scores `anomalous` takes the place of `out_of_range`.
    watched = 2 + (reference.cells.categories is not None) + (reference.ladder is not None)
    return watched + several + has_sustained(reference)


def has_sustained(reference: Reference) -> bool:
    """Not against windows of one hour: how they hang together says nothing of those that follow each other."""
    return reference.spread is not None and len(reference.counts) > 1 and reference.name == BASELINE


@dataclass(frozen=True, slots=True)
class Shares:
    """What each of a signal's component tests takes of its level: the primary one, that of the last windows together, and
    each of those always watched."""

    primary: Floats
    sustained: Floats
    watched: Floats

    @classmethod
    def of(cls, known: list[Reference], primary: Words, tests: Counts) -> "Shares":
        several = np.array(list(map(_has_primary, known, primary.tolist())), np.bool_)
        lasting = np.array(list(map(has_sustained, known)), np.bool_)
        primary_share = np.where(several, PRIMARY_SHARE, 0.0)
        lasting_share = np.where(lasting, SUSTAINED_SHARE, 0.0)
        watched = (1.0 - primary_share - lasting_share) / (tests - several - lasting)
        return cls(np.where(several, PRIMARY_SHARE, 1.0), np.where(lasting, SUSTAINED_SHARE, 1.0), watched)
