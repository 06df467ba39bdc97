"""What another configuration would gain over the same history: each change is tried, and offered where it gains.

A change is kept only where the backtest, run again with it, is better by what the change is for. The last run is with
all that are kept.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from math import ceil
from pathlib import Path
from statistics import quantiles
from typing import Any

from detectors.baselines.baseline import Baseline
from pipeline.backtest.backtest import Backtest, ModelSeen, run_backtest
from pipeline.backtest.injection import Place, embedding_of, place_of
from pipeline.configuration.yaml_edit import Step, diff_of, document_of, in_one_line, with_setting
from pipeline.history.history import History
from schemas.config import Config
from schemas.duration import UNITS_MS, format_duration
from schemas.errors import ConfigError, InputError
from schemas.verdict import State

LEAST_WINDOWS = 20
_TOO_OFTEN_INSUFFICIENT = 0.2
_WASTED = 0.1
_SEVERAL = 2  # one incident in a short history says nothing of a rate
_EFFECTS = (0.08, 0.1, 0.12, 0.15, 0.2, 0.25, 0.3)
_LENGTHS = ("1m", "5m", "10m", "15m", "30m", "1h", "2h", "3h", "6h", "12h", "1d")


@dataclass(frozen=True, slots=True)
class Change:
    """A setting to write: where, what it is and what it would be, and why."""

    path: tuple[Step, ...]
    before: str
    after: str
    reason: str

    @property
    def setting(self) -> str:
        return "".join(f"[{s}]" if isinstance(s, int) else f".{s}" for s in self.path).lstrip(".")


@dataclass(frozen=True, slots=True)
class Suggestion:
    """A change that gains, with what it was measured to do."""

    changes: tuple[Change, ...]
    effect: str


@dataclass(frozen=True, slots=True)
class Suggested:
    """All that gains together: the configuration's text with it, the diff, and the backtest that was run with it."""

    suggestions: tuple[Suggestion, ...]
    config: Config
    diff: str
    verified: Backtest


Better = Callable[[Backtest, Backtest], str | None]


@dataclass(frozen=True, slots=True)
class _Candidate:
    """Changes to try together; `better` says what they gained, or None."""

    aim: str
    changes: tuple[Change, ...]
    better: Better


def suggest(
    text: str,
    name: str,
    config: Config,
    baselines: Mapping[str, Baseline],
    history: History,
    seen: Backtest,
    progress: Callable[[float], None] = lambda _: None,
) -> Suggested | None:
    """What to change in the configuration whose YAML is `text`, or None. Reads the history once for each candidate, of
    which there are few, and none where the history gives no cause."""
    kept: list[Suggestion] = []
    aims: set[str] = set()
    now, best, folder = text, seen, str(Path(name).parent)
    for candidate in _candidates(text, config, seen):
        if candidate.aim in aims:
            continue
        tried = _tried(now, candidate.changes, folder)
        if tried is None:
            continue
        after = _run(tried[1], baselines, history, progress)
        gained = None if after is None else candidate.better(best, after)
        if after is not None and gained is not None:
            now, best = tried[0], after
            aims.add(candidate.aim)
            kept.append(Suggestion(candidate.changes, gained))
    if not kept:
        return None
    return Suggested(tuple(kept), Config.from_mapping(document_of(now), name, folder), diff_of(text, now, name), best)


def _tried(text: str, changes: tuple[Change, ...], folder: str) -> tuple[str, Config] | None:
    """The text with the changes, and what it configures; None where they cannot be written."""
    try:
        for change in changes:
            text = with_setting(text, change.path, change.after)
        return text, Config.from_mapping(document_of(text), folder=folder)
    except (ValueError, ConfigError):
        return None


def _run(
    config: Config, baselines: Mapping[str, Baseline], history: History, progress: Callable[[float], None]
) -> Backtest | None:
    try:
        return run_backtest(config, baselines, history, progress)
    except InputError:
        return None


