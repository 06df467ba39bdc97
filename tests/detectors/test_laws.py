"""The canonical law: a profile is a function of the multiset of (time slice, value), whatever the order, the split or
the merge tree. Compared as bytes."""

from dataclasses import replace
from random import Random

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from detectors.groups.group import GroupProfile
from detectors.groups.wire import encode_group
from detectors.profiles.grid import Caps
from detectors.profiles.profile import FINE, Resolution
from tests.detectors import strategies as some

PARTS = {
    "numbers": some.finite,
    "integers": some.integers,
    "strings": some.texts,
    "booleans": st.booleans(),
    "mixed": some.values,
}


def is_coarse(group: GroupProfile, events: list[some.Event]) -> bool:
    """Whether caps made the group's profile coarser than the default resolution would."""
    fine = some.group_of(events, replace(FINE, slices=group.resolution.slices))
    return encode_group(group) != encode_group(GroupProfile(group.count, fine.signals, group.resolution))


@pytest.mark.parametrize("part", PARTS)
def test_a_profile_does_not_depend_on_order_split_or_merge_tree(part: str) -> None:
    coarsened: list[bool] = []

    @settings(max_examples=300)
    @given(some.events(PARTS[part]), some.resolutions, st.randoms(use_true_random=False))
    def law(events: list[some.Event], resolution: Resolution, random: Random) -> None:
        whole = some.group_of(events, resolution)
        parts = [some.group_of(part, resolution) for part in some.split(events, random)]
        assert encode_group(some.merged_in_any_tree(parts, random)) == encode_group(whole)
        coarsened.append(is_coarse(whole, events))

    law()
    if part != "booleans":
        assert sum(coarsened) >= len(coarsened) / 2, f"{sum(coarsened)} of {len(coarsened)} examples were coarsened"


@given(some.rows, some.resolutions, st.integers(1, 8), st.randoms(use_true_random=False))
def test_a_group_does_not_depend_on_them_even_with_more_signals_than_it_keeps(
    rows: list[dict[str, object]], resolution: Resolution, signals: int, random: Random
) -> None:
    capped = replace(resolution, signals=signals)
    whole = some.group_of_rows(rows, capped)
    parts = [some.group_of_rows(part, capped) for part in some.split(rows, random)]
    assert len(whole.signals) <= signals
    assert encode_group(some.merged_in_any_tree(parts, random)) == encode_group(whole)


@given(some.events(), some.resolutions, some.resolutions)
def test_coarsening_a_profile_is_as_good_as_having_made_it_coarse(
    events: list[some.Event], a: Resolution, b: Resolution
) -> None:
    lower = a.least(b)
    assert encode_group(some.group_of(events, a).coarsened(lower)) == encode_group(some.group_of(events, lower))


@example([(0, 0.0)], [], Resolution(Caps(2, 1), 1), Resolution(Caps(1, 1), 1))
@example([], [(0, 10**400)], Resolution(Caps(1, 1), 1), Resolution(Caps(1, 1), 2))
@given(some.events(), some.events(), some.resolutions, some.resolutions)
def test_groups_of_different_resolutions_merge_at_the_lower(
    mine: list[some.Event], theirs: list[some.Event], a: Resolution, b: Resolution
) -> None:
    together = some.group_of([*mine, *theirs], a.least(b))
    assert encode_group(some.group_of(mine, a).merge(some.group_of(theirs, b))) == encode_group(together)


@given(some.events(), some.events(), some.resolutions)
def test_windows_merge_once_their_slices_are_dropped(
    first: list[some.Event], second: list[some.Event], resolution: Resolution
) -> None:
    windows = [some.group_of(events, resolution).collapsed() for events in (first, second)]
    together = some.group_of([*first, *second], resolution).collapsed()
    assert encode_group(windows[0].merge(windows[1])) == encode_group(together)


@given(some.events(), some.resolutions)
def test_every_event_is_counted_in_one_part(events: list[some.Event], resolution: Resolution) -> None:
    assert some.group_of(events, resolution).profile(some.SIGNAL).count == len(events)
