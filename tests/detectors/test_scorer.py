"""The scorer: exact whatever an event stands among, and what it finds."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from detectors.baselines.scoring import marginals_of, normal_scores, scorer_of
from detectors.groups.group import GroupProfile
from detectors.lenses.cross import CrossProducts
from detectors.lenses.lens import STEPS as NORMAL_STEPS
from detectors.lenses.marginal import STEPS, Marginal
from detectors.lenses.octaves import BIN_OF_CODE, BINS, codes_of
from detectors.lenses.scorer import STEPS_OF_SCORE, WEIGHT_STEPS, Scorer
from detectors.lenses.scorer_form import form_of, scorer_in
from detectors.profiles.column import MISSING, Column, Kind
from detectors.profiles.ordering import Floats
from detectors.profiles.profile import FINE, Profile
from detectors.profiles.vocabulary import Vocabulary, hash_of
from schemas.errors import WireError
from tests.detectors import strategies as some

Rows = Sequence[Sequence[object]]
NAMES = ("a", "b", "c", "plan")


def columns_of(rows: Rows, names: Sequence[str] = NAMES) -> dict[str, Column]:
    vocabulary = Vocabulary()
    return {name: Column.of(values, vocabulary) for name, values in zip(names, zip(*rows, strict=True), strict=True)}


def scorer_from(values: Mapping[str, Sequence[object]]) -> Scorer:
    vocabulary = Vocabulary()
    columns = {name: Column.of(column, vocabulary) for name, column in values.items()}
    n = len(next(iter(values.values())))
    slices = np.zeros(n, np.int64)
    profiles = {name: Profile.of(column, slices, FINE, vocabulary) for name, column in columns.items()}
    marginals = marginals_of(GroupProfile.of(n, profiles, FINE).collapsed())
    through = normal_scores(marginals)
    return scorer_of(marginals, CrossProducts.of(through, columns, slice(0, n)) if through else None)


def world(n: int, seed: int) -> dict[str, list[object]]:
    """`a` and `b` go together, `c` is skew, a twentieth of it null, and `plan` is a word."""
    rng = np.random.default_rng(seed)
    one, two, three = rng.standard_normal((3, n))
    plan = rng.choice(["free", "paid", "trial"], n, p=[0.7, 0.29, 0.01]).tolist()
    gaps = (rng.random(n) < 0.05).tolist()
    c = [None if gap else x for gap, x in zip(gaps, np.exp(three).tolist(), strict=True)]
    return {"a": one.tolist(), "b": (0.95 * one + 0.3 * two).tolist(), "c": c, "plan": plan}


SCORER = scorer_from(world(5_000, 1))

cells = st.one_of(some.values, st.just(MISSING), st.floats(-3, 3), st.sampled_from(["free", "paid", "trial"]))


@settings(max_examples=60, deadline=None)
@given(rows=st.lists(st.tuples(cells, cells, cells, cells), min_size=1, max_size=12), data=st.data())
def test_an_event_has_its_score_whatever_it_stands_among(rows: Rows, data: st.DataObject) -> None:
    whole = SCORER.scores(columns_of(rows), len(rows)).tolist()
    order = data.draw(st.permutations(range(len(rows))))
    cut = data.draw(st.integers(0, len(rows)))
    parts = [[rows[at] for at in order[:cut]], [rows[at] for at in order[cut:]]]
    found = [score for part in parts if part for score in SCORER.scores(columns_of(part), len(part)).tolist()]
    assert found == [whole[at] for at in order]


@settings(max_examples=60, deadline=None)
@given(row=st.tuples(cells, cells, cells, cells))
def test_the_score_is_the_sum_that_whole_numbers_give(row: Sequence[object]) -> None:
    [found] = SCORER.scores(columns_of([row]), 1).tolist()
    assert found == exact(SCORER, dict(zip(NAMES, row, strict=True)))


def exact(scorer: Scorer, event: Mapping[str, object]) -> float:
    """The score in Python's integers."""
    total, normals = 0, []
    for at, marginal in enumerate(scorer.marginals):
        column = Column.of([event[marginal.name]], Vocabulary())
        kind = Kind.NUMBER if column.kinds is None else Kind(int(column.kinds[0]))
        total += marginal.kinds[kind]
        normal = 0
        if kind is Kind.NUMBER and marginal.bins:
            assert column.numbers is not None
            place = int(BIN_OF_CODE[marginal.codes(column.numbers)][0])
            total, normal = total + marginal.bins[place], marginal.normals[place]
        if kind is Kind.STRING:
            worth = dict(zip(marginal.categories, marginal.surprises, strict=True))
            total += worth.get(hash_of(str(event[marginal.name])), marginal.unseen)
        if at in scorer.together:
            normals.append(normal)
    weighed = sum(
        w * x * y for row, x in zip(scorer.weights, normals, strict=True) for w, y in zip(row, normals, strict=True)
    )
    total += Fraction(weighed * STEPS, WEIGHT_STEPS * NORMAL_STEPS**2).__floor__()
    return max(0, total) // (STEPS // STEPS_OF_SCORE) / STEPS_OF_SCORE