def _candidates(text: str, config: Config, seen: Backtest) -> Iterator[_Candidate]:
    document = document_of(text)
    models = document.get("models") if isinstance(document, dict) else None
    yield from _longer_windows(config, seen, models)
    if _over(seen):
        yield from _fewer_incidents(config, seen, models)
    for model in seen.models:
        yield from _fewer_signals(config, seen, model, models)


def _longer_windows(config: Config, seen: Backtest, models: Any) -> Iterator[_Candidate]:
    """Where many windows have too few events. Only where baselines are learned: one from a file is of windows of its
    own length."""
    worst = max(seen.models, key=_insufficient)
    if _insufficient(worst) <= _TOO_OFTEN_INSUFFICIENT or not all(m.baseline.learned for m in seen.models):
        return
    old, least = config.window.length_ms, config.detection.minimum_events
    events = sorted(window.events for window in worst.judged)
    low = quantiles(events, n=4)[0] if len(events) > 1 else events[0]
    for length in _LENGTHS:
        ms = _ms(length)
        if ms > old and low * ms / old >= 2 * least:
            share = f"{_insufficient(worst):.0%} of the windows of {worst.model} have fewer than {least} events"
            changes = [Change(("window", "length"), format_duration(old), length, share)]
            for model in seen.models:
                windows = max(LEAST_WINDOWS, ceil(model.baseline.wanted * old / ms))
                changes += _learn(config, seen, model, models, windows, "the baseline covers the same time")
            yield _Candidate("insufficient", tuple(changes), _less_insufficient)
            return


def _less_insufficient(before: Backtest, after: Backtest) -> str | None:
    old, new = (max(map(_insufficient, seen.models)) for seen in (before, after))
    if new > old / 2 or _over(after) - _over(before):
        return None
    return f"windows with too few events: {old:.0%} -> {new:.0%}"


def _over(seen: Backtest) -> set[str]:
    """The models with more incidents than their budget has, and more than one."""
    return {m.model for m in seen.models if m.budget_spent > 1 and len(m.incidents) >= _SEVERAL}


def _fewer_incidents(config: Config, seen: Backtest, models: Any) -> Iterator[_Candidate]:
    """Where there were more incidents than the budget has: what makes the most of them go, the mildest first."""
    count = sum(len(m.incidents) for m in seen.models if m.model in _over(seen))
    over = f"{count} incidents of {', '.join(sorted(_over(seen)))} are more than the budget, if they were false"
    detection = config.detection
    floor = _effect_within_budget(seen, detection.minimum_effect)
    if floor is not None:
        change = Change(("detection", "minimum_effect"), f"{detection.minimum_effect:g}", f"{floor:g}", over)
        yield _Candidate("incidents", (change,), _within_budget)
    if detection.fire.of == 1:
        change = Change(("detection", "fire"), "{windows: 1, of: 1}", "{windows: 2, of: 3}", over)
        yield _Candidate("incidents", (change,), _within_budget)
    changes = []
    for model in seen.models:
        taken = model.baseline.windows
        if model.baseline.learned and 2 * taken <= len(model.windows) // 2:
            why = f"{over}; a longer baseline knows more of what is usual"
            changes += _learn(config, seen, model, models, 2 * taken, why)
    if changes:
        yield _Candidate("incidents", tuple(changes), _within_budget)


def _within_budget(before: Backtest, after: Backtest) -> str | None:
    if _over(after):
        return None
    spent = {seen.model: seen.budget_spent for seen in after.models}
    told = [
        f"{seen.model}: incidents {len(seen.incidents)} -> {_incidents_of(after, seen.model)}, "
        f"budget spent {seen.budget_spent:.0%} -> {spent[seen.model]:.0%}"
        for seen in before.models
        if seen.model in spent and seen.model in _over(before)
    ]
    return "; ".join(told)


def _incidents_of(seen: Backtest, model: str) -> int:
    return sum(len(one.incidents) for one in seen.models if one.model == model)


