"""Which segments have a group of their own: a function of the set of segments seen, whatever the order, the split or
the merge tree. Compared as bytes."""

from collections.abc import Iterable, Sequence
from random import Random
from typing import NamedTuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from detectors.groups.wire import encode_group
from detectors.profiles.profile import COARSE
from detectors.profiles.vocabulary import hash_of
from pipeline.history.local import LocalIngest, closed_windows
from pipeline.ingest.segments import GroupSet, Part, SegmentRule
from schemas.config import Config
from schemas.group import OTHER, Group, Segment
from tests.detectors import strategies as some
from tests.pipeline.events import START_MS, encode, event

COUNTRY, TIER = "tags.country", "tags.tier"
RESOLUTION = COARSE
KEPT = frozenset({"DE", "x3"})

Rules = dict[str, SegmentRule]
Shape = dict[Group, tuple[int, int, int, bytes]]


class Seen(NamedTuple):
    """An event of one group, at its offset."""

    offset: int
    group: Group


groups = st.builds(
    Group,
    st.just("m"),
    st.sampled_from(["1", "2"]),
    st.one_of(
        st.none(),
        st.builds(Segment, st.just(COUNTRY), st.sampled_from(["DE", "FR", OTHER, "", *(f"x{i}" for i in range(12))])),
        st.builds(Segment, st.just(TIER), st.text("ab", min_size=1, max_size=3)),
    ),
)
streams = st.lists(groups, min_size=15, max_size=50).map(lambda found: [Seen(i, g) for i, g in enumerate(found)])
rules = st.builds(
    lambda country, tier: {
        COUNTRY: SegmentRule(COUNTRY, KEPT | {OTHER}, country),
        TIER: SegmentRule(TIER, frozenset({OTHER}), tier),
    },
    st.integers(1, 4),  # of up to 13 segments: most examples fold some
    st.integers(1, 4),
)


def part_of(seen: Sequence[Seen]) -> Part:
    values: list[some.Event] = [(s.offset % 60, float(s.offset)) for s in seen]
    offsets = [s.offset for s in seen]
    return Part(some.group_of(values, RESOLUTION), min(offsets), max(offsets) + 1)


def added(stream: Iterable[Seen], rules: Rules, packed: bool = False) -> GroupSet:
    """One event after the other."""
    found = GroupSet(rules, packed)
    for seen in stream:
        found.add(seen.group, part_of([seen]))
    return found


def merge(into: GroupSet, other: GroupSet) -> GroupSet:
    """As the monitor does: part by part, each with the level that it was sent with."""
    for group, part in other.in_order():
        into.add(group, part, other.level(group))
    return into


def merged_in_any_tree(sets: list[GroupSet], random: Random) -> GroupSet:
    left = list(sets)
    while len(left) > 1:
        a = left.pop(random.randrange(len(left)))
        b = left.pop(random.randrange(len(left)))
        left.append(merge(a, b))
    return left[0]


def shape(found: GroupSet) -> Shape:
    """Everything that is sent of a set: groups, levels, offsets and bytes."""
    return {g: (found.level(g), p.begin, p.end, encode_group(p.profile)) for g, p in found.in_order()}


def least_level(values: set[str], rule: SegmentRule) -> int:
    """By its definition."""
    hashes = [hash_of(value) for value in values - rule.keep]
    return next(level for level in range(66) if sum(h < 2**64 >> level for h in hashes) <= rule.most)


def defined(stream: list[Seen], rules: Rules) -> Shape:
    """The set by its definition, from all events at once."""
    segments = {(s.group.version, *s.group.segment) for s in stream if s.group.segment}
    levels = {
        (version, path): least_level({v for a, b, v in segments if (a, b) == (version, path)}, rules[path])
        for version, path, _ in segments
    }
    members: dict[Group, list[Seen]] = {}
    for seen in stream:
        group = seen.group
        if group.segment:
            path, value = group.segment
            own = value in rules[path].keep or hash_of(value) < 2**64 >> levels[group.version, path]
            group = group._replace(segment=Segment(path, value if own else OTHER))
        members.setdefault(group, []).append(seen)
    found = {group: part_of(seen) for group, seen in members.items()}
    return {
        g: (levels[g.version, g.segment.path] if g.segment else 0, p.begin, p.end, encode_group(p.profile))
        for g, p in found.items()
    }