def test_many_rows_and_many_signals_have_the_scores_that_they_have_alone() -> None:
    """More rows than are taken together, and products that are cut into blocks."""
    rng = np.random.default_rng(2)
    factor = rng.standard_normal((6_000, 1))
    values = factor + rng.standard_normal((6_000, 64))
    scorer = scorer_from({f"x{at:02d}": values[:, at].tolist() for at in range(64)})
    assert len(scorer.together) == 64
    columns = {f"x{at:02d}": Column(6_000, None, np.ascontiguousarray(values[:, at]), None) for at in range(64)}
    whole = scorer.scores(columns, 6_000)
    for row in (0, 31, 32, 4_095, 4_096, 5_999):
        alone = {name: column.take(np.array([row])) for name, column in columns.items()}
        assert scorer.scores(alone, 1).tolist() == [whole[row]]
    assert len(set(whole.tolist())) > 100


def test_a_bin_begins_at_an_exact_float() -> None:
    edges = np.array([2.0**-4, 0.5, 1.0, 1.125, 256.0, 1e38])
    below = np.nextafter(edges.astype(np.float32), np.float32(0)).astype(np.float64)
    steps = BIN_OF_CODE[codes_of(edges, 0.0, 1.0)] - BIN_OF_CODE[codes_of(below, 0.0, 1.0)]
    assert steps.tolist() == [1, 1, 1, 1, 0, 0]  # the last two are in the outermost bin
    mirrored = BIN_OF_CODE[codes_of(-edges, 0.0, 1.0)]
    assert (mirrored + BIN_OF_CODE[codes_of(edges, 0.0, 1.0)]).tolist() == [BINS - 1] * 6


def worth(event: Mapping[str, object]) -> float:
    row = [event.get(name, MISSING) for name in NAMES]
    return float(SCORER.scores(columns_of([row]), 1)[0])


USUAL: Mapping[str, object] = {"a": 0.5, "b": 0.5, "c": 1.0, "plan": "free"}


@pytest.mark.parametrize(
    ("strange", "least"),
    [
        pytest.param({"a": 9.0, "b": 9.0}, 20, id="beyond every number of the baseline"),
        pytest.param({"a": 1.5, "b": -1.5}, 20, id="against a correlation, and usual in each signal"),
        pytest.param({"plan": "gratis"}, 8, id="a category that the baseline lacks"),
        pytest.param({"a": None}, 8, id="null where the baseline had none"),
        pytest.param({"b": MISSING}, 8, id="missing where it never was"),
        pytest.param({"c": "1.0"}, 8, id="a type that the baseline lacks"),
        pytest.param({"c": float("inf")}, 8, id="not finite"),
    ],
)
def test_what_is_strange_scores_high(strange: Mapping[str, object], least: float) -> None:
    assert worth(USUAL) == 0.0
    assert worth({**USUAL, **strange}) >= least


