"""Distances from profiles against SciPy on the raw values."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from scipy.spatial.distance import jensenshannon
from scipy.special import rel_entr

from detectors import distances
from detectors.alignment import aligned
from detectors.cells import NumericCells
from detectors.distribution import Numbers
from detectors.grid import Caps
from detectors.ordering import Floats, values_of
from detectors.points import last_keys, midpoints
from detectors.profile import COARSE, FINE, Profile, Resolution
from detectors.reference import Reference
from detectors.settings import Settings
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
    known = Reference.of(some.profile_of_numbers(x, resolution), SETTINGS)
    return known.meet(current)[0], current


def numbers_of(x: Floats, y: Floats, resolution: Resolution) -> Numbers:
    reference, current = shared(x, y, resolution)
    placed = reference.meet(current)[1]
    assert placed is not None
    assert reference.ladder is not None
    return Numbers.of(reference.ladder, placed)


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
def test_the_ladder_sees_what_the_common_grid_shows(x: Floats, y: Floats, resolution: Resolution) -> None:
    common = aligned(*(some.profile_of_numbers(values, resolution).numbers for values in (x, y)))
    points = midpoints(common.keys, common.shifts)
    numbers = numbers_of(x, y, resolution)
    assert numbers.ks == pytest.approx(distances.ks(common.reference, common.current), abs=EXACT)
    ks, most = distances.ks_range(common.reference, common.current, common.shifts > 0)
    assert (numbers.ks, numbers.resolution) == pytest.approx((ks, most - ks), abs=EXACT)
    assert numbers.wasserstein == pytest.approx(distances.wasserstein(common.reference, common.current, points))


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
