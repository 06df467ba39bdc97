"""Baselines of windows that are at hand."""

from collections.abc import Iterable, Mapping

from detectors.baselines.baseline import Baseline
from detectors.groups.group import GroupProfile
from detectors.lenses.lens import Lens
from detectors.references.gathering import Gathering
from detectors.statistics.settings import Settings
from schemas.group import Segment

DEFAULT = Settings()


def gathered(
    model: str,
    window_ms: int,
    windows: Iterable[tuple[int, Mapping[Segment | None, GroupProfile]]],
    settings: Settings = DEFAULT,
    lens: Lens | None = None,
) -> Baseline:
    """The baseline of a model's windows, in order of time: of each its start, and the profiles of its groups."""
    gathering = Gathering(model, window_ms, settings, lens=lens)
    for start_ms, groups in windows:
        for segment, profile in groups.items():
            gathering.add(segment, start_ms, profile)
    return gathering.baseline()