def test_what_the_baseline_had_now_and_then_scores_a_little() -> None:
    assert worth({**USUAL, "c": None}) < 5  # a twentieth
    assert worth({**USUAL, "plan": "paid"}) < 3
    assert 3 < worth({**USUAL, "plan": "trial"}) < 8  # a hundredth


def test_a_gap_between_two_modes_is_strange_though_it_is_in_the_middle() -> None:
    rng = np.random.default_rng(3)
    modes = rng.choice([-5.0, 5.0], 4_000) + rng.standard_normal(4_000) * 0.5
    scorer = scorer_from({"x": modes.tolist()})
    between, within = scorer.scores({"x": Column.of([0.0, 5.0], Vocabulary())}, 2).tolist()
    assert between > within + 4


def area(scores: Floats, bad: int) -> float:
    """How often one of the first `bad` scores more than one of the rest: the area under the ROC curve."""
    strange, rest = scores[:bad, None], scores[bad:]
    return float((strange > rest).mean() + (strange == rest).mean() / 2)


def test_outliers_are_told_from_the_rest_in_twenty_signals() -> None:
    rng, n, bad = np.random.default_rng(4), 6_000, 100
    loads = rng.uniform(-0.6, 0.6, (3, 20))

    def draw() -> Floats:
        return rng.standard_normal((n, 3)) @ loads + 0.5 * rng.standard_normal((n, 20))

    known = draw()
    scorer = scorer_from({f"x{at:02d}": known[:, at].tolist() for at in range(20)})

    def area_of(values: Floats) -> float:
        columns = {f"x{at:02d}": Column(n, None, np.ascontiguousarray(values[:, at]), None) for at in range(20)}
        return area(scorer.scores(columns, n), bad)

    apart, far = draw(), draw()
    for at in range(20):
        apart[:bad, at] = rng.permutation(apart[:, at])[:bad]
    far[np.arange(bad), rng.integers(0, 20, bad)] += 5.0
    assert area_of(draw()) == pytest.approx(0.5, abs=0.1)
    assert area_of(apart) > 0.95
    assert area_of(far) > 0.97


def test_a_scorer_is_read_from_its_form_and_its_digest_tells_it_from_others() -> None:
    assert scorer_in(form_of(SCORER)) == SCORER
    first, *rest = SCORER.marginals
    others = [
        replace(SCORER, together=(), weights=()),
        Scorer((replace(first, scale=first.scale * 2), *rest), SCORER.together, SCORER.weights),
        Scorer((replace(first, unseen=1), *rest), SCORER.together, SCORER.weights),
        Scorer(tuple(rest)),
    ]
    assert len({SCORER.digest, *(other.digest for other in others)}) == 5


@pytest.mark.parametrize(
    "change",
    [
        {"together": (1, 0)},
        {"together": (0, 9)},
        {"weights": ((1,),)},
        {"weights": ((0, 1, 0), (2, 0, 0), (0, 0, 0))},
        {"weights": ((1 << 21, 0, 0), (0, 0, 0), (0, 0, 0))},
        {"signals": ()},
    ],
)
def test_a_form_that_no_scorer_has_is_refused(change: Mapping[str, object]) -> None:
    with pytest.raises(WireError, match="scorer: "):
        scorer_in(form_of(SCORER).model_copy(update=change))


@pytest.mark.parametrize(
    "change",
    [
        {"scale": 0.0},
        {"kinds": (0,)},
        {"bins": (1, 2)},
        {"normals": (300,) * BINS},
        {"surprises": ()},
        {"categories": (5, 5, 5)},
        {"shift": 64},
        {"unseen": 1 << 16},
    ],
)
def test_a_marginal_that_would_not_be_exact_is_refused(change: Mapping[str, object]) -> None:
    known = Marginal("x", 0.0, 1.0, (0,) * 8, (0,) * BINS, (0,) * BINS, 0, (5, 6, 7), (1, 2, 3), 9)
    with pytest.raises(ValueError, match=r"^x: "):
        replace(known, **change)  # type: ignore[arg-type]  # whichever field it is
