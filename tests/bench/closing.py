"""Closing a window of 1,000 signals: CPU from the sealed window to encoded alerts, records and memories.

`python -m tests.bench.closing` prints a table; `--profile` adds where the time goes. All is seeded. 700 signals are
numbers of seven distributions, 250 are categories, 50 are numbers and categories with nulls. The baseline has 60 windows
of 5,000 events. A tenth of the signals are at segment resolution in the window, and so on a coarser grid than the
baseline; every twentieth has drifted. Signals of one kind share a few baselines, each under many names.
"""

import argparse
import gc
import json
import resource
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

import numpy as np

from detectors.baselines.baseline import Baseline
from detectors.baselines.baseline_group import BaselineGroup
from detectors.groups.group import GroupProfile
from detectors.groups.wire import encode_group
from detectors.profiles.column import Column, Kind
from detectors.profiles.profile import COARSE, FINE, Profile, profiles_of
from detectors.profiles.trace import SLICES
from detectors.profiles.vocabulary import Vocabulary
from detectors.references.footings import references_of
from pipeline.ingest.segments import GroupSet, Part
from pipeline.monitor.closing import Closer, Closing
from pipeline.monitor.collect import OpenWindow
from pipeline.monitor.standards.standards import Standards
from schemas.config import Config
from schemas.group import Group
from tests.bench.stopwatch import Stopwatch
from tests.bench.work import Measured

NUMERIC, CATEGORICAL, MIXED = 700, 250, 50
WINDOWS, EVENTS = 60, 5_000
WINDOW_MS = 300_000
START_MS = 1_700_000_000_000 // WINDOW_MS * WINDOW_MS
MODEL = Group("bench", "1")
BASELINES = 20
SETTLING = 2

Draw = Callable[[np.random.Generator, int, float], np.ndarray]

# Each with what drift does to it.
_NUMBERS: tuple[Draw, ...] = (
    lambda rng, n, moved: rng.normal(100.0 + 30.0 * moved, 30.0, n),
    lambda rng, n, moved: rng.lognormal(10.0 + moved, 2.0, n),
    lambda rng, n, moved: rng.random(n) ** (1.0 + moved),
    lambda rng, n, moved: rng.exponential(50.0 * (1.0 + moved), n).round(2),
    lambda rng, n, moved: rng.poisson(3.0 + moved, n).astype(np.float64),
    lambda rng, n, moved: rng.normal(moved, 1.0, n),
    lambda rng, n, moved: rng.beta(2.0 + moved, 5.0, n),
)
_KINDS = (5, 12, 40, 120, 240)


@dataclass(frozen=True)
class Signal:
    """What a signal's values are drawn from: numbers by `kind`, or categories, or both with nulls."""

    numbers: Draw | None
    categories: int
    nulls: float

    def column(self, rng: np.random.Generator, n: int, moved: float, vocabulary: Vocabulary) -> Column:
        values = None if self.numbers is None else self.numbers(rng, n, moved)
        if not self.categories:
            return Column(n, None, values, None)
        kinds = np.full(n, Kind.STRING, np.uint8)
        if values is not None:
            kinds[rng.random(n) < 0.5] = Kind.NUMBER
        kinds[rng.random(n) < self.nulls] = Kind.NULL
        shares = np.arange(1.0, self.categories + 1.0) ** -(1.0 - 0.5 * moved)
        drawn = rng.choice(self.categories, n, p=shares / shares.sum())
        names = np.array([vocabulary[f"c{i}"] for i in range(self.categories)], np.uint64)
        return Column(n, kinds, np.zeros(n) if values is None else values, names[drawn])


def signals() -> Iterator[tuple[str, Signal]]:
    """All signals by name; every `BASELINES`-th of a kind is drawn from the same."""
    for i in range(NUMERIC):
        yield f"n{i:03d}", Signal(_NUMBERS[i % len(_NUMBERS)], 0, 0.0)
    for i in range(CATEGORICAL):
        yield f"c{i:03d}", Signal(None, _KINDS[i % len(_KINDS)], 0.0)
    for i in range(MIXED):
        yield f"m{i:03d}", Signal(_NUMBERS[i % len(_NUMBERS)], _KINDS[i % len(_KINDS)], 0.1)


