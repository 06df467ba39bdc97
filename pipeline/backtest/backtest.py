"""The core over history, and what came of it: incidents against the budget, windows by state, the signals that fired.

The same packets go through the same monitor as a worker's; this file only counts what the closings say.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from statistics import median

from detectors.baselines.baseline import Baseline
from detectors.baselines.baseline_group import BaselineGroup
from pipeline.events.event_time import BEGINNING
from pipeline.history.history import History, Stretch
from pipeline.monitor.closing import Closing
from pipeline.monitor.incidents.memory import PartitionMemory
from pipeline.monitor.partition_monitor import PartitionMonitor
from pipeline.monitor.standards.standards import Key, Standards
from schemas.alert import Alert, AlertState
from schemas.config import Config
from schemas.duration import format_duration
from schemas.errors import InputError
from schemas.group import Group
from schemas.model_config import FalseAlarms
from schemas.verdict import State
from schemas.window import Completeness, SignalRecord, WindowRecord

WEEK_MS = 604_800_000
# What a record may say of the least change that its window would have shown; without it, the column is left out.
_DETECTABLE = "minimum_detectable_effect"
_JUDGED = frozenset({State.OK, State.WARNING, State.DRIFT, State.INSUFFICIENT})

Progress = Callable[[float], None]


@dataclass(frozen=True, slots=True)
class BaselineUsed:
    """The baseline that a model was compared with; `learned` from the history's own windows, which start from
    `begin_ms` on and end by `end_ms`, or from a file. `wanted` is how many windows are to be learned."""

    learned: bool
    windows: int
    wanted: int
    events: int
    begin_ms: int
    end_ms: int


@dataclass(frozen=True, slots=True)
class IncidentSeen:
    """Alerts of one incident, from the first onset among them: `fired_ms` is the end of the window that fired first, `resolved_ms` that of the window
    that resolved the last of them, None while one is open. `effect` is the greatest of the windows that drifted meanwhile."""

    id: str
    onset_ms: int
    fired_ms: int
    resolved_ms: int | None
    signals: tuple[str, ...]
    effect: float


@dataclass(frozen=True, slots=True)
class SignalSeen:
    """A signal of a group: how often it fired, and its judged windows by state. `detectable` is the median of the
    minimum detectable effects of its windows. `constant`: one value, or none, in the baseline and throughout."""

    group: Group
    name: str
    fired: int
    states: Mapping[State, int]
    detectable: float | None = None
    constant: bool = False


@dataclass(frozen=True, slots=True)
class WindowSeen:
    """A window of the whole of a model's version. `level` is that of a signal."""

    start_ms: int
    end_ms: int
    state: State
    events: int
    level: float | None


@dataclass(frozen=True, slots=True)
class ModelSeen:
    """What the history says of one model. Windows, incidents and signals are in order of time, time and name."""

    model: str
    baseline: BaselineUsed
    budget: FalseAlarms
    windows: tuple[WindowSeen, ...]
    incidents: tuple[IncidentSeen, ...]
    signals: tuple[SignalSeen, ...]

    @property
    def judged(self) -> tuple[WindowSeen, ...]:
        """The windows that were compared with the baseline."""
        return tuple(window for window in self.windows if window.state in _JUDGED)

    @property
    def span_ms(self) -> int:
        """From the first judged window to the end of the last, gaps included: the budget counts time."""
        judged = self.judged
        return max(w.end_ms for w in judged) - min(w.start_ms for w in judged) if judged else 0

    @property
    def incidents_per_week(self) -> float:
        return len(self.incidents) * WEEK_MS / self.span_ms

    @property
    def budget_spent(self) -> float:
        """Incidents over those that the budget expects in the span."""
        return len(self.incidents) * self.budget.per_ms / (self.budget.at_most * self.span_ms)

    @property
    def states(self) -> Counter[State]:
        """Windows of the whole model by state."""
        return Counter(window.state for window in self.windows)

    @property
    def level(self) -> float | None:
        """The level of a signal in the last judged window."""
        return next((w.level for w in reversed(self.judged) if w.level is not None), None)


