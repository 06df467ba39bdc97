"""When a partition is idle."""

from pipeline.worker.idleness import Idleness, Steps

TIMEOUT_S = 60.0


def idle_up_to(
    looks: list[tuple[int, int, float]], *, heard_before: frozenset[float] = frozenset()
) -> list[float | None]:
    """What looks at (position, end, time) say; an event comes before those at the times `heard_before`."""
    idleness, found = Idleness(), []
    for position, end, now_s in looks:
        if now_s in heard_before:
            idleness.heard()
        found.append(idleness.look(position, end, now_s, TIMEOUT_S))
    return found


def test_a_partition_that_is_read_and_has_nothing_more_is_idle_after_the_timeout() -> None:
    assert idle_up_to([(5, 5, 0.0), (5, 5, 59.9), (5, 5, 60.0), (5, 5, 70.0)]) == [None, None, 60.0, 70.0]


def test_records_without_events_do_not_hide_that_a_partition_is_idle() -> None:
    """At each look ten records are there that were not at the last, and all that was there then has been read."""
    looks = [(10 * s, 10 * s + 10, float(s)) for s in range(100)]
    assert idle_up_to(looks) == [None] * 62 + [float(s - 1) for s in range(62, 100)]


def test_an_event_begins_the_timeout_anew() -> None:
    looks = [(s, s, float(s)) for s in range(130)]
    assert idle_up_to(looks, heard_before=frozenset({50.0})) == [None] * 110 + [float(s) for s in range(110, 130)]


def test_what_waits_to_be_read_is_waited_for() -> None:
    """A partition that is paused, or of which much is still to be read."""
    behind = [(1000, 100_000 + s, float(s)) for s in range(200)]
    assert idle_up_to([(1000, 1000, -1.0), *behind]) == [None] * 201
    assert idle_up_to([(1000 + s, 100_000, float(s)) for s in range(200)]) == [None] * 200


def test_a_clock_that_steps_is_found_out_and_one_that_runs_is_not() -> None:
    """Ahead and back, as after a suspend or a correction; and a second that a look took longer is no step."""
    steps = Steps()
    looks = [
        (1000.0, 10.0),
        (1000.5, 10.5),
        (1061.0, 71.0),
        (4661.0, 71.5),
        (4662.0, 72.5),
        (1063.0, 73.0),
        (1064.5, 73.5),
    ]
    assert [steps.stepped(wall_s, steady_s) for wall_s, steady_s in looks] == [
        False,
        False,
        False,
        True,
        False,
        True,
        False,
    ]