class Bench:
    """The baseline, a monitor's closer that has closed some windows of it, and the window to close."""

    def __init__(self) -> None:
        self._vocabulary = Vocabulary()
        self.group = self._baseline()
        models = [{"name": MODEL.model, "baseline": "bench.json"}]
        self.config = Config.from_mapping({"models": models})
        self.baseline = Baseline(MODEL.model, WINDOW_MS, {None: self.group})

    def closer(self) -> Closer:
        """One whose references are prepared and whose memory is full."""
        closer = Closer(self.config, Standards(self.config, {MODEL.model: self.baseline}))
        for i in range(SETTLING):
            closer.close(self.window(i, moved=False))
        return closer

    def window(self, number: int, moved: bool = True) -> OpenWindow:
        start = START_MS + (WINDOWS + number) * WINDOW_MS
        groups = GroupSet({})
        groups.add(MODEL, Part(self._profile(number, moved), 0, EVENTS))
        return OpenWindow(start, start + WINDOW_MS, 0, {MODEL.model: groups})

    def _profile(self, number: int, moved: bool) -> GroupProfile:
        rng = np.random.default_rng([2, number])
        profiles = {}
        for i, (name, signal) in enumerate(signals()):
            profile = self._one(rng, signal, EVENTS, float(moved and i % 20 == number % 20))
            profiles[name] = profile.coarsened(replace(COARSE, slices=SLICES)) if i % 10 == 3 else profile
        return GroupProfile.of(EVENTS, profiles, FINE)

    def _one(self, rng: np.random.Generator, signal: Signal, n: int, moved: float) -> Profile:
        column = signal.column(rng, n, moved, self._vocabulary)
        return profiles_of(column, np.zeros(1, np.intp), rng.integers(0, SLICES, n), FINE, self._vocabulary)[0]

    def _baseline(self) -> BaselineGroup:
        rng = np.random.default_rng(1)
        distinct: dict[Signal, list[Profile]] = {}
        for _, signal in signals():
            if signal not in distinct:
                distinct[signal] = [self._one(rng, signal, EVENTS, 0.0).collapsed() for _ in range(WINDOWS)]
        totals = {signal: _merged(profiles) for signal, profiles in distinct.items()}
        coarse = {signal: [p.coarsened(COARSE) for p in profiles] for signal, profiles in distinct.items()}
        named = dict(signals())
        total = GroupProfile.of(WINDOWS * EVENTS, {n: _copied(totals[s]) for n, s in named.items()}, FINE)
        windows = {
            START_MS + i * WINDOW_MS: encode_group(
                GroupProfile.of(EVENTS, {n: coarse[s][i] for n, s in named.items()}, COARSE)
            )
            for i in range(WINDOWS)
        }
        return BaselineGroup(total, windows)


def _merged(profiles: list[Profile]) -> Profile:
    total = profiles[0]
    for profile in profiles[1:]:
        total = total.merge(profile, FINE)
    return total


def _copied(p: Profile) -> Profile:
    """With arrays of its own, as signals have."""
    grid = p.numbers
    own = replace(grid, keys=grid.keys.copy(), shifts=grid.shifts.copy(), counts=grid.counts.copy())
    return replace(p, numbers=own)


def close(closer: Closer, window: OpenWindow) -> tuple[Closing, dict[str, float]]:
    """Closes the window and makes bytes of it; milliseconds of CPU of each stage."""
    marks = [time.process_time()]
    [closing] = closer.close(window)
    marks.append(time.process_time())
    sent = [alert.encode() for alert in closing.alerts]
    marks.append(time.process_time())
    sent += [record.encode() for record in closing.records]
    marks.append(time.process_time())
    sent += [memory.encode() for memory in closing.memories.values()]
    marks.append(time.process_time())
    names = ("judge and decide", "encode alerts", "encode records", "encode memories")
    return closing, {name: 1e3 * (b - a) for name, a, b in zip(names, marks, marks[1:], strict=False)}


def measure(rounds: int = 5, profile: bool = False) -> dict[str, float]:
    """The least CPU of each stage over some windows, in milliseconds, and of preparing the references."""
    bench = Bench()
    before_kib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    begun = time.process_time()
    references_of(bench.group, Standards(bench.config, {}).settings)
    found = {"prepare references": 1e3 * (time.process_time() - begun)}
    found["peak memory of it, MiB"] = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before_kib) / 1024
    closer = bench.closer()
    gc.collect()
    gc.freeze()  # the baseline's profiles would else be searched for cycles again and again
    for i in range(rounds):
        closing, stages = close(closer, bench.window(SETTLING + i))
        if len(closing.records) != 1 or len(closing.records[0].signals) != NUMERIC + CATEGORICAL + MIXED:
            raise RuntimeError(f"not closed as it should be: {closing.records[:1]}")
        found |= {name: min(found.get(name, ms), ms) for name, ms in stages.items()}
        found["alerts"] = len(closing.alerts)
    found["close to encoded alerts and records"] = sum(
        found[name] for name in ("judge and decide", "encode alerts", "encode records")
    )
    if profile:
        window = bench.window(SETTLING + rounds)
        watch = Stopwatch(profile=True)
        close(closer, window)
        measured: Measured = watch.stop(EVENTS)
        print(measured.profile)
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--profile", action="store_true")
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args()
    found = measure(args.rounds, args.profile)
    if args.json:
        json.dump(found, sys.stdout)
        return
    for name, value in found.items():
        print(f"{name:<40} {value:>10.1f}")


if __name__ == "__main__":
    main()
