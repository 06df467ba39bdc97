"""Distances from profiles against SciPy on the raw values."""

from fractions import Fraction
from typing import NamedTuple

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from scipy.spatial.distance import jensenshannon
from scipy.special import rel_entr

from detectors.profiles.alignment import Alignment, aligned
from detectors.profiles.grid import Caps
from detectors.profiles.ordering import Floats, values_of
from detectors.profiles.points import last_keys, midpoints, quantile
from detectors.profiles.profile import COARSE, FINE, Profile, Resolution
from detectors.references.cells import NumericCells
from detectors.references.reference import Reference
from detectors.references.walk import Numbers
from detectors.statistics import distances
from detectors.statistics.settings import Settings
from tests.detectors import strategies as some

EXACT = 1e-12
SETTINGS = Settings()
RESOLUTIONS = (FINE, COARSE, Resolution(Caps(4, 16), 8))


def samples() -> list[tuple[str, Floats, Floats]]:
    """Pairs of samples: alike, shifted, of other shapes, of other sizes, discrete, with outliers."""
    rng = np.random.default_rng(20)
    normal, small = rng.normal(size=5_000), rng.normal(size=700)
    return [
        ("normal", normal, small),
        ("shifted", normal, small + 1.0),
        ("scaled", normal * 1e9, small * 3e9),
        ("lognormal", rng.lognormal(3, 2, 3_000), rng.lognormal(3.2, 2, 30_000)),
        ("uniform", rng.random(4_000), rng.random(4_000) ** 1.1),
        ("discrete", rng.integers(0, 12, 2_000).astype(float), rng.integers(2, 14, 900).astype(float)),
        ("zeros", rng.random(1_000) * (rng.random(1_000) < 0.4), rng.random(800) * (rng.random(800) < 0.5)),
        ("outliers", np.append(normal, [1e6, -1e9, 1e300]), np.append(small, [1e6])),
        ("one and many", np.array([1.0]), normal),
    ]


CASES = [
    pytest.param(x, y, resolution, id=f"{name}-{resolution.numbers.regions}x{resolution.numbers.buckets}")
    for name, x, y in samples()
    for resolution in RESOLUTIONS
]


def shared(x: Floats, y: Floats, resolution: Resolution) -> tuple[Reference, Profile]:
    """The reference of x on the grid that it shares with y, and the profile of y."""
    current = some.profile_of_numbers(y, resolution)
    return Reference.of(some.profile_of_numbers(x, resolution), SETTINGS).meet(current), current


def numbers_of(x: Floats, y: Floats, resolution: Resolution) -> "One":
    reference, current = shared(x, y, resolution)
    assert reference.ladder is not None
    numbers = Numbers.of([reference.ladder], [current.numbers])
    return One(*(float(column[0]) for column in (numbers.median, numbers.ks, numbers.resolution, numbers.wasserstein)))


class One(NamedTuple):
    """`Numbers` of one window."""

    median: float
    ks: float
    resolution: float
    wasserstein: float


def exact_ks(x: Alignment) -> tuple[Fraction, Fraction]:
    """D at the boundaries of the common grid, and the most that it may be between them, in whole numbers: within a
    bucket of several values, one side's share may come wholly before the other's."""
    n, m = int(x.reference.sum()), int(x.current.sum())
    lead = least = most = Fraction(0)
    for mine, theirs, shift in zip(x.reference.tolist(), x.current.tolist(), x.shifts.tolist(), strict=True):
        after = lead + Fraction(mine, n) - Fraction(theirs, m)
        room = min(Fraction(mine, n), Fraction(theirs, m)) if shift else Fraction(0)
        most = max(most, max(lead, after) + room, room - min(lead, after))
        least, lead = max(least, abs(after)), after
    return least, most


def plain_wasserstein(x: Alignment) -> float:
    """The distance on the common grid, with each bucket's mass at its midpoint."""
    lead = (x.reference / x.reference.sum() - x.current / x.current.sum()).cumsum()[:-1]
    halves = 0.5 * midpoints(x.keys, x.shifts)
    return 2.0 * float((np.abs(lead) * np.diff(halves)).sum())


@pytest.mark.parametrize(("x", "y", "resolution"), CASES)
def test_cells_count_the_raw_values_between_their_edges(x: Floats, y: Floats, resolution: Resolution) -> None:
    reference, current = shared(x, y, resolution)
    cells = reference.cells.numbers
    assert isinstance(cells, NumericCells)
    for values, counts in ((x, reference.counts), (y, reference.cells.count(current))):
        raw = np.bincount(np.searchsorted(cells.values, values, "right"), minlength=len(cells.edges) + 1)
        assert counts.tolist() == raw.tolist()


@pytest.mark.parametrize(("x", "y", "resolution"), CASES)
def test_psi_chi_square_and_jensen_shannon_equal_scipys(x: Floats, y: Floats, resolution: Resolution) -> None:
    reference, current = shared(x, y, resolution)
    a, b = reference.counts, reference.cells.count(current)
    p, q = (a + 0.5) / (a + 0.5).sum(), (b + 0.5) / (b + 0.5).sum()
    assert distances.psi(a, b) == pytest.approx(rel_entr(p, q).sum() + rel_entr(q, p).sum(), rel=EXACT, abs=EXACT)
    assert distances.jensen_shannon(a, b) == pytest.approx(jensenshannon(a, b) ** 2, rel=EXACT, abs=EXACT)
    assert distances.jensen_shannon_distance(a, b) == pytest.approx(jensenshannon(a, b, base=2), rel=1e-9, abs=1e-9)
    if len(a) > 1:
        used = (a + b) > 0
        table = np.array([a[used], b[used]])
        pearson = stats.chi2_contingency(table, correction=False).statistic
        assert distances.chi_square(a, b) == pytest.approx(pearson, rel=EXACT, abs=EXACT)
        likelihood = stats.chi2_contingency(table, correction=False, lambda_="log-likelihood").statistic
        assert distances.g(a, b) == pytest.approx(likelihood, rel=1e-9, abs=1e-9)


