"""Making a scorer of a baseline: what each signal's values are worth, and how its numeric signals hang together."""

from collections.abc import Sequence

import numpy as np

from detectors.baselines.choice import LEAST_SIGNALS, most_correlated
from detectors.groups.group import GroupProfile, least_hashed
from detectors.lenses.cross import CrossProducts
from detectors.lenses.lens import MOST_SIGNALS
from detectors.lenses.marginal import Marginal
from detectors.lenses.scorer import MOST_SCORED, MOST_WEIGHT, SIGNAL, WEIGHT_STEPS, NormalScores, Scorer
from detectors.profiles.ordering import Floats

# Draws correlations to 0, so that no combination of signals is taken to be all but impossible.
_SHRINKAGE = 0.02
_LEAST_EVENTS = 30


def marginals_of(total: GroupProfile) -> tuple[Marginal, ...]:
    """Those of all signals of a baseline; beyond `MOST_SCORED` of the ones whose names have the least hashes. O(buckets)."""
    names = least_hashed(set(total.signals) - {SIGNAL}, MOST_SCORED)
    return tuple(Marginal.of(name, total.profile(name)) for name in names)


def normal_scores(marginals: Sequence[Marginal]) -> NormalScores | None:
    """What the correlations of numeric signals are seen through; None where there are not two."""
    some = tuple(marginal for marginal in marginals if marginal.varies)
    return NormalScores(some) if len(some) >= LEAST_SIGNALS else None


def scorer_of(marginals: Sequence[Marginal], cross: CrossProducts | None) -> Scorer:
    """The scorer of a baseline; `cross` are the cross-products of its `normal_scores`, where there are any. Of those, at
    most `MOST_SIGNALS` are taken together, the most correlated. O(p^3)."""
    if cross is None:
        return Scorer(tuple(marginals))
    places = [at for at, marginal in enumerate(marginals) if marginal.varies]
    names = [marginals[at].name for at in places]
    chosen = [names.index(name) for name in most_correlated(names, cross, _LEAST_EVENTS, MOST_SIGNALS)]
    r = cross.correlations(_LEAST_EVENTS)[np.ix_(chosen, chosen)]
    return Scorer(tuple(marginals), tuple(places[at] for at in chosen), _weights(np.nan_to_num(r)))


def _weights(r: Floats) -> tuple[tuple[int, ...], ...]:
    """Half of the inverse less 1, in bits; a pair that few events have counts as not correlated."""
    np.fill_diagonal(r, 1.0)
    values, vectors = np.linalg.eigh((1.0 - _SHRINKAGE) * r + _SHRINKAGE * np.eye(len(r)))
    inverse = (vectors / np.maximum(values, _SHRINKAGE)) @ vectors.T
    bits = (inverse - np.eye(len(r))) * (0.5 / np.log(2.0))
    whole = np.rint((bits + bits.T) * (0.5 * WEIGHT_STEPS)).astype(int)
    return tuple(map(tuple, np.clip(whole, -MOST_WEIGHT, MOST_WEIGHT).tolist()))