def test_groups_do_not_depend_on_order_split_or_merge_tree() -> None:
    folded: list[bool] = []

    @settings(max_examples=100)
    @given(streams, rules, st.randoms(use_true_random=False))
    def law(stream: list[Seen], rules: Rules, random: Random) -> None:
        expected = defined(stream, rules)
        shuffled = random.sample(stream, len(stream))
        cuts = sorted(random.randint(0, len(stream)) for _ in range(random.randint(0, 5)))
        packed = random.choice([False, True])
        parts = [added(shuffled[a:b], rules, packed) for a, b in zip([0, *cuts], [*cuts, len(stream)], strict=True)]
        found = merged_in_any_tree(parts, random)
        assert shape(found) == expected
        found.pack()
        assert shape(found) == expected
        folded.append(any(level for level, *_ in expected.values()))

    law()
    assert sum(folded) > len(folded) / 2, f"{sum(folded)} of {len(folded)} examples folded"


@given(streams, rules)
@settings(max_examples=50)
def test_kept_segments_are_never_folded_and_others_are_at_most_the_cap(stream: list[Seen], rules: Rules) -> None:
    found = shape(added(stream, rules))
    for version in ("1", "2"):
        for path, rule in rules.items():
            before = {s.group.segment.value for s in stream if s.group.segment and (s.group.version, s.group.segment.path) == (version, path)}  # fmt: skip
            after = {g.segment.value for g in found if g.segment and (g.version, g.segment.path) == (version, path)}
            assert before & KEPT & rule.keep == after & KEPT & rule.keep
            assert len(after - rule.keep) <= rule.most
            assert after <= before | {OTHER}


@given(streams, rules)
@settings(max_examples=50)
def test_counts_add_up(stream: list[Seen], rules: Rules) -> None:
    parts = dict(added(stream, rules).in_order())
    assert sum(part.profile.count for part in parts.values()) == len(stream)
    for version in ("1", "2"):
        for path in (None, *rules):
            belongs = [g.version == version and (g.segment.path if g.segment else None) == path for g in parts]
            counted = sum(part.profile.count for part, mine in zip(parts.values(), belongs, strict=True) if mine)
            assert counted == sum(
                (s.group.version, s.group.segment.path if s.group.segment else None) == (version, path) for s in stream
            )


@given(st.sets(st.text(max_size=4), max_size=40), st.integers(1, 10))
def test_the_level_is_the_least_that_keeps_to_the_cap(values: set[str], most: int) -> None:
    rule = SegmentRule(COUNTRY, frozenset({OTHER}), most)
    assert rule.level(values) == least_level(values, rule)
    assert rule.level(values, 3) == max(3, rule.level(values))


def test_a_path_that_is_not_watched_any_more_is_not_folded() -> None:
    found = GroupSet({})
    for i in range(100):
        found.add(Group("m", "1", Segment("tags.gone", f"v{i}")), part_of([Seen(i, Group("m", "1"))]), level=2)
    assert len(list(found.in_order())) == 100


def config(most: int, block_size: int = 200_000) -> Config:
    segments = [{"path": COUNTRY, "most": most, "keep": ["s7", "s9999"]}]
    return Config.from_mapping(
        {
            "window": {"length": "10000s"},
            "kafka": {"block_size": block_size},
            "models": [{"name": "m", "segments": segments}],
        }
    )


def of_events(cfg: Config, values: list[bytes]) -> GroupSet:
    """The one window's groups, through ingest and the collector."""
    [window] = closed_windows(cfg, LocalIngest(cfg).messages([values]))
    return window.models["m"]


@pytest.mark.parametrize("block_size", [1000, 1700])
def test_blocks_change_no_groups(block_size: int) -> None:
    start = START_MS // 10_000_000 * 10_000_000
    random = Random(4)
    values = [encode(event(i, start + i, tags={"country": f"s{random.randrange(40 + i // 100)}"})) for i in range(4000)]
    assert shape(of_events(config(5, block_size), values)) == shape(of_events(config(5), values))


def test_ten_thousand_segments_stay_within_the_cap() -> None:
    start = START_MS // 10_000_000 * 10_000_000
    values = [encode(event(i, start + i, tags={"country": f"s{i}"})) for i in range(10_000)]
    found = of_events(config(50, 2500), values)
    names = [group.segment.value for group, _ in found.in_order() if group.segment]
    assert {"s7", "s9999", OTHER} <= set(names)
    assert 20 <= len(names) - 3 <= 50
    assert sum(part.profile.count for group, part in found.in_order() if group.segment) == 10_000
    assert dict(found.in_order())[Group("m", "1", Segment(COUNTRY, "s7"))].profile.count == 1