@pytest.mark.parametrize(("x", "y", "resolution"), CASES)
def test_ks_is_within_the_resolution_below_scipys(x: Floats, y: Floats, resolution: Resolution) -> None:
    numbers = numbers_of(x, y, resolution)
    true = stats.ks_2samp(x, y, method="asymp").statistic
    assert numbers.ks - EXACT <= true <= numbers.ks + numbers.resolution + EXACT


@pytest.mark.parametrize(("x", "y", "resolution"), CASES)
def test_the_resolution_is_at_most_the_largest_buckets_mass(x: Floats, y: Floats, resolution: Resolution) -> None:
    common = aligned(*(some.profile_of_numbers(values, resolution).numbers for values in (x, y)))
    largest = max((common.reference / len(x)).max(), (common.current / len(y)).max())
    assert numbers_of(x, y, resolution).resolution <= largest + EXACT


@pytest.mark.parametrize(("x", "y", "resolution"), CASES)
def test_wasserstein_is_within_mass_times_width_of_scipys(x: Floats, y: Floats, resolution: Resolution) -> None:
    common = aligned(*(some.profile_of_numbers(values, resolution).numbers for values in (x, y)))
    widths = values_of(last_keys(common.keys, common.shifts)) - values_of(common.keys)
    error = float(np.dot(common.reference / len(x) + common.current / len(y), widths))
    true = stats.wasserstein_distance(x, y)
    found = numbers_of(x, y, resolution).wasserstein
    assert abs(found - true) <= error + 1e-9 * abs(true)


@pytest.mark.parametrize(("x", "y", "resolution"), CASES)
def test_a_walk_along_the_ladder_sees_what_the_common_grid_shows(x: Floats, y: Floats, resolution: Resolution) -> None:
    common = aligned(*(some.profile_of_numbers(values, resolution).numbers for values in (x, y)))
    numbers = numbers_of(x, y, resolution)
    ks, most = map(float, exact_ks(common))
    assert numbers.ks == pytest.approx(distances.ks(common.reference, common.current), abs=EXACT)
    assert (numbers.ks, numbers.resolution) == pytest.approx((ks, most - ks), abs=EXACT)
    assert numbers.wasserstein == pytest.approx(plain_wasserstein(common))


@settings(max_examples=200)
@given(
    st.lists(some.finite, min_size=1, max_size=60),
    st.lists(some.finite, min_size=1, max_size=60),
    some.resolutions,
    some.resolutions,
)
def test_any_walk_sees_what_the_common_grid_shows(
    mine: list[float], theirs: list[float], a: Resolution, b: Resolution
) -> None:
    current = some.profile_of_numbers(np.array(theirs), b)
    baseline = some.profile_of_numbers(np.array(mine), a)
    reference = Reference.of(baseline, SETTINGS).meet(current)
    assert reference.ladder is not None
    common = aligned(baseline.numbers, current.numbers)
    numbers = Numbers.of([reference.ladder], [current.numbers])
    ks, most = map(float, exact_ks(common))
    assert numbers.ks[0] == pytest.approx(ks, abs=EXACT)
    assert numbers.resolution[0] == pytest.approx(most - ks, abs=EXACT)
    points = midpoints(common.keys, common.shifts)
    size = float(np.abs(0.5 * points).max())
    assert 0.5 * numbers.wasserstein[0] == pytest.approx(0.5 * plain_wasserstein(common), rel=1e-9, abs=EXACT * size)
    held = common.current > 0
    assert numbers.median[0] == quantile(points[held], common.current[held], 0.5)
    assert numbers.counts[0].tolist() == reference.cells.count(current).tolist()


@pytest.mark.parametrize("resolution", RESOLUTIONS)
def test_medians_are_within_a_bucket_of_numpys(resolution: Resolution) -> None:
    rng = np.random.default_rng(21)
    x, y = rng.lognormal(size=4_001), rng.lognormal(1.0, size=1_001)
    reference, _ = shared(x, y, resolution)
    assert reference.ladder is not None
    assert reference.ladder.median == pytest.approx(np.median(x), rel=0.5 if resolution is RESOLUTIONS[2] else 0.05)
    assert numbers_of(x, y, resolution).median == pytest.approx(
        np.median(y), rel=0.5 if resolution is RESOLUTIONS[2] else 0.05
    )


@settings(max_examples=200)
@given(st.lists(some.finite, min_size=1, max_size=40), st.lists(some.finite, min_size=1, max_size=40), some.resolutions)
def test_ks_of_any_numbers_is_within_the_resolution(
    mine: list[float], theirs: list[float], resolution: Resolution
) -> None:
    x, y = np.array(mine), np.array(theirs)
    numbers = numbers_of(x, y, resolution)
    both = np.concatenate([x, y])
    true = max(abs((x <= value).mean() - (y <= value).mean()) for value in both.tolist())
    assert numbers.ks - EXACT <= true <= numbers.ks + numbers.resolution + EXACT
