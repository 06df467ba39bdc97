"""Projections of embeddings: frozen, exact, the same in any batch; what they find, and what they do not."""

import hashlib
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from detectors.comparisons.comparison import compare
from detectors.lenses.lens import Lens
from detectors.lenses.projection import Projection
from detectors.profiles.column import MISSING, Column, Kind
from detectors.profiles.profile import FINE
from detectors.profiles.vectors import vectors_of
from detectors.references.reference import Reference
from detectors.statistics.settings import Settings
from schemas.verdict import State
from tests.detectors import strategies as some
from tests.detectors.embedding_worlds import DIMENSION, World, mixed, shifted, turned

SMALL = Projection("features.e", 8, 4)
USUAL = Projection("features.text", DIMENSION, 8)

GOLDEN = [[0, -1, 0, 0, 1, 1, 0, 1], [-1, 0, 0, 0, 0, 0, -1, 0], [0, 0, -1, 1, -1, 0, 0, 0], [1, -1, 0, 0, 0, 0, 1, 1]]
GOLDEN_DIGEST = "d92546eb059639ec65d0696cb3576ed66a8a1dc1ec67addd06fc36530a9a61d2"
GOLDEN_VALUES = [
    [-0.35000038146972656, 8.5],
    [-0.5656855598191532, -5.65685424949238],
    [-0.6928202129067264, -2.3094010767585034],
    [0.09999990463256836, 7.0],
    [1.4287109375, 14.28125],
]

components = st.one_of(st.floats(-2.0, 2.0), st.floats(allow_nan=False, allow_infinity=False), st.integers(-9, 9))
vectors = st.lists(components, min_size=8, max_size=8)
rows = st.one_of(
    vectors,
    vectors,
    st.sampled_from([None, MISSING, [], [1.0] * 7, [1.0] * 9, "a", 1.0, True, {"a": 1}, [*[1.0] * 7, float("nan")]]),
    st.sampled_from([[*[1.0] * 7, None], [*[1.0] * 7, True], [*[1.0] * 7, "1"], [[1.0]] * 8, [*[1] * 7, 10**400]]),
)


def bits(columns: list[Column]) -> list[Any]:
    return [(c.rows, None if c.kinds is None else c.kinds.tolist(), c.numbers.tobytes()) for c in columns]  # type: ignore[union-attr]  # each has numbers


def kinds(values: list[Any]) -> list[Kind]:
    found, _ = vectors_of(values, 8)
    return [Kind.NUMBER] * len(values) if found is None else [Kind(kind) for kind in found.tolist()]


def test_directions_are_as_they_always_were() -> None:
    """Every baseline of an embedding rests on them."""
    assert SMALL.directions.T.astype(int).tolist() == GOLDEN
    digest = hashlib.sha256(USUAL.directions.astype(np.int8).tobytes()).hexdigest()
    assert digest == GOLDEN_DIGEST


def test_projections_are_as_they_always_were() -> None:
    values = [[0.1, -0.2, 0.3, -0.4, 0.5, -0.6, 0.7, -0.8], [1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0]]
    found = [column.numbers.tolist() for column in SMALL.columns(values) if column.numbers is not None]
    assert found == GOLDEN_VALUES


def test_a_direction_does_not_depend_on_how_many_there_are() -> None:
    more = Projection("features.text", DIMENSION, 16)
    assert (more.directions[:, :8] == USUAL.directions).all()
    others = [Projection("features.other", DIMENSION, 8), Projection("features.text", DIMENSION + 1, 8)]
    assert all((other.directions[:DIMENSION] != USUAL.directions).any() for other in others)


def test_a_third_of_a_direction_is_not_zero_and_half_of_that_is_below() -> None:
    many = Projection("x", 16_384, 16).directions
    shares = [float((many == sign).mean()) for sign in (-1, 0, 1)]
    assert shares == pytest.approx([1 / 6, 2 / 3, 1 / 6], abs=0.005)
    products = many.T @ many / np.abs(many).sum(axis=0)
    assert np.abs(products - np.diag(np.diag(products))).max() < 0.05


