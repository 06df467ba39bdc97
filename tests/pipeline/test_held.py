"""What is prepared and held: those used last, within a bound, and nothing that is gone or has nothing."""

from hypothesis import given
from hypothesis import strategies as st

from pipeline.monitor.held import Held

MOST = 10


class Thing:
    def __init__(self) -> None:
        self.prepared = 0

    def forget(self) -> None:
        self.prepared = 0


@given(st.lists(st.tuples(st.integers(0, 7), st.integers(0, 12))))
def test_those_used_last_stay_within_the_bound(uses: list[tuple[int, int]]) -> None:
    """Against a list of those used, oldest first."""
    held, things, order = Held(MOST), [Thing() for _ in range(8)], list[Thing]()
    for at, size in uses:
        used = things[at]
        used.prepared = size
        held.use(used)
        order = [thing for thing in order if thing is not used] + [used] * (size > 0)
        sizes = [thing.prepared for thing in order]
        assert sum(sizes) <= MOST or sizes[-1] == sum(sizes) > MOST
        order = [thing for thing in order if thing.prepared]
        assert used.prepared == size


def test_nothing_is_given_up_while_there_is_room() -> None:
    held, things = Held(MOST), [Thing() for _ in range(100)]
    for thing in things[:10]:
        thing.prepared = 1
        held.use(thing)
    for empty in things[10:]:
        held.use(empty)
    assert [thing.prepared for thing in things[:10]] == [1] * 10
    held.drop(things[0])
    things[10].prepared = 1
    held.use(things[10])
    assert [thing.prepared for thing in things[:11]] == [1] * 11
    things[11].prepared = 1
    held.use(things[11])
    assert [thing.prepared for thing in things[:3]] == [1, 0, 1]