def _effect_within_budget(seen: Backtest, now: float) -> float | None:
    """The least effect that so few incidents reach that they are within the budget, or one."""
    over = [model for model in seen.models if model.model in _over(seen)]
    for floor in _EFFECTS:
        left = [sum(i.effect >= floor for i in model.incidents) for model in over]
        share = [n / len(model.incidents) for n, model in zip(left, over, strict=True)]
        within = [n < _SEVERAL or s * model.budget_spent <= 1 for n, s, model in zip(left, share, over, strict=True)]
        if floor > now and all(within):
            return floor
    return None


def _fewer_signals(config: Config, seen: Backtest, model: ModelSeen, models: Any) -> Iterator[_Candidate]:
    """Where many signals never vary: each takes its part of the budget, and the others' tests are the stricter."""
    found = config.model(model.model)
    whole = {signal.name for signal in model.signals if signal.group.segment is None}
    constant = sorted({s.name for s in model.signals if s.group.segment is None and s.constant})
    if found is None or found.signals != "auto" or len(constant) < _WASTED * len(whole) or constant == sorted(whole):
        return
    known = {name: embedding_of(config, model.model, name) for name in whole - set(constant)}
    kept = sorted({name if one is None else one.name for name, one in known.items()})
    paths = {one.name: one.projection.path for one in known.values() if one is not None}
    places = {name: Place(paths[name]) if name in paths else place_of(config, model.model, name) for name in kept}
    if any("." in (place.name or "") for place in places.values()):
        return
    entries = [
        {"name": name, "path": place.path if place.name is None else f"{place.path}.{place.name}"}
        for name, place in places.items()
    ]
    value = in_one_line(entries)
    why = f"{len(constant)} of {len(whole)} signals never vary: {', '.join(constant)} (a feature that is new is not profiled then)"
    path = _model_path(seen, model.model, models)
    if path is not None:
        change = _of_model(path, model.model, "signals", "auto", value, why)
        yield _Candidate(f"signals of {model.model}", (change,), partial(_more_level, model.model))


def _more_level(model: str, before: Backtest, after: Backtest) -> str | None:
    old, new = (next((m.level or 0.0 for m in seen.models if m.model == model), 0.0) for seen in (before, after))
    incidents = _incidents_of(before, model), _incidents_of(after, model)
    if new < (1 + _WASTED / 2) * old or incidents[1] > incidents[0]:
        return None
    return f"the level of each test: {old:.2g} -> {new:.2g}; incidents: {incidents[0]} -> {incidents[1]}"


def _learn(config: Config, seen: Backtest, model: ModelSeen, models: Any, windows: int, why: str) -> list[Change]:
    found, path = config.model(model.model), _model_path(seen, model.model, models)
    old = found.learned_windows if found else 0
    if path is None or not old or old == windows:
        return []
    if len(path) > 1 and "baseline" in models[path[1]]:
        written = (*path, "baseline", "learn")
        if "learn" in models[path[1]]["baseline"]:
            return [Change((*written, "windows"), str(old), str(windows), why)]
        return [Change(written, f"{{windows: {old}}}", f"{{windows: {windows}}}", why)]
    before, after = (f"{{learn: {{windows: {n}}}}}" for n in (old, windows))
    return [_of_model(path, model.model, "baseline", before, after, why)]


def _model_path(seen: Backtest, name: str, models: Any) -> tuple[Step, ...] | None:
    """Where the model's settings stand; `("models",)` where it has none yet and may be named, for it is the only one."""
    if isinstance(models, list):
        return next((("models", at) for at, entry in enumerate(models) if entry.get("name") == name), None)
    return ("models",) if len(seen.models) + len(seen.unjudged) == 1 else None


def _of_model(path: tuple[Step, ...], name: str, setting: str, before: str, after: str, why: str) -> Change:
    if len(path) > 1:
        return Change((*path, setting), before, after, why)
    named = in_one_line(name)
    return Change(path, "auto", f"[{{name: {named}, {setting}: {after}}}]", why)


def _insufficient(model: ModelSeen) -> float:
    states = model.states
    judged = states[State.OK] + states[State.WARNING] + states[State.DRIFT] + states[State.INSUFFICIENT]
    return states[State.INSUFFICIENT] / max(1, judged)


def _ms(length: str) -> int:
    return int(length[:-1]) * UNITS_MS[length[-1]]
