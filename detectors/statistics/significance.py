"""Could chance explain it? Tails and thresholds of the statistics in `distances`, at both sample sizes.

`n` and `m` are the counts of the two samples, `k` the number of cells. Each `*_threshold(level, ...)` is the inverse
of `*_p(statistic, ...)`. Arguments are numbers, or arrays of one shape, and so is what comes back. The laws are
asymptotic, so cells must first be merged until each can expect six events in the smaller sample (`Tables.merged`);
what small counts then still do to the tail is corrected for by `scarce`, the mean over cells of 1 / expected count in
the smaller sample, which is k / min(n, m) where cells are equal. Measured levels stand in `tests/detectors/test_null.py`.
All O(1) for each number.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import special

from detectors.profiles.ordering import Floats

Number = float | npt.NDArray[np.number[Any]]
Numbers = Any
"""As the arguments are: a float, or an array of floats."""


def williams(k: Number, n: Number, m: Number, scarce: Number | None = None) -> Numbers:
    """How much greater than its degrees of freedom G is on average under the null, to second order: divide G by it.
    Williams 1976; second order, Smith, Rae, Manderscheid and Silbergeld 1981."""
    n, m, k = _sizes(n), _sizes(m), _floats(k)
    least = np.minimum(n, m)
    reciprocals = k * least * (k / least if scarce is None else scarce)
    first = (reciprocals - 1.0) * (1.0 / n + 1.0 / m - 1.0 / (n + m))
    second = (reciprocals * reciprocals / k - reciprocals) * (n**-2.0 + m**-2.0 - (n + m) ** -2.0)
    return _plain(np.where(k < 2, 1.0, 1.0 + (first + second) / (6.0 * np.maximum(k - 1.0, 1.0))))


def g_p(statistic: Number, k: Number, n: Number, m: Number, scarce: Number | None = None) -> Numbers:
    """The tail of G: chi-square with k - 1 degrees of freedom after Williams' correction."""
    return _chi_square_tail(statistic / williams(k, n, m, scarce), k)


def g_threshold(level: Number, k: Number, n: Number, m: Number, scarce: Number | None = None) -> Numbers:
    return _chi_square_quantile(level, k) * williams(k, n, m, scarce)


def chi_square_p(statistic: Number, k: Number, n: Number, m: Number, scarce: Number | None = None) -> Numbers:
    """The tail of Pearson's statistic: chi-square with k - 1 degrees of freedom; the sizes only matter for merging.
    At levels of 1e-4 and below it is too bold where cells are very unequal: G is not."""
    return _chi_square_tail(statistic, k)


def chi_square_threshold(level: Number, k: Number, n: Number, m: Number, scarce: Number | None = None) -> Numbers:
    return _chi_square_quantile(level, k)


def psi_p(statistic: Number, k: Number, n: Number, m: Number, scarce: Number | None = None) -> Numbers:
    """The tail of PSI: `(1/n + 1/m)` times chi-square with k - 1 degrees of freedom (Yurdakul 2018), widened for
    scarce cells."""
    return _chi_square_tail(statistic / _psi_scale(k, n, m, scarce), k)


def psi_threshold(level: Number, k: Number, n: Number, m: Number, scarce: Number | None = None) -> Numbers:
    return _chi_square_quantile(level, k) * _psi_scale(k, n, m, scarce)


def jensen_shannon_p(statistic: Number, k: Number, n: Number, m: Number, scarce: Number | None = None) -> Numbers:
    """The tail of the Jensen-Shannon divergence in nats: an eighth of `(1/n + 1/m)` times chi-square with k - 1
    degrees of freedom, widened for scarce cells, and more so where one sample is much the larger."""
    return _chi_square_tail(statistic / _jensen_shannon_scale(k, n, m, scarce), k)


def jensen_shannon_threshold(level: Number, k: Number, n: Number, m: Number, scarce: Number | None = None) -> Numbers:
    return _chi_square_quantile(level, k) * _jensen_shannon_scale(k, n, m, scarce)


def ks_p(statistic: Number, n: Number, m: Number) -> Numbers:
    """The tail of the two-sample D by Kolmogorov's law, with Stephens' correction (1970) weighted by how far apart
    the sizes are: it is right against a known distribution, and too bold between samples of one size. Conservative
    with ties, and with a D taken on a grid."""
    return _plain(special.kolmogorov(statistic * _ks_scale(n, m)))


def ks_threshold(level: Number, n: Number, m: Number) -> Numbers:
    return _plain(each_distinct(special.kolmogi, level) / _ks_scale(n, m))


