"""A scorer as a baseline's file has it, and back."""

from detectors.lenses.marginal import Marginal
from detectors.lenses.scorer import Scorer
from schemas.baseline import MarginalForm, ScorerForm
from schemas.errors import WireError


def form_of(scorer: Scorer) -> ScorerForm:
    """The scorer's form."""
    signals = tuple(map(_form, scorer.marginals))
    return ScorerForm(signals=signals, together=scorer.together, weights=scorer.weights)


def scorer_in(form: ScorerForm) -> Scorer:
    """The scorer that has this form. Raises WireError where none has."""
    try:
        return Scorer(tuple(map(_marginal, form.signals)), form.together, form.weights)
    except ValueError as error:
        raise WireError(f"not a baseline that this version reads: scorer: {error}") from error


def _form(marginal: Marginal) -> MarginalForm:
    return MarginalForm(
        name=marginal.name,
        centre=marginal.centre,
        scale=marginal.scale,
        kinds=marginal.kinds,
        bins=marginal.bins,
        scores=marginal.normals,
        shift=marginal.shift,
        categories=tuple(f"{key:016x}" for key in marginal.categories),
        surprises=marginal.surprises,
        unseen=marginal.unseen,
    )


def _marginal(form: MarginalForm) -> Marginal:
    return Marginal(
        form.name,
        form.centre,
        form.scale,
        form.kinds,
        form.bins,
        form.scores,
        form.shift,
        tuple(int(key, 16) for key in form.categories),
        form.surprises,
        form.unseen,
    )
