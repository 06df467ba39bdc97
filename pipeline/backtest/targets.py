"""What is injected where, and when: the injections of a backtest, in each model that has their signal, with onsets that
are drawn."""

from collections.abc import Mapping
from dataclasses import dataclass
from difflib import get_close_matches

import numpy as np

from detectors.baselines.baseline import Baseline
from detectors.baselines.baseline_group import BaselineGroup
from pipeline.backtest.backtest import Backtest, ModelSeen
from pipeline.backtest.injection import LABEL, Facts, Injection, Kind, Place, check, embedding_of, place_of
from pipeline.events.event_time import BEGINNING, starts_of
from pipeline.ingest.signal_names import PREDICTION
from schemas.config import Config
from schemas.errors import InputError

MOST_SIGNALS = 6
_GRID: Mapping[Kind, tuple[float, ...]] = {
    Kind.SHIFT: (0.05, 0.1, 0.2, 0.5),
    Kind.NULL: (0.005, 0.02, 0.1),
    Kind.SWAP: (0.05, 0.1, 0.2, 0.5),
    Kind.PRIOR: (0.1, 0.25, 0.5),
}


@dataclass(frozen=True, slots=True)
class Plan:
    """What is tried: each injection at `repetitions` onsets, each followed for `within` windows, the onset's among
    them."""

    injections: tuple[Injection, ...]
    within: int = 3
    repetitions: int = 20
    seed: int = 0


@dataclass(frozen=True, slots=True)
class Target:
    """One injection into one model's signal, and the onsets at which it is tried."""

    model: str
    injection: Injection
    place: Place
    facts: Facts
    onsets_ms: tuple[int, ...]


def default_injections(config: Config, baselines: Mapping[str, Baseline], seen: Backtest) -> list[Injection]:
    """A grid of sizes for each model's prediction and the signals that most of its events have, `MOST_SIGNALS` in all;
    projections of embeddings are not among them."""
    return [one for model in seen.models for one in _defaults(config, model, _whole(baselines, seen, model.model))]


def _defaults(config: Config, model: ModelSeen, group: BaselineGroup) -> list[Injection]:
    names = [
        signal.name
        for signal in model.signals
        if signal.group.segment is None
        and not signal.constant
        and embedding_of(config, model.model, signal.name) is None
    ]
    profiles = {name: group.total.profile(name) for name in dict.fromkeys(names)}
    order = sorted(profiles, key=lambda name: (name != PREDICTION, profiles[name].null + profiles[name].missing, name))
    found = []
    for name in order[:MOST_SIGNALS]:
        facts = Facts.of(profiles[name])
        if facts.numeric and facts.deviation:
            found.append((Kind.SHIFT, name))
        elif facts.second is not None:
            found.append((Kind.SWAP, name))
        found.append((Kind.NULL, name))
    if PREDICTION in profiles:
        found.append((Kind.PRIOR, PREDICTION))
    return [Injection(kind, name, _GRID[kind], model=model.model) for kind, name in found]


def targets_of(config: Config, baselines: Mapping[str, Baseline], seen: Backtest, plan: Plan) -> list[Target]:
    groups = {model.model: _whole(baselines, seen, model.model) for model in seen.models}
    targets = []
    for injection in plan.injections:
        known = [model for model in seen.models if _has(model, injection)]
        if not known:
            raise InputError(f"--inject {injection.kind}:{injection.signal}: {_unknown(seen, injection.signal)}")
        for model in known:
            _check_place(config, model.model, injection)
            facts = Facts.of(groups[model.model].total.profile(injection.signal))
            check(injection, facts)
            onsets = _onsets(config, seen, model, injection, plan)
            place = place_of(config, model.model, injection.signal)
            targets.append(Target(model.model, injection, place, facts, onsets))
    return targets


def _check_place(config: Config, model: str, injection: Injection) -> None:
    embedding = embedding_of(config, model, injection.signal)
    if embedding is not None and injection.kind is not Kind.NULL:
        raise InputError(
            f"--inject {injection.kind}:{injection.signal}: it is a projection of the embedding {embedding.name}, which only "
            f"null can be injected into, as in null:{injection.signal}:0.1"
        )


def _whole(baselines: Mapping[str, Baseline], seen: Backtest, model: str) -> BaselineGroup:
    found = baselines[model].groups.get(None) if model in baselines else seen.learned.get((model, None))
    assert found is not None, f"{model} was judged without a baseline"
    return found


def _has(model: ModelSeen, injection: Injection) -> bool:
    if injection.model not in (None, model.model):
        return False
    if injection.kind is Kind.PRIOR and injection.signal == LABEL:
        return True
    return any(signal.name == injection.signal for signal in model.signals)


def _unknown(seen: Backtest, signal: str) -> str:
    names = sorted({one.name for model in seen.models for one in model.signals})
    near = get_close_matches(signal, names, 1)
    return f"no signal {signal!r}" + (f"; did you mean {near[0]!r}?" if near else f"; there are {', '.join(names)}")


def _onsets(config: Config, seen: Backtest, model: ModelSeen, injection: Injection, plan: Plan) -> tuple[int, ...]:
    """The moments at which the change begins, drawn; those of all signals of a model from one order of its windows."""
    length = config.window.length_ms
    judged = {window.start_ms for window in model.judged}
    open_ = _open(seen, model.model, None if injection.kind is Kind.PRIOR else injection.signal)
    free = [
        start
        for start in sorted(judged)
        if not any(fired < start <= resolved for fired, resolved in open_)
        and all(start + n * length in judged for n in range(plan.within))
    ]
    if injection.at_ms is not None:
        start = int(starts_of(np.array([injection.at_ms]), length)[0])
        if start not in judged:
            raise InputError(
                f"--inject {injection.kind}:{injection.signal}: no window of {model.model} is judged at that time"
            )
        return (injection.at_ms,)
    if not free:
        raise InputError(
            f"too little history after the baseline of {model.model}: no {plan.within} windows in a row without an open "
            f"alert of {injection.signal}; give more history, or a lower --within"
        )
    rng = np.random.default_rng([plan.seed, *model.model.encode()])
    order = rng.permutation(sorted(judged)).tolist()
    within = dict(zip(order, rng.integers(0, length, len(order)).tolist(), strict=True))
    rank = {start: at for at, start in enumerate(order)}
    chosen = sorted(free, key=rank.__getitem__)[: plan.repetitions]
    return tuple(sorted(start + within[start] for start in chosen))


def _open(seen: Backtest, model: str, signal: str | None) -> list[tuple[int, int]]:
    """When alerts of the signal, or of any, were open: the start of the window that fired and of the one that
    resolved."""
    found: dict[str, list[int]] = {}
    for alert in seen.alerts:
        if alert.model == model and signal in (None, alert.signal):
            found.setdefault(alert.id, []).append(alert.start_ms)
    return [(starts[0], starts[1] if len(starts) > 1 else -BEGINNING) for starts in found.values()]
