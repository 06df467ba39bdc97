"""What a baseline takes while it is learned, and once it is: memory and CPU of groups of 50 signals and 288 windows.

Windows have 60 events, which lie in any order of a pool, so that groups share nothing. All is seeded.
"""

import gc
import time
from collections.abc import Iterator
from pathlib import Path
from resource import getpagesize

import numpy as np

from detectors.groups.group import GroupProfile
from detectors.profiles.column import Column
from detectors.profiles.profile import COARSE, Profile
from detectors.profiles.vocabulary import Vocabulary
from pipeline.monitor.closing import Closing
from pipeline.monitor.standards.standards import Standards
from pipeline.process.garbage import trim
from schemas.config import Config
from schemas.window import Completeness
from tests.bench.finding import Finding
from tests.bench.work import Work
from tests.pipeline.tables import Tables

SIGNALS, WINDOWS, EVENTS = 50, 288, 60
GROUPS, POOL = 8, 100
WINDOW_MS = 300_000
FIRST = 8
KB = 1000


def measure(work: Work) -> list[Finding]:
    return [finding for digits in (None, 2) for finding in _learned(digits)]


def _learned(digits: int | None) -> Iterator[Finding]:
    """Of numbers rounded to so many digits, or not at all."""
    kind = "numbers of all digits" if digits is None else f"numbers of {digits} decimals"
    rng = np.random.default_rng(7)
    pool = [_window(rng, digits) for _ in range(POOL)]
    names = [f"m{number}" for number in range(GROUPS)]
    baseline = {"learn": {"windows": WINDOWS}}
    config = Config.from_mapping({"models": [{"name": name, "baseline": baseline} for name in names]})
    standards, tables = Standards(config, {}), Tables()
    before, begun = _resident(), time.process_time()
    for at in range(WINDOWS):
        measured = time.process_time()
        for name in names:
            profile = pool[int(rng.integers(POOL))]
            kept = standards.learn(name, None, at * WINDOW_MS, profile)
            closing = Closing(at * WINDOW_MS, (at + 1) * WINDOW_MS, Completeness.COMPLETE, {})
            closing.baselines = {(name, None): kept} if kept else {}
            tables.keep([closing])
        if at + 1 == FIRST:
            size = np.mean([len(value) for key, value in tables.baselines.items() if b'"window"' in key])
            yield Finding(f"one of the first windows, {kind}", float(size) / KB, "kB")
        if at + 2 == WINDOWS:
            sizes = sorted(len(value) for key, value in tables.baselines.items() if b'"window"' in key)
            yield Finding(f"a later one, counted, {kind}", float(np.median(sizes)) / KB, "kB")
            yield Finding(f"a group before the last window, {kind}", (_resident() - before) / GROUPS / KB, "kB")
            spent = (measured - begun) / GROUPS / at
            yield Finding("learning, for a signal and window", 1e6 * spent / SIGNALS, "µs")
    last = (time.process_time() - measured) / GROUPS
    yield Finding(f"the last window of a group, measured, {kind}", 1e3 * last, "ms")
    del standards
    begun, found = time.process_time(), tables.kept()
    yield Finding("taking a learned group up at a start", 1e3 * (time.process_time() - begun) / GROUPS, "ms")
    sizes = [len(value) for value in tables.baselines.values()]
    yield Finding(f"the record of a learned group, {kind}", float(np.mean(sizes)) / KB, "kB")
    if len(found.baselines) != GROUPS or any(group.measured is None for group in found.baselines.values()):
        raise RuntimeError(f"not learned as it should be: {found.baselines.keys()}")


def _window(rng: np.random.Generator, digits: int | None) -> GroupProfile:
    return GroupProfile.of(EVENTS, {f"s{n}": _profile(rng, n, digits) for n in range(SIGNALS)}, COARSE).collapsed()


def _profile(rng: np.random.Generator, number: int, digits: int | None) -> Profile:
    values = rng.lognormal(number / 10, 1.0, EVENTS)
    words = Vocabulary()
    column = Column.of((values if digits is None else values.round(digits)).tolist(), words)
    return Profile.of(column, np.zeros(EVENTS, np.int64), COARSE, words).collapsed()


def _resident() -> int:
    """Bytes of this process, once what is free was given back."""
    gc.collect()
    trim()
    return int(Path("/proc/self/statm").read_text().split()[1]) * getpagesize()
