"""Signals that go up and down in the course of a day: their windows, and a baseline of so many days of them."""

from functools import cache

import numpy as np

from detectors.baselines.baseline_group import BaselineGroup
from detectors.groups.group import GroupProfile, merged_groups
from detectors.groups.wire import encode_group
from detectors.profiles.profile import COARSE
from schemas.season import HOUR_MS
from tests.detectors import strategies as some

SIGNALS = [f"s{i}" for i in range(8)]
DAYS, EVENTS = 28, 150
MONDAY_MS = 1_700_438_400_000
"""2023-11-20, 00:00 UTC."""


def values(rng: np.random.Generator, hour: int) -> np.ndarray:
    """A mean that moves by three deviations up and down in the course of a day."""
    return rng.normal(3.0 * np.sin(2.0 * np.pi * hour / 24.0), 1.0, EVENTS)


def window(rng: np.random.Generator, hour: int, shift: float = 0.0) -> GroupProfile:
    drawn = {name: some.profile_of_numbers(values(rng, hour) + shift, COARSE).collapsed() for name in SIGNALS}
    return GroupProfile.of(EVENTS, drawn, COARSE)


@cache
def baseline(days: int = DAYS) -> BaselineGroup:
    """One window an hour, for so many days."""
    rng = np.random.default_rng(31)
    windows = {MONDAY_MS + at * HOUR_MS: window(rng, at % 24) for at in range(24 * days)}
    return BaselineGroup(
        merged_groups(list(windows.values())), {start: encode_group(one) for start, one in windows.items()}
    )
