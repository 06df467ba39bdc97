"""What of a model's baseline its events are seen through in ingest: frozen with it, so that it decides what packets hold."""

from collections.abc import Mapping
from typing import NamedTuple

from detectors.lenses.cross import Seeing
from detectors.lenses.scorer import Scorer


class Frozen(NamedTuple):
    """A lens for correlations and a scorer of events, where the baseline has them."""

    lens: Seeing | None = None
    scorer: Scorer | None = None


NOTHING = Frozen()
FrozenParts = Mapping[str, Frozen]
"""By model."""
