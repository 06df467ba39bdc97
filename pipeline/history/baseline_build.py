"""A baseline of a history: the profiles of its windows, a lens for their correlations, and a scorer of its events."""

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import replace

from detectors.baselines.baseline import Baseline, baseline_of
from detectors.baselines.choice import candidates, with_lens
from detectors.baselines.scoring import marginals_of, normal_scores, scorer_of
from detectors.groups.group import GroupProfile
from detectors.lenses.frozen import Frozen, FrozenParts
from detectors.lenses.lens import Lens
from detectors.lenses.scorer import Scorer
from detectors.statistics.spread import LEAST_WINDOWS
from pipeline.history.history import History, Stretch
from pipeline.history.local import closed_windows
from pipeline.monitor.collect import OpenWindow
from schemas.config import Config
from schemas.errors import InputError
from schemas.group import Segment

Windows = dict[str, list[tuple[Segment | None, int, GroupProfile]]]
Progress = Callable[[float], None]
Seen = Callable[[Config, FrozenParts], History]
"""The history as it is seen through the frozen parts of models' baselines."""


def build(config: Config, seen: Seen, model: str | None, progress: Progress) -> tuple[Baseline, Counter[str]]:
    """The baseline of the one model in a history, or of the one named, and what became of the events. They are read again
    where there is a lens to be had or a scorer is wanted, whose centres and scales are those of all of them: once for both,
    and once before that for how the scorer's signals hang together. Raises InputError where there is nothing to build it
    of, or the model is not clear."""
    baseline, counts = _profiled(config, seen(config, {}), model, progress)
    lens = _lens(config, baseline)
    scorer = _scorer(config, seen, baseline, progress) if config.detection.anomalies else None
    if lens is None and scorer is None:
        return baseline, counts
    frozen = {baseline.model: Frozen(lens, scorer)}
    again, counts = _profiled(config, seen(config, frozen), baseline.model, progress)
    again = replace(again, scorer=scorer)
    return again if lens is None else with_lens(again, lens, config.detection.pairwise.most), counts


def _lens(config: Config, baseline: Baseline) -> Lens | None:
    """The lens of all signals that may be in one, where there are windows enough."""
    pairwise, group = config.detection.pairwise, baseline.groups[None]
    if not pairwise.most or len(group.windows) < LEAST_WINDOWS:
        return None
    return candidates(group.total, None if pairwise.signals == "auto" else pairwise.signals)


def _scorer(config: Config, seen: Seen, baseline: Baseline, progress: Progress) -> Scorer | None:
    """The scorer of a baseline's events; None where they have no signals."""
    marginals = marginals_of(baseline.groups[None].total)
    through = normal_scores(marginals)
    if through is None:
        return scorer_of(marginals, None) if marginals else None
    frozen = {baseline.model: Frozen(through)}
    crossed, _ = _profiled(config, seen(config, frozen), baseline.model, progress)
    return scorer_of(marginals, crossed.groups[None].total.cross)


def profiles_by_model(windows: Iterable[OpenWindow]) -> Windows:
    """What a baseline is made of: of each model the segment, the start and the profile of each group in each window."""
    found: Windows = {}
    for window in windows:
        for groups in window.models.values():
            for group, part in groups.in_order():
                found.setdefault(group.model, []).append((group.segment, window.start_ms, part.profile.collapsed()))
    return found


def _profiled(config: Config, history: History, model: str | None, progress: Progress) -> tuple[Baseline, Counter[str]]:
    counts: Counter[str] = Counter()
    messages = history.messages(config, _told(history.stretches(), progress), counts)
    whole = (
        w for w in closed_windows(config, messages) if history.begin_ms <= w.start_ms and w.end_ms <= history.end_ms
    )
    windows = profiles_by_model(whole)
    found = sorted(windows)
    if not found:
        fate = ", ".join(f"{n:,} {what}" for what, n in sorted(counts.items()) if n)
        raise InputError(f"no event to build a baseline of ({fate or 'there are none'})")
    if model is None and len(found) != 1:
        raise InputError(f"the events have {len(found)} models ({', '.join(found)}): name one with --model")
    name = model or found[0]
    if name not in windows:
        raise InputError(f"no event of model {name!r}; there are {', '.join(found)}")
    return baseline_of(name, config.window.length_ms, windows[name]), counts


def _told(stretches: Iterable[Stretch], progress: Progress) -> Iterable[Stretch]:
    for stretch in stretches:
        yield stretch
        progress(stretch.done)
