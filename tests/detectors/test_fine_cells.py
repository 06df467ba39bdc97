"""Windows that are counted in cells of the first: that they say what their profiles say, in a tenth of the space."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from detectors.baselines.baseline_group import COUNTED, BaselineGroup
from detectors.groups.group import GroupProfile
from detectors.groups.wire import encode_group
from detectors.profiles.column import Column
from detectors.profiles.profile import COARSE, Profile
from detectors.profiles.vocabulary import Vocabulary
from detectors.references.fine_cells import MOST_BINS
from detectors.references.footings import group_footings, measured
from detectors.references.taking import Taking
from detectors.statistics.settings import Settings
from detectors.statistics.spread import Excess
from schemas.basis import Basis
from schemas.errors import StateError
from tests.detectors.strategies import profile_of_numbers

WINDOWS, EVENTS = 200, 300
SETTINGS = Settings()
Draw = Callable[[np.random.Generator, int], np.ndarray]

WORLDS: dict[str, Draw] = {
    "normal": lambda rng, at: rng.normal(0.0, 1.0, EVENTS),
    "lognormal": lambda rng, at: rng.lognormal(0.0, 2.0, EVENTS),
    "restless": lambda rng, at: rng.normal(rng.normal(0.0, 0.1), 1.0, EVENTS),
    "by the hour": lambda rng, at: rng.normal(np.sin(at / 30.0), 1.0, EVENTS),
    "of another scale each time": lambda rng, at: rng.normal(0.0, np.exp(np.sin(at / 20.0)), EVENTS),
    "counts": lambda rng, at: rng.poisson(3.0, EVENTS).astype(np.float64),
    "far from zero": lambda rng, at: 1.7e9 + rng.normal(0.0, 300.0, EVENTS),
}


def profile_of(values: list[object]) -> Profile:
    words = Vocabulary()
    return Profile.of(Column.of(values, words), np.zeros(len(values), np.int64), COARSE, words).collapsed()


def window(signals: dict[str, Profile]) -> GroupProfile:
    return GroupProfile.of(EVENTS, signals, COARSE).collapsed()


def numbers(draw: Draw, seed: int = 0) -> list[GroupProfile]:
    rng = np.random.default_rng(seed)
    return [window({"x": profile_of_numbers(draw(rng, at), COARSE)}) for at in range(WINDOWS)]


def held(windows: list[GroupProfile]) -> BaselineGroup:
    """The baseline that keeps each window as it is."""
    group = BaselineGroup(GroupProfile.empty(COARSE))
    for at, one in enumerate(windows):
        group = group.add(at, one)
    return group


def counted(windows: list[GroupProfile]) -> BaselineGroup:
    """The baseline that counts its later windows."""
    group, taking = BaselineGroup(GroupProfile.empty(COARSE)), Taking(SETTINGS.bins)
    for at, one in enumerate(windows):
        group = taking.take(group, at, one)
    return group


@pytest.mark.parametrize("world", WORLDS)
def test_counts_say_how_far_apart_windows_are_as_profiles_do(world: str) -> None:
    windows = numbers(WORLDS[world])
    one, other = held(windows), counted(windows)
    assert encode_group(one.total) == encode_group(other.total)
    mine, theirs = group_footings(other, SETTINGS)["x"], group_footings(one, SETTINGS)["x"]
    assert mine.rare == theirs.rare
    assert mine.minority == pytest.approx(theirs.minority, abs=0.02)
    mine_alone = mine._replace(spread=None, worth=0.0, tails=theirs.tails, minority=theirs.minority)
    assert mine_alone == theirs._replace(spread=None, worth=0.0)
    assert mine.spread is not None
    assert theirs.spread is not None
    assert mine.spread.mean == pytest.approx(theirs.spread.mean, rel=0.05)
    assert mine.spread.deviation == pytest.approx(theirs.spread.deviation, rel=0.1)
    excess = Excess(1.0, EVENTS, 9.0)
    assert mine.spread.threshold(1e-4, excess) == pytest.approx(theirs.spread.threshold(1e-4, excess), rel=0.2)


def test_counts_take_a_tenth_of_what_profiles_take() -> None:
    """Of twenty signals, whose windows are as different as numbers are."""
    rng = np.random.default_rng(1)
    names = [f"s{n}" for n in range(20)]
    windows = [window({n: profile_of_numbers(rng.lognormal(0, 1, EVENTS), COARSE) for n in names}) for _ in range(20)]
    sizes = [len(data) for data in counted(windows).windows.values()]
    assert [data[:1] == COUNTED for data in counted(windows).windows.values()] == [False] * 8 + [True] * 12
    assert max(sizes[8:]) < min(sizes[:8]) / 10


def test_a_range_that_the_first_windows_did_not_have_is_told_apart() -> None:
    """Each window is beyond the one before: they are as far apart as can be, and no baseline for anything."""
    spread = group_footings(counted(numbers(lambda rng, at: at + rng.random(EVENTS))), SETTINGS)["x"].spread
    assert spread is not None
    assert spread.within > 0.5


def words_of(rng: np.random.Generator, prefix: str = "w") -> list[object]:
    """As restless as can be."""
    return [f"{prefix}{int(v)}" for v in rng.normal(rng.normal(5.0, 1.0), 3.0, EVENTS)]


UNTOLD: dict[str, Callable[[np.random.Generator, int], list[object]]] = {
    "nulls, then numbers": lambda rng, at: [None] * EVENTS if at < 8 else [*rng.normal(rng.normal(), 1.0, EVENTS)],
    "numbers, then strings": lambda rng, at: [*rng.normal(size=EVENTS)] if at < 8 else words_of(rng),
    "booleans, then strings": lambda rng, at: [*(rng.random(EVENTS) < 0.5).tolist()] if at < 8 else words_of(rng),
    "other categories": lambda rng, at: words_of(rng, "a" if at < 8 else "b"),
    "categories of the day": lambda rng, at: [f"{at}-{v}" for v in rng.integers(0, 5, EVENTS)],
    "more categories than a window keeps": lambda rng, at: [
        f"c{v}" for v in rng.integers(0, 60 if at < 8 else 75, EVENTS)
    ],
    "one value, then many near it": lambda rng, at: [
        *(np.full(EVENTS, 5.0) if at < 8 else rng.normal(5, 0.03, EVENTS))
    ],
    "one value, then many far away": lambda rng, at: [
        *(np.full(EVENTS, 1.0) if at < 8 else rng.lognormal(12.0 + 0.3 * rng.normal(), 1.0, EVENTS))
    ],
    "wide, then narrow": lambda rng, at: [
        *(rng.normal(0.0, 1e4, EVENTS) if at < 8 else rng.normal(rng.normal(), 1.0, EVENTS))
    ],
}


@pytest.mark.parametrize("world", UNTOLD)
def test_what_the_cells_of_the_first_windows_do_not_tell_apart_is_told_by_profiles(world: str) -> None:
    rng = np.random.default_rng(6)
    windows = [window({"x": profile_of(UNTOLD[world](rng, at))}) for at in range(60)]
    assert group_footings(counted(windows), SETTINGS) == group_footings(held(windows), SETTINGS)


@pytest.mark.parametrize("odd", [[f"w{n}" for n in range(EVENTS)], [1e-9 * n for n in range(EVENTS)]])
def test_some_odd_windows_leave_the_others_counted(odd: list[object]) -> None:
    rng = np.random.default_rng(7)
    windows = [
        window({"x": profile_of(odd if at in (20, 40) else [*rng.normal(0.0, 1.0, EVENTS)])}) for at in range(60)
    ]
    mine, theirs = group_footings(counted(windows), SETTINGS)["x"], group_footings(held(windows), SETTINGS)["x"]
    assert (mine.usable, mine.nulls) == (60, 0.0)
    assert mine.spread is not None
    assert theirs.spread is not None
    assert mine.spread.windows == 60
    assert mine.spread.deviation == pytest.approx(theirs.spread.deviation, rel=0.5)


def test_categories_booleans_and_nulls_are_counted_alike() -> None:
    rng = np.random.default_rng(2)
    words = np.array([f"w{n}" for n in range(60)])
    shares = 1.0 / np.arange(1, 61)
    windows = []
    for _ in range(60):
        some = rng.choice(words, EVENTS, p=shares / shares.sum()).tolist()
        mixed = [None if rng.random() < 0.1 else bool(rng.random() < 0.3) for _ in range(EVENTS)]
        windows.append(window({"word": profile_of(some), "mixed": profile_of(mixed)}))
    one, other = group_footings(held(windows), SETTINGS), group_footings(counted(windows), SETTINGS)
    assert other["mixed"]._replace(tails=one["mixed"].tails) == one["mixed"]._replace(
        spread=other["mixed"].spread, worth=other["mixed"].worth
    )
    for name in one:
        mine, theirs = other[name].spread, one[name].spread
        assert mine is not None
        assert theirs is not None
        assert (mine.windows, mine.deviation) == (theirs.windows, pytest.approx(theirs.deviation, rel=0.2))


def test_a_signal_that_comes_later_is_kept_as_it_is() -> None:
    rng = np.random.default_rng(3)
    windows = []
    for at in range(60):
        signals = {"x": profile_of_numbers(rng.normal(0.0, 1.0, EVENTS), COARSE)}
        if at >= 20:
            signals["late"] = profile_of_numbers(rng.normal(0.0, 1.0, EVENTS), COARSE)
        windows.append(window(signals))
    one, other = group_footings(held(windows), SETTINGS)["late"], group_footings(counted(windows), SETTINGS)["late"]
    assert (other.usable, other.windows, other.nulls) == (40, 60, one.nulls)
    assert one.spread is not None
    assert other.spread is not None
    assert (other.spread.mean, other.spread.windows) == (one.spread.mean, 40)


def test_a_signal_that_is_gone_from_the_later_windows_counts_for_those_that_had_it() -> None:
    rng = np.random.default_rng(4)
    windows = []
    for at in range(60):
        signals = {"x": profile_of_numbers(rng.normal(0.0, 1.0, EVENTS), COARSE)}
        if at < 30:
            signals["gone"] = profile_of_numbers(rng.normal(0.0, 1.0, EVENTS), COARSE)
        windows.append(window(signals))
    one, other = group_footings(held(windows), SETTINGS)["gone"], group_footings(counted(windows), SETTINGS)["gone"]
    assert (other.usable, other.windows, other.nulls) == (30, 60, one.nulls)
    assert other.spread is not None
    assert other.spread.windows == 30


def test_windows_of_few_events_wait_until_there_are_enough_or_many() -> None:
    few = [GroupProfile.of(10, {"x": profile_of_numbers(np.arange(10.0), COARSE)}, COARSE).collapsed()] * 40
    assert [data[:1] == COUNTED for data in counted(few).windows.values()] == [False] * 32 + [True] * 8
    assert set(group_footings(counted(few), Settings(minimum_events=5))) == {"x"}


def test_extreme_numbers_have_cells() -> None:
    rng = np.random.default_rng(5)
    most = np.finfo(np.float64).max
    for draw in (
        lambda rng, at: rng.choice([-most, 0.0, most], EVENTS),
        lambda rng, at: np.full(EVENTS, 5.0 if at < 20 else 7.0),
        lambda rng, at: np.full(EVENTS, most),
        lambda rng, at: rng.random(EVENTS) * 5e-324,
    ):
        windows = [window({"x": profile_of_numbers(draw(rng, at), COARSE)}) for at in range(40)]
        footing = group_footings(counted(windows), SETTINGS)["x"]
        assert (footing.usable, footing.windows) == (40, 40)


def test_into_many_bins_fine_cells_are_not_merged_and_windows_stay_as_they_are() -> None:
    group, taking = BaselineGroup(GroupProfile.empty(COARSE)), Taking(MOST_BINS + 1)
    for at, one in enumerate(numbers(WORLDS["normal"])[:20]):
        group = taking.take(group, at, one)
    assert not group.is_counted


def test_counts_in_other_cells_are_refused() -> None:
    group = counted(numbers(WORLDS["normal"]))
    other = counted(numbers(WORLDS["normal"], seed=1))
    mixed = BaselineGroup(group.total, {**group.windows, 150: other.windows[150]})
    with pytest.raises(StateError, match="counted in other cells"):
        measured(mixed, SETTINGS)


def test_counts_whose_first_windows_are_lost_are_refused() -> None:
    group = counted(numbers(WORLDS["normal"]))
    rest = {start: data for start, data in group.windows.items() if data[:1] == COUNTED}
    with pytest.raises(StateError, match=r"first windows are lost; restore the state topic"):
        measured(BaselineGroup(group.total, rest), SETTINGS)


def test_profiles_among_counted_windows_are_read_beside_them() -> None:
    """While it was learned, there were too many bins for a time."""
    windows = numbers(WORLDS["normal"])[:60]
    group, few, many = BaselineGroup(GroupProfile.empty(COARSE)), Taking(SETTINGS.bins), Taking(MOST_BINS + 1)
    for at, one in enumerate(windows):
        group = (many if 20 <= at < 30 else few).take(group, at, one)
    assert [data[:1] == COUNTED for data in group.windows.values()] == [
        at >= 8 and not 20 <= at < 30 for at in range(60)
    ]
    assert group_footings(group, SETTINGS) == group_footings(counted(windows), SETTINGS)


def test_of_a_signal_that_no_window_kept_nothing_is_said() -> None:
    """Windows keep 2,000 signals, and the total as many as a model may have."""
    windows = numbers(WORLDS["normal"])[:60]
    one, other = held(windows), counted(windows)
    signals = {**one.total.signals, "more": one.total.signals["x"]}
    wide = GroupProfile.of(one.total.count, signals, one.total.resolution).collapsed()
    mine, theirs = (group_footings(replace(group, total=wide), SETTINGS) for group in (other, one))
    assert mine["more"]._replace(tails=theirs["more"].tails) == theirs["more"]
    assert mine["more"].basis is Basis.ASSUMED