@pytest.mark.parametrize("dimension", [8, 9, 384, 16_384])
def test_no_direction_is_empty(dimension: int) -> None:
    assert np.abs(Projection("some", dimension, 64).directions).sum(axis=0).min() >= 1


@given(st.lists(rows, min_size=1, max_size=30), st.data())
def test_the_bits_do_not_depend_on_batches_or_order(values: list[Any], data: st.DataObject) -> None:
    whole = SMALL.columns(values)
    order = data.draw(st.permutations(range(len(values))))
    shuffled = SMALL.columns([values[at] for at in order])
    assert bits([column.take(np.array(order)) for column in whole]) == bits(shuffled)
    alone = [SMALL.columns([value]) for value in values]
    for at, column in enumerate(whole):
        assert column.numbers is not None
        one_by_one = [one[at].numbers for one in alone]
        assert b"".join(x.tobytes() for x in one_by_one if x is not None) == column.numbers.tobytes()


def test_the_bits_do_not_depend_on_how_sums_are_added() -> None:
    """Whole numbers: float sums in any order are those of integers."""
    drawn = World(1).draw(40, np.random.default_rng(2))
    drawn[0] *= 1e9
    drawn[1, 0] = -1e300
    steps = [[max(-(2**38), min(2**38, round(x * 2**20))) for x in row] for row in drawn.tolist()]
    columns = USUAL.columns(drawn.tolist())
    for at in range(8):
        direction = USUAL.directions[:, at].astype(int).tolist()
        exact = [sum(x * d for x, d in zip(row, direction, strict=True)) for row in steps]
        length = np.sqrt(float(sum(map(abs, direction)))) * 2**20
        assert columns[at].numbers is not None
        assert columns[at].numbers.tolist() == [float(x) / length for x in exact]  # type: ignore[union-attr]  # it has


def test_a_norm_is_that_of_the_vector_to_three_digits_and_one_of_length_1_is_1() -> None:
    rng = np.random.default_rng(3)
    drawn = rng.normal(size=(200, DIMENSION)) * 10.0 ** rng.uniform(-2, 4, (200, 1))
    norms = USUAL.columns(drawn.tolist())[-1].numbers
    assert norms is not None
    assert norms == pytest.approx(np.linalg.norm(drawn, axis=1), rel=5e-4)
    unit = World(1).draw(500, rng)
    for precision in (np.float64, np.float32, np.float16):
        rounded = unit.astype(precision).astype(np.float64)
        found = USUAL.columns(rounded.tolist())[-1].numbers
        assert found is not None
        assert set(found.tolist()) == {1.0}


def test_what_is_no_vector_is_typed_as_any_value_is() -> None:
    good = [0.5] * 8
    assert kinds([good, None, MISSING]) == [Kind.NUMBER, Kind.NULL, Kind.MISSING]
    assert kinds([good, [0.5] * 7, [0.5] * 9, []]) == [Kind.NUMBER, Kind.OTHER, Kind.OTHER, Kind.OTHER]
    assert kinds(["text", 3.0, True, {}, (0.5,) * 8]) == [Kind.OTHER] * 5
    infinite, no_number = [*good[1:], float("inf")], [*good[1:], float("nan")]
    assert kinds([infinite, no_number, [*good[1:], 10**400]]) == [Kind.NOT_FINITE, Kind.NOT_FINITE, Kind.OTHER]
    assert kinds([[*good[1:], None], [*good[1:], "1"], [*good[1:], True]]) == [Kind.OTHER] * 3
    assert kinds([[0, 1, 0, 1, 1, 0, 0, 1], good]) == [Kind.NUMBER] * 2


def test_none_of_its_signals_is_a_number_where_the_vector_is_none() -> None:
    for column in SMALL.columns([[0.5] * 8, None, [0.5] * 7]):
        assert column.kinds is not None
        assert column.kinds.tolist() == [Kind.NUMBER, Kind.NULL, Kind.OTHER]


