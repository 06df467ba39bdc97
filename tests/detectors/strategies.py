"""Hypothesis strategies: columns of mixed values, ways to split them, and profiles of them."""

from collections.abc import Sequence
from random import Random
from typing import TypeVar

import numpy as np
from hypothesis import strategies as st

from detectors.groups.group import GroupProfile
from detectors.profiles.column import MISSING, Column
from detectors.profiles.grid import Caps
from detectors.profiles.profile import Profile, Resolution
from detectors.profiles.trace import SEGMENT_SLICES, SLICES
from detectors.profiles.vocabulary import Vocabulary

T = TypeVar("T")

Event = tuple[int, object]
"""A time slice and a value."""

SIGNAL = "signal"

EXTREMES = [
    0.0,
    -0.0,
    5e-324,
    -5e-324,
    2.2250738585072014e-308,
    1e-300,
    1.0,
    np.nextafter(1.0, 2.0).item(),
    1e308,
    -1e308,
    1.7976931348623157e308,
    -1.7976931348623157e308,
]

finite = st.one_of(
    st.sampled_from(EXTREMES),
    st.floats(allow_nan=False, allow_infinity=False),
    st.floats(-100.0, 100.0),
    st.integers(-5, 5).map(float),
)
integers = st.one_of(
    st.integers(-100, 100),
    st.sampled_from([2**53 + 1, -(2**53) - 1, 2**70, 2**70 + 1, -(2**80), 2**1023, 10**400, -(10**400)]),
)
texts = st.one_of(
    st.sampled_from(["", "a", "b", "DE", "é", "x" * 200]),
    st.text(st.characters(codec="utf-8"), max_size=5),
    st.text("abc", max_size=3),
)
others = st.sampled_from([[], {}, (1,), b"bytes", 1j])
values = st.one_of(
    finite,
    finite,
    integers,
    texts,
    texts,
    st.booleans(),
    st.none(),
    st.just(MISSING),
    st.sampled_from([float("nan"), float("inf"), float("-inf")]),
    others,
)
resolutions = st.builds(
    Resolution,
    st.builds(Caps, st.integers(1, 4), st.integers(1, 8)),
    st.integers(1, 3),
    slices=st.sampled_from([SLICES, SEGMENT_SLICES, 4]),
)
slices = st.integers(0, SLICES - 1)
rows = st.lists(st.dictionaries(st.sampled_from("abcdefgh"), values, max_size=6), max_size=20)


def events(of: st.SearchStrategy[object] = values, most: int = 60) -> st.SearchStrategy[list[Event]]:
    """Lists of events with values of that kind."""
    some = st.tuples(slices, of)
    return st.one_of(st.lists(some, max_size=most), st.lists(some, min_size=most // 3, max_size=most))


def group_of(some: Sequence[Event], resolution: Resolution) -> GroupProfile:
    """The group's profile of one signal's events."""
    profile = profile_of([value for _, value in some], resolution, [at for at, _ in some])
    return GroupProfile.of(len(some), {SIGNAL: profile}, resolution)


def group_of_rows(rows: Sequence[dict[str, object]], resolution: Resolution) -> GroupProfile:
    """The profile of events with several signals, each missing in some."""
    names = {name for row in rows for name in row}
    profiles = {name: profile_of([row.get(name, MISSING) for row in rows], resolution) for name in names}
    return GroupProfile.of(len(rows), profiles, resolution)


def profile_of(some: Sequence[object], resolution: Resolution, at: Sequence[int] | None = None) -> Profile:
    """The profile of Python values, all in the first slice where `at` is not given."""
    vocabulary = Vocabulary()
    cells = np.zeros(len(some), np.intp) if at is None else np.array(at, np.intp)
    return Profile.of(Column.of(some, vocabulary), cells, resolution, vocabulary)


def profile_of_numbers(numbers: np.ndarray, resolution: Resolution) -> Profile:
    """The profile of finite floats, all in the first slice."""
    column = Column(len(numbers), None, numbers.astype(np.float64), None)
    return Profile.of(column, np.zeros(len(numbers), np.intp), resolution, Vocabulary())


def split(some: Sequence[T], random: Random) -> list[list[T]]:
    """The events in any order, in up to six parts, of which some may be empty."""
    shuffled = random.sample(list(some), len(some))
    parts: list[list[T]] = [[] for _ in range(random.randint(1, 6))]
    for event in shuffled:
        random.choice(parts).append(event)
    return parts


def merged_in_any_tree(groups: list[GroupProfile], random: Random) -> GroupProfile:
    """All merged, two at a time, in an order drawn from `random`."""
    left = list(groups)
    while len(left) > 1:
        a = left.pop(random.randrange(len(left)))
        b = left.pop(random.randrange(len(left)))
        left.append(a.merge(b))
    return left[0]
