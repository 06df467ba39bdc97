"""What the events of the benchmark are seen through where all is on: a lens of all their numeric signals, and a scorer."""

from collections.abc import Sequence

from detectors.baselines.choice import candidates
from detectors.baselines.scoring import marginals_of, normal_scores, scorer_of
from detectors.groups.group import GroupProfile, merged_in_turn
from detectors.lenses.frozen import Frozen, FrozenParts
from pipeline.events.files.batch import in_batches
from pipeline.history.baseline_build import model_windows
from pipeline.history.local import LocalIngest, closed_windows
from schemas.config import Config

_FROM = 20_000


def frozen_from(config: Config, model: str, values: Sequence[bytes]) -> FrozenParts:
    """As `driftline baseline build` makes them of the first events."""
    some = values[:_FROM]
    total = _total(config, model, some, {})
    marginals = marginals_of(total)
    through = normal_scores(marginals)
    assert through is not None, "events have numbers"
    scorer = scorer_of(marginals, _total(config, model, some, {model: Frozen(through)}).cross)
    return {model: Frozen(candidates(total), scorer)}


def _total(config: Config, model: str, values: Sequence[bytes], frozen: FrozenParts) -> GroupProfile:
    windows = closed_windows(config, LocalIngest(config, frozen).messages(batch.values for batch in in_batches(values)))
    return merged_in_turn(groups[None] for _, groups in model_windows(windows, model))
