"""What is prepared and held: within a bound, those that each window uses again, and nothing that is gone or has nothing."""

from hypothesis import given
from hypothesis import strategies as st

from pipeline.monitor.standards.held import Held

MOST = 10


class Thing:
    def __init__(self, prepared: int = 0) -> None:
        self.prepared = prepared

    def forget(self) -> None:
        self.prepared = 0


@given(st.lists(st.tuples(st.integers(0, 7), st.integers(0, 12), st.integers(0, 2))))
def test_what_is_prepared_stays_within_the_bound(uses: list[tuple[int, int, int]]) -> None:
    held, things, turn = Held(MOST), [Thing() for _ in range(8)], 0
    for at, size, later in uses:
        used, turn = things[at], turn + later
        used.prepared = size
        held.use(used, turn)
        sizes = [thing.prepared for thing in things if thing.prepared]
        assert sum(sizes) <= MOST or len(sizes) == 1
    for thing in things:
        held.drop(thing)
    last = Thing(MOST)
    held.use(last, turn)
    assert last.prepared == MOST, "nothing is counted of what is gone"


def test_nothing_is_given_up_while_there_is_room() -> None:
    held, things = Held(MOST), [Thing() for _ in range(100)]
    for thing in things[:10]:
        thing.prepared = 1
        held.use(thing, 0)
    for empty in things[10:]:
        held.use(empty, 0)
    assert [thing.prepared for thing in things[:10]] == [1] * 10
    held.drop(things[0])
    things[10].prepared = 1
    held.use(things[10], 1)
    assert [thing.prepared for thing in things[:11]] == [1] * 11


def test_of_too_many_that_each_window_uses_some_are_found_again() -> None:
    held, things = Held(MOST), [Thing() for _ in range(25)]
    found = 0
    for turn in range(4):
        for thing in things:
            found += thing.prepared
            thing.prepared = 1
            held.use(thing, turn)
    assert found == 3 * MOST


def test_what_two_windows_did_not_use_makes_room() -> None:
    held, old, new = Held(MOST), Thing(MOST), Thing(MOST)
    held.use(old, 0)
    for turn, kept in ((1, False), (2, True)):
        new.prepared = MOST
        held.use(new, turn)
        assert (old.prepared, new.prepared) == ((0, MOST) if kept else (MOST, 0))
