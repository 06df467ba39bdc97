"""Would a change be found, and how soon? The history again, with changes injected into some of its windows.

A trial is what a worker would do that is restarted at the onset: it has the state kept until then, reads the changed
events, and closes the windows. Onsets are drawn, seeded, among the windows in which the signal has no alert open.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np

from detectors.baselines.baseline import Baseline
from detectors.baselines.baseline_group import BaselineGroup
from pipeline.backtest.backtest import Backtest, closings_of
from pipeline.backtest.injection import Document, Injection, Kind, changed
from pipeline.backtest.power import Delay, Found, Power
from pipeline.backtest.targets import Plan, Target, targets_of
from pipeline.events.event_time import BEGINNING, starts_of
from pipeline.events.reader import EventReader
from pipeline.history.history import History, Stretch
from pipeline.history.local import closed_windows
from pipeline.monitor.closing import Closer, Closing
from pipeline.monitor.incidents.memory import GroupMemory
from pipeline.monitor.standards.rolling import Rolled
from pipeline.monitor.standards.standards import Key, Standards
from schemas import codec
from schemas.alert import Alert, AlertState
from schemas.config import Config
from schemas.errors import InputError
from schemas.group import Group
from schemas.packet import SourcePartition
from schemas.verdict import State

DISTANCES = frozenset({"g", "psi", "chi2", "js", "ks", "wasserstein"})


def run_trials(
    config: Config,
    baselines: Mapping[str, Baseline],
    history: History,
    seen: Backtest,
    plan: Plan,
    progress: Callable[[float], None] = lambda _: None,
) -> list[Power]:
    """The power of each injection at each size. Raises InputError for a signal that is not there, one that cannot be
    changed so, a history too short, or a form of events that is not the plain one. Reads the history once more;
    O(trials * within * events of a window)."""
    if config.event.format != "json":
        raise InputError(f"changes are injected into plain events only, and event.format is {config.event.format}")
    targets = targets_of(config, baselines, seen, plan)
    trials = _Trials(config, baselines, history, seen, plan, targets)
    return trials.run(progress)


class _Row(NamedTuple):
    """A record of the history that may be changed. Of a file, `offset` is its number in the history."""

    value: bytes
    document: Document
    time_ms: int
    source: SourcePartition | None
    offset: int
    record_ms: int


@dataclass(slots=True)
class _State:
    """What a worker has kept when a window begins."""

    memories: dict[Group, GroupMemory]
    standards: Standards
    rolled: dict[Group, dict[int, Rolled]]


class _Trial(NamedTuple):
    """When what was injected was noticed: by an alert, and by each detector."""

    alert: Delay | None
    detectors: dict[str, Delay]


@dataclass(slots=True)
class _Outcomes:
    trials: list[_Trial] = field(default_factory=list)
    nothing: list[Delay | None] = field(default_factory=list)


class _Trials:
    """Runs all trials in one pass over the history: those of an onset once its windows have been read."""

    def __init__(
        self,
        config: Config,
        baselines: Mapping[str, Baseline],
        history: History,
        seen: Backtest,
        plan: Plan,
        targets: list[Target],
    ) -> None:
        self._config = config
        self._baselines = baselines
        self._history = history
        self._plan = plan
        self._targets = targets
        self._length = config.window.length_ms
        self._reader = EventReader(config)
        self._known = {alert.id for alert in seen.alerts}
        self._alerts = [alert for alert in seen.alerts if alert.state is AlertState.FIRING]
        self._waiting = sorted({(self._start(t), t) for target in targets for t in target.onsets_ms})
        self._begun: dict[int, _State] = {}
        self._rows: dict[tuple[str, int], list[_Row]] = {}
        self._wanted = self._needed()
        self._memories: dict[Group, GroupMemory] = {}
        self._learned: dict[Key, BaselineGroup] = {}
        self._rolled: dict[Group, dict[int, Rolled]] = {}
        self._standards: Standards | None = None
        self._outcomes: dict[tuple[int, float], _Outcomes] = {}
        self._read = self._done = 0
        self._all = sum(len(t.onsets_ms) * len(t.injection.sizes) for t in targets)

    def run(self, progress: Callable[[float], None]) -> list[Power]:
        for closing in closings_of(self._config, self._baselines, self._history, Counter(), watch=self._watch):
            self._reach(closing.start_ms, progress)
            self._remember(closing)
        self._reach(-BEGINNING, progress)
        return [
            self._power(number, target, size)
            for number, target in enumerate(self._targets)
            for size in target.injection.sizes
        ]

    def _start(self, time_ms: int) -> int:
        return time_ms // self._length * self._length

    def _needed(self) -> Counter[tuple[str, int]]:
        """The windows whose events are kept: those of each onset, and one more, for what comes late."""
        return Counter(
            (target.model, start + n * self._length)
            for target in self._targets
            for start in {self._start(t) for t in target.onsets_ms}
            for n in range(self._plan.within + 1)
        )

    def _watch(self, stretch: Stretch) -> None:
        """Keeps the events of windows that are wanted."""
        events = self._reader.read(stretch.values)
        starts = starts_of(events.times_ms, self._length).tolist()
        for at, place in enumerate(zip(events.models, starts, strict=True)):
            if place in self._wanted:
                row = int(events.rows[at])
                offset = self._read + row if stretch.offsets is None else int(stretch.offsets[row])
                record_ms = 0 if stretch.record_ms is None else int(stretch.record_ms[row])
                time_ms = int(events.times_ms[at])
                kept = _Row(stretch.values[row], events.documents[at], time_ms, stretch.source, offset, record_ms)
                self._rows.setdefault(place, []).append(kept)
        self._read += len(stretch.values)

    def _remember(self, closing: Closing) -> None:
        self._memories |= closing.memories
        for group, rolled in closing.rolled.items():
            self._rolled.setdefault(group, {})[rolled.slot] = rolled
        for gone in closing.forgotten:
            self._memories.pop(gone.group, None)
            self._rolled.pop(gone.group, None)
        if closing.baselines:
            self._learned |= closing.baselines
            self._standards = None

    def _reach(self, start_ms: int, progress: Callable[[float], None]) -> None:
        """Before the window at `start_ms` closes: keeps the state for the onsets in it, and runs the trials whose
        windows have all closed."""
        for start, _ in self._waiting:
            if start <= start_ms and start not in self._begun:
                rolled = {g: {one.number: one for one in slots.values()} for g, slots in self._rolled.items()}
                self._begun[start] = _State(dict(self._memories), self._prepared(), rolled)
        while self._waiting and self._waiting[0][0] + (self._plan.within + 1) * self._length <= start_ms:
            start, onset_ms = self._waiting.pop(0)
            self._try_all(start, onset_ms, progress)
            if not self._waiting or self._waiting[0][0] != start:
                self._forget(start)

    def _prepared(self) -> Standards:
        if self._standards is None:
            self._standards = Standards(self._config, self._baselines, dict(self._learned))
        return self._standards

    def _forget(self, start: int) -> None:
        """Gives up what no other onset needs."""
        del self._begun[start]
        for model in {target.model for target in self._targets}:
            before = min((s for s, _ in self._waiting), default=-BEGINNING)
            for place in [p for p in self._rows if p[0] == model and p[1] < before]:
                del self._rows[place]

    def _try_all(self, start: int, onset_ms: int, progress: Callable[[float], None]) -> None:
        for number, target in enumerate(self._targets):
            if onset_ms not in target.onsets_ms:
                continue
            rows = self._rows_of(target.model, start)
            for at, size in enumerate(target.injection.sizes):
                rng = np.random.default_rng([self._plan.seed, number, at, onset_ms])
                outcomes = self._outcomes.setdefault((number, size), _Outcomes())
                outcomes.trials.append(self._try(target, size, rows, start, onset_ms, rng))
                outcomes.nothing.append(self._without(target, start, onset_ms))
                self._done += 1
                progress(self._done / self._all)

    def _rows_of(self, model: str, start: int) -> list[_Row]:
        """The events of the onset's windows and the next, as they came in each source partition."""
        windows = [self._rows.get((model, start + n * self._length), []) for n in range(self._plan.within + 1)]
        rows = [row for window in windows for row in window]
        return sorted(rows, key=lambda row: (row.source or ("", 0), row.offset))

    def _try(
        self, target: Target, size: float, rows: list[_Row], start: int, onset_ms: int, rng: np.random.Generator
    ) -> _Trial:
        documents: list[Document] = [row.document for row in rows]
        after = [at for at, row in enumerate(rows) if row.time_ms >= onset_ms]
        new = changed(target.injection, size, documents, after, target.place, target.facts, self._config, rng)
        values = [codec.encode(new[at]) if at in new else row.value for at, row in enumerate(rows)]
        alert: Delay | None = None
        detectors: dict[str, Delay] = {}
        for closing in self._closings(rows, values, start):
            delay = Delay((closing.start_ms - start) // self._length + 1, closing.end_ms - onset_ms)
            if alert is None and any(self._is_of(target, a) for a in closing.alerts):
                alert = delay
            for name in _noticed(closing, target.injection, self._config.detection.primary):
                detectors.setdefault(name, delay)
        return _Trial(alert, detectors)

    def _closings(self, rows: list[_Row], values: list[bytes], start: int) -> Iterator[Closing]:
        state = self._begun[start]
        closer = Closer(self._config, state.standards, state.memories, state.rolled)
        messages = self._history.messages(self._config, _stretches(rows, values), Counter())
        for window in closed_windows(self._config, messages):
            if start <= window.start_ms < start + self._plan.within * self._length:
                yield from closer.close(window)

    def _is_of(self, target: Target, alert: Alert) -> bool:
        """Whether an alert is the injection's: it is the signal's, or one that the history did not have."""
        if alert.state is not AlertState.FIRING:
            return False
        return (
            target.injection.kind is Kind.PRIOR
            or alert.signal == target.injection.signal
            or alert.id not in self._known
        )

    def _without(self, target: Target, start: int, onset_ms: int) -> Delay | None:
        """What the history itself says in the same windows."""
        for alert in self._alerts:
            mine = target.injection.kind is Kind.PRIOR or alert.signal == target.injection.signal
            if (
                alert.model == target.model
                and mine
                and start <= alert.start_ms < start + self._plan.within * self._length
            ):
                return Delay((alert.start_ms - start) // self._length + 1, alert.end_ms - onset_ms)
        return None

    def _power(self, number: int, target: Target, size: float) -> Power:
        outcomes = self._outcomes[number, size]
        names = sorted({name for trial in outcomes.trials for name in trial.detectors})
        kind = target.injection.kind
        return Power(
            target.model,
            kind,
            target.injection.signal,
            size,
            size * target.facts.deviation if kind is Kind.SHIFT else None,
            Found.of([trial.alert for trial in outcomes.trials]),
            Found.of(outcomes.nothing),
            {name: Found.of([trial.detectors.get(name) for trial in outcomes.trials]) for name in names},
        )


def _stretches(rows: list[_Row], values: list[bytes]) -> Iterator[Stretch]:
    """The rows by source partition, which they are sorted by."""
    for source in dict.fromkeys(row.source for row in rows):
        places = [at for at, row in enumerate(rows) if row.source == source]
        mine = [values[at] for at in places]
        if source is None:
            yield Stretch(mine)
        else:
            offsets = np.array([rows[at].offset for at in places], np.int64)
            yield Stretch(mine, 1.0, source, offsets, np.array([rows[at].record_ms for at in places], np.int64))


def _noticed(closing: Closing, injection: Injection, primary: str) -> set[str]:
    """The detectors that say drift of the signal, and the sequence detectors that warn. Distances that decide nothing
    are left out."""
    found: set[str] = set()
    for record in closing.records:
        for signal in record.signals:
            if injection.kind is not Kind.PRIOR and signal.name != injection.signal:
                continue
            names = {verdict["detector"] for verdict in signal.verdicts}
            decides = primary if primary in names else "g"
            found |= {
                verdict["detector"]
                for verdict in signal.verdicts
                if verdict["detector"] == decides or verdict["detector"] not in DISTANCES
                if verdict["state"] == State.DRIFT or (verdict["state"] == State.WARNING and _warns_at_most(verdict))
            }
    return found


def _warns_at_most(verdict: Mapping[str, Any]) -> bool:
    """Sequence detectors have no p-value: on slices they warn at most."""
    return verdict.get("p_value") is None