def test_a_sentence_says_which_projections_moved() -> None:
    assert USUAL.told("t", {"t[3]", "t[0]", "x"}) == "embedding moved in 2 of 8 projections (0, 3)"
    assert USUAL.told("t", {"t[7]", "t[norm]"}) == "embedding moved in 1 of 8 projections (7) and in its norm"
    assert USUAL.told("t", {"t[norm]"}) == "embedding moved in its norm"


BASELINE, WINDOW, LEVEL = 8_000, 1_000, 1e-5


def projected(world: World, n: int, seed: int) -> dict[str, Column]:
    columns = USUAL.columns(world.draw(n, np.random.default_rng(seed)).tolist())
    return dict(zip(USUAL.names("t"), columns, strict=True))


class Known:
    """A baseline of a world's embeddings: what each signal is compared with, and the correlations of its projections."""

    def __init__(self, seed: int) -> None:
        self.columns = projected(World(seed), BASELINE, seed)
        profiles = {name: some.profile_of_numbers(c.numbers, FINE) for name, c in self.columns.items()}  # type: ignore[arg-type]  # all are numbers
        self.references = {name: Reference.of(profile, Settings()) for name, profile in profiles.items()}
        self.lens = Lens.of(profiles, [name for name in profiles if name != "t[norm]"])

    def drifts(self, columns: dict[str, Column], level: float = LEVEL) -> set[str]:
        """The signals in drift, each at that level."""
        found = set()
        for name, column in columns.items():
            assert column.numbers is not None
            one = compare(self.references[name], some.profile_of_numbers(column.numbers, FINE), Settings(), level)
            found |= {name} if one.state is State.DRIFT else set()
        return found

    def turns(self, columns: dict[str, Column]) -> float:
        """The greatest change of a correlation of two projections, in standard errors of the window's."""
        before, after = self.correlations(self.columns), self.correlations(columns)
        return float(np.abs(np.arctanh(after) - np.arctanh(before)).max() * np.sqrt(WINDOW - 3))

    def correlations(self, columns: dict[str, Column]) -> Any:
        n = next(iter(columns.values())).rows
        seen, _ = self.lens.seen(columns, slice(0, n))
        return np.corrcoef(seen)[np.triu_indices(8, 1)]


SEEDS = range(4)


@pytest.fixture(scope="module")
def known() -> list[Known]:
    return [Known(seed) for seed in SEEDS]


def test_a_mean_that_moves_along_a_random_direction_is_found(known: list[Known]) -> None:
    moved = [one.drifts(projected(shifted(World(seed), 0.35, seed), WINDOW, 77)) for seed, one in enumerate(known)]
    assert min(map(len, moved)) >= 2


def test_a_mixture_that_changes_is_found(known: list[Known]) -> None:
    moved = [one.drifts(projected(mixed(World(seed), (0.1, 0.3, 0.6)), WINDOW, 77)) for seed, one in enumerate(known)]
    assert min(map(len, moved)) >= 2


def test_what_varies_and_turns_is_found_by_correlations_of_projections(known: list[Known]) -> None:
    found = [projected(turned(World(seed), seed), WINDOW, 77) for seed in SEEDS]
    assert min(one.turns(columns) for one, columns in zip(known, found, strict=True)) > 6.0


def test_without_a_change_hardly_a_projection_drifts_and_no_correlation_turns(known: list[Known]) -> None:
    """180 tests at 1 %, of signals that go together."""
    drifted, tests, turns = 0, 0, []
    for one, seed in zip(known, SEEDS, strict=True):
        for window in range(5):
            columns = projected(World(seed), WINDOW, 1_000 + 10 * seed + window)
            drifted += len(one.drifts(columns, 0.01))
            tests += len(columns)
            turns.append(one.turns(columns))
    assert tests == 180
    assert drifted <= 6
    assert max(turns) < 4.8
