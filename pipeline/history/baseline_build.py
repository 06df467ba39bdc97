"""A baseline of a history: the profiles of its windows, and a lens for their correlations."""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping

from detectors.baseline import Baseline, baseline_of
from detectors.choice import candidates, with_lens
from detectors.group import GroupProfile
from detectors.lens import Lens
from detectors.spread import LEAST_WINDOWS
from pipeline.history.history import History, Stretch
from pipeline.history.local import closed_windows
from pipeline.monitor.collect import OpenWindow
from schemas.config import Config
from schemas.errors import InputError
from schemas.group import Segment

Windows = dict[str, list[tuple[Segment | None, int, GroupProfile]]]
Progress = Callable[[float], None]
Seen = Callable[[Config, Mapping[str, Lens]], History]
"""The history as it is seen through the lenses of models."""


def build(config: Config, seen: Seen, model: str | None, progress: Progress) -> tuple[Baseline, Counter[str]]:
    """The baseline of the one model in a history, or of the one named, and what became of the events. They are read twice
    where there is a lens to be had: its centres and scales are those of all of them. Raises InputError where there is
    nothing to build it of, or the model is not clear."""
    baseline, counts = _profiled(config, seen(config, {}), model, progress)
    pairwise = config.detection.pairwise
    group = baseline.groups[None]
    if not pairwise.most or len(group.windows) < LEAST_WINDOWS:
        return baseline, counts
    lens = candidates(group.total, None if pairwise.signals == "auto" else pairwise.signals)
    if lens is None:
        return baseline, counts
    again, counts = _profiled(config, seen(config, {baseline.model: lens}), baseline.model, progress)
    return with_lens(again, lens, pairwise.most), counts


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