@dataclass(frozen=True, slots=True)
class Backtest:
    """The whole: events by what became of them, windows by completeness, and each model that was judged; `unjudged`
    are the others, with the reason. `learned` are the baselines that the history gave."""

    events: Mapping[str, int]
    windows: Mapping[str, int]
    models: tuple[ModelSeen, ...]
    unjudged: Mapping[str, str]
    alerts: tuple[Alert, ...]
    learned: Mapping[Key, BaselineGroup]


def run_backtest(
    config: Config, baselines: Mapping[str, Baseline], history: History, progress: Progress = lambda _: None
) -> Backtest:
    """The configuration over the history. Raises InputError, with what to do, where no model could be judged."""
    counts: Counter[str] = Counter()
    seen = _Seen(config, baselines)
    for closing in closings_of(config, baselines, history, counts, progress):
        seen.take(closing)
    return seen.report(counts)


def closings_of(
    config: Config,
    baselines: Mapping[str, Baseline],
    history: History,
    counts: Counter[str],
    progress: Progress = lambda _: None,
    watch: Callable[[Stretch], None] = lambda _: None,
) -> Iterator[Closing]:
    """What closing each whole window of the history comes to. `watch` is shown each stretch before it is read."""

    def stretches() -> Iterator[Stretch]:
        for stretch in history.stretches():
            watch(stretch)
            yield stretch
            progress(stretch.done)

    begin_ms = -(-history.begin_ms // config.window.length_ms) * config.window.length_ms
    memory = PartitionMemory(closed_through_ms=max(BEGINNING, begin_ms))
    monitor = PartitionMonitor(config, Standards(config, baselines), memory)
    for number, message in enumerate(history.messages(config, stretches(), counts)):
        for closing in monitor.take(message, number):
            if closing.end_ms <= history.end_ms:
                yield closing


@dataclass(slots=True)
class _Signal:
    """A signal of a group while the history passes."""

    fired: int = 0
    states: Counter[State] = field(default_factory=Counter)
    detectable: list[float] = field(default_factory=list)
    varies: bool = False
    bounds: tuple[float, float] | None = None

    def take(self, record: SignalRecord) -> None:
        self.states[record.state] += 1
        least = getattr(record, _DETECTABLE, None)
        if least is not None:
            self.detectable.append(least)
        self.varies = self.varies or record.state in (State.DRIFT, State.WARNING) or self._moves(record)

    def _moves(self, record: SignalRecord) -> bool:
        if record.least is None or record.greatest is None:
            return sum(cell.current > 0 for cell in record.cells) > 1
        least, greatest = self.bounds or (record.least, record.greatest)
        self.bounds = min(least, record.least), max(greatest, record.greatest)
        return self.bounds[0] < self.bounds[1]


class _Seen:
    """Counts closings."""

    def __init__(self, config: Config, baselines: Mapping[str, Baseline]) -> None:
        self._config = config
        self._baselines = baselines
        self._windows: Counter[str] = Counter()
        self._models: dict[str, list[WindowSeen]] = {}
        self._signals: dict[tuple[Group, str], _Signal] = {}
        self._alerts: list[Alert] = []
        self._effects: list[tuple[str, str, int, float]] = []
        self._learned: dict[Key, BaselineGroup] = {}

    def take(self, closing: Closing) -> None:
        self._windows[str(closing.completeness)] += closing.last
        self._alerts += [alert for alert in closing.alerts if alert.state is not AlertState.ANNOUNCED]
        self._learned |= closing.baselines
        for record in closing.records:
            self._record(record)
        for alert in closing.alerts:
            if alert.state is AlertState.FIRING:
                self._signals[alert.group, alert.signal].fired += 1

    def _record(self, record: WindowRecord) -> None:
        level = next((s.level for s in record.signals if s.level is not None), None)
        if record.segment is None:
            whole = record.completeness is Completeness.COMPLETE
            state = record.state if whole else State.NO_DATA
            seen = WindowSeen(record.start_ms, record.end_ms, state, record.events, level)
            self._models.setdefault(record.model, []).append(seen)
        if record.state in _JUDGED:
            for signal in record.signals:
                self._signals.setdefault((record.group, signal.name), _Signal()).take(signal)
                if signal.state is State.DRIFT and signal.effect is not None:
                    self._effects.append((record.model, signal.name, record.start_ms, signal.effect))

    def report(self, counts: Mapping[str, int]) -> Backtest:
        models = [self._model(name) for name in sorted(self._models)]
        unjudged = {seen.model: self._why(seen) for seen in models if not seen.span_ms}
        judged = tuple(seen for seen in models if seen.span_ms)
        if not models:
            fate = ", ".join(f"{n:,} {what}" for what, n in sorted(counts.items()) if n)
            raise InputError(f"no event of a watched model in the history ({fate or 'it is empty'})")
        if not judged:
            raise InputError("too little history: " + "; ".join(unjudged.values()))
        return Backtest(counts, self._windows, judged, unjudged, tuple(self._alerts), self._learned)

    def _model(self, name: str) -> ModelSeen:
        found = self._config.model(name)
        assert found is not None, f"model {name} is not watched"
        baseline = self._baseline(name)
        signals = tuple(
            self._signal(group, signal, seen)
            for (group, signal), seen in sorted(self._signals.items(), key=lambda item: (item[0][0].order, item[0][1]))
            if group.model == name
        )
        alerts = [alert for alert in self._alerts if alert.model == name]
        incidents = tuple(_incidents(alerts, [effect[1:] for effect in self._effects if effect[0] == name]))
        return ModelSeen(name, baseline, found.false_alarms, tuple(self._models[name]), incidents, signals)

    def _signal(self, group: Group, name: str, seen: _Signal) -> SignalSeen:
        detectable = median(seen.detectable) if seen.detectable else None
        known = self._group(group.model)
        profile = None if known is None else known.total.profile(name)
        values = 0
        if profile is not None:
            values = len(profile.labels) + sum(n > 0 for n in profile.booleans)
            values += (profile.least <= profile.greatest) + (profile.least < profile.greatest)
        constant = values < 2 and not seen.varies
        return SignalSeen(group, name, seen.fired, dict(seen.states), detectable, constant)

    def _group(self, model: str) -> BaselineGroup | None:
        if model in self._baselines:
            return self._baselines[model].groups.get(None)
        return self._learned.get((model, None))

    def _baseline(self, model: str) -> BaselineUsed:
        found, group = self._config.model(model), self._group(model)
        wanted = found.learned_windows if found is not None else 0
        if group is None:
            return BaselineUsed(bool(wanted), 0, wanted, 0, BEGINNING, BEGINNING)
        begin_ms, last_ms = min(group.starts, default=BEGINNING), max(group.starts, default=BEGINNING)
        end_ms = last_ms + self._config.window.length_ms
        return BaselineUsed(bool(wanted), len(group.starts), wanted, group.total.count, begin_ms, end_ms)

    def _why(self, seen: ModelSeen) -> str:
        length = format_duration(self._config.window.length_ms)
        if not seen.baseline.learned:
            return f"{seen.model} has no window that is judged against its baseline"
        return (
            f"{seen.model} learns its baseline from {seen.baseline.wanted} windows of {length} before any is judged, and "
            f"the history has {len(seen.windows)}; give more history, set its baseline: {{learn: {{windows: N}}}}, or "
            "build one with: driftline baseline build"
        )


def _incidents(alerts: list[Alert], effects: list[tuple[str, int, float]]) -> Iterator[IncidentSeen]:
    """Alert events by incident, in order of time. `effects` are those of windows that drifted: signal, start, effect."""
    found: dict[str, list[Alert]] = {}
    for alert in alerts:
        found.setdefault(alert.incident, []).append(alert)
    for name, some in sorted(found.items(), key=lambda item: (item[1][0].onset_ms, item[0])):
        fired = [alert for alert in some if alert.state is AlertState.FIRING]
        resolved = [alert for alert in some if alert.state is AlertState.RESOLVED]
        signals = sorted({alert.signal for alert in fired})
        onset_ms, over_ms = min(a.onset_ms for a in fired), max((alert.end_ms for alert in resolved), default=0)
        over = over_ms if len(resolved) == len(fired) else None
        while_open = [
            e for signal, start, e in effects if signal in signals and onset_ms <= start < (over or start + 1)
        ]
        yield IncidentSeen(
            name, onset_ms, min(a.end_ms for a in fired), over, tuple(signals), max(while_open, default=0.0)
        )