def rare_event_p(
    k_current: Number, n_current: Number, k_reference: Number, n_reference: Number, *, two_sided: bool = False
) -> Numbers:
    """The chance of `k_current` or more of the `k_current + k_reference` events falling into the current sample, when
    each does with probability n_current / (n_current + n_reference): the exact conditional test of two rates
    (Przyborowski and Wilenski 1940). Two-sided: twice the lesser tail. Exact for rare events, conservative for common
    ones. Counts need not be whole. With sizes of 0 there is nothing to say: 1."""
    k, j, n, m = map(_floats, (k_current, k_reference, n_current, n_reference))
    share = n / np.maximum(n + m, 1.0)
    found = np.where(k > 0, special.betainc(np.where(k > 0, k, 1.0), j + 1.0, share), 1.0)
    if two_sided:
        fewer = np.where(j > 0, special.betainc(np.where(j > 0, j, 1.0), k + 1.0, 1.0 - share), 1.0)
        found = np.minimum(1.0, 2.0 * np.minimum(found, fewer))
    return _plain(np.where((n > 0) & (m > 0), found, 1.0))


def rare_event_threshold(
    level: Number, n_current: Number, k_reference: Number, n_reference: Number, *, fewer: bool = False
) -> Numbers:
    """The least k_current whose one-sided `rare_event_p` is at most `level`; with `fewer`, the greatest whose lower
    tail is. A whole number, or infinity (with `fewer`, -infinity) where no number of events would do."""
    return _plain(each_distinct(_fewest if fewer else _most, level, n_current, k_reference, n_reference))


def _most(level: Floats, n: Floats, j: Floats, m: Floats) -> Floats:
    share = n / np.maximum(n + m, 1.0)
    least = np.maximum(1.0, np.ceil(special.btdtria(level, j + 1.0, np.where((n > 0) & (m > 0), share, 0.5)) - 1e-9))
    return np.where((n > 0) & (m > 0) & (least <= n), least, np.inf)


def _fewest(level: Floats, n: Floats, j: Floats, m: Floats) -> Floats:
    share = n / np.maximum(n + m, 1.0)
    known = (n > 0) & (m > 0) & (j > 0)
    greatest = np.floor(special.btdtrib(np.maximum(j, 1.0), level, np.where(known, 1.0 - share, 0.5)) + 1e-9) - 1.0
    return np.where(known & (greatest >= 0.0), greatest, -np.inf)


def each_distinct(function: Callable[..., Floats], *columns: Number) -> Floats:
    """`function` of columns, called with each distinct row once: inverses are dear, and signals have much in common."""
    arrays = np.broadcast_arrays(*map(_floats, columns))
    rows = list(zip(*(array.ravel().tolist() for array in arrays), strict=True))
    places = {row: place for place, row in enumerate(dict.fromkeys(rows))}
    found = function(*np.array(list(places)).reshape(-1, len(arrays)).T)
    return np.asarray(found)[[places[row] for row in rows]].reshape(arrays[0].shape)


def _chi_square_tail(statistic: Number, k: Number) -> Numbers:
    k = _floats(k)
    tail = special.chdtrc(np.maximum(k - 1.0, 1.0), np.maximum(0.0, statistic))
    return _plain(np.where(k > 1, tail, 1.0))


def _chi_square_quantile(level: Number, k: Number) -> Numbers:
    k = _floats(k)
    return _plain(np.where(k > 1, each_distinct(special.chdtri, np.maximum(k - 1.0, 1.0), level), np.inf))


def _psi_scale(k: Number, n: Number, m: Number, scarce: Number | None) -> Numbers:
    n, m = _sizes(n), _sizes(m)
    scarce = k / np.minimum(n, m) if scarce is None else scarce
    return (1.0 / n + 1.0 / m) * (1.0 + 0.5 * scarce)


def _jensen_shannon_scale(k: Number, n: Number, m: Number, scarce: Number | None) -> Numbers:
    n, m = _sizes(n), _sizes(m)
    scarce = k / np.minimum(n, m) if scarce is None else scarce
    apart = 1.0 - np.minimum(n, m) / np.maximum(n, m)
    return (1.0 / n + 1.0 / m) / 8.0 * (1.0 + (0.25 + 0.75 * apart) * scarce * k / np.maximum(1.0, _floats(k) - 1.0))


def _ks_scale(n: Number, m: Number) -> Numbers:
    n, m = _sizes(n), _sizes(m)
    root = np.sqrt(n * m / (n + m))
    apart = 1.0 - np.minimum(n, m) / np.maximum(n, m)
    return root + (0.12 + 0.11 / root) * apart * apart


def _sizes(n: Number) -> Floats:
    """Sizes of samples as floats; none is below 1, so that what is not tested can be computed."""
    return np.maximum(_floats(n), 1.0)


def _floats(numbers: Number) -> Floats:
    return np.asarray(numbers, np.float64)


def _plain(found: Floats) -> Numbers:
    return float(found) if np.ndim(found) == 0 else found
