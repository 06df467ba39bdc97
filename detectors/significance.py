"""Could chance explain it? Tails and thresholds of the statistics in `distances`, at both sample sizes.

`n` and `m` are the counts of the two samples, `k` the number of cells. Each `*_threshold(level, ...)` is the inverse
of `*_p(statistic, ...)`. The laws are asymptotic, so cells must first be merged until each can expect six events in
the smaller sample (`merged`); what small counts then still do to the tail is corrected for by `scarcity`, the
mean over cells of 1 / expected count in the smaller sample, which is k / min(n, m) where cells are equal. Measured
levels stand in `tests/detectors/test_null.py`. All O(1) but for `merged`.
"""

import math
from dataclasses import dataclass

import numpy as np
from scipy import special

from detectors.grid import Counts, Indices

# Five is the usual rule. With just five in the least of three cells, G exceeds a level of 1 % by two thirds against a
# much larger sample, where no count at all is too likely; with six it does not (simulated).
LEAST_EXPECTED = 6.0


@dataclass(frozen=True, slots=True)
class Table:
    """Two vectors of counts over the same k cells, shape (k,), their sizes n and m, and the scarcity."""

    reference: Counts
    current: Counts
    n: int
    m: int
    scarcity: float

    @property
    def k(self) -> int:
        return len(self.reference)


def merged(reference: Counts, current: Counts) -> Table:
    """Both vectors with cells merged into their neighbours until the smaller sample can expect `LEAST_EXPECTED` in
    each, by the pooled shares; a last cell that falls short joins the one before. Under the null the pooled counts
    are fixed by conditioning, so merging by them costs no level. At least one cell remains of one or more. O(k)."""
    both = reference + current
    n, m = int(reference.sum()), int(current.sum())
    per_expected = (n + m) / max(1, min(n, m))
    needed = max(1.0, LEAST_EXPECTED * per_expected)
    if len(both) and int(both.min()) < needed:
        starts = _starts(both.tolist(), needed)
        reference, current, both = (np.add.reduceat(counts, starts) for counts in (reference, current, both))
    scarcity = float((per_expected / np.maximum(both, 1)).sum()) / max(1, len(both))
    return Table(reference, current, n, m, scarcity)


def _starts(both: list[int], needed: float) -> Indices:
    starts, held = [0], 0
    for cell, count in enumerate(both):
        if held >= needed:
            starts.append(cell)
            held = 0
        held += count
    if held < needed and len(starts) > 1:
        starts.pop()
    return np.array(starts, np.intp)


def williams(k: int, n: int, m: int, scarce: float | None = None) -> float:
    """How much greater than its degrees of freedom G is on average under the null, to second order: divide G by it.
    Williams 1976; second order, Smith, Rae, Manderscheid and Silbergeld 1981."""
    if k < 2:
        return 1.0
    reciprocals = k * min(n, m) * (k / min(n, m) if scarce is None else scarce)
    first = (reciprocals - 1.0) * (1 / n + 1 / m - 1 / (n + m))
    second = (reciprocals * reciprocals / k - reciprocals) * (n**-2 + m**-2 - (n + m) ** -2)
    return 1.0 + (first + second) / (6.0 * (k - 1))


def g_p(statistic: float, k: int, n: int, m: int, scarce: float | None = None) -> float:
    """The tail of G: chi-square with k - 1 degrees of freedom after Williams' correction."""
    return _chi_square_tail(statistic / williams(k, n, m, scarce), k)


def g_threshold(level: float, k: int, n: int, m: int, scarce: float | None = None) -> float:
    return _chi_square_quantile(level, k) * williams(k, n, m, scarce)


def chi_square_p(statistic: float, k: int, n: int, m: int, scarce: float | None = None) -> float:
    """The tail of Pearson's statistic: chi-square with k - 1 degrees of freedom; the sizes only matter for merging.
    At levels of 1e-4 and below it is too bold where cells are very unequal: G is not."""
    return _chi_square_tail(statistic, k)


def chi_square_threshold(level: float, k: int, n: int, m: int, scarce: float | None = None) -> float:
    return _chi_square_quantile(level, k)


def psi_p(statistic: float, k: int, n: int, m: int, scarce: float | None = None) -> float:
    """The tail of PSI: `(1/n + 1/m)` times chi-square with k - 1 degrees of freedom (Yurdakul 2018), widened for
    scarce cells."""
    return _chi_square_tail(statistic / _psi_scale(k, n, m, scarce), k)


def psi_threshold(level: float, k: int, n: int, m: int, scarce: float | None = None) -> float:
    return _chi_square_quantile(level, k) * _psi_scale(k, n, m, scarce)


def jensen_shannon_p(statistic: float, k: int, n: int, m: int, scarce: float | None = None) -> float:
    """The tail of the Jensen-Shannon divergence in nats: an eighth of `(1/n + 1/m)` times chi-square with k - 1
    degrees of freedom, widened for scarce cells, and more so where one sample is much the larger."""
    return _chi_square_tail(statistic / _jensen_shannon_scale(k, n, m, scarce), k)


def jensen_shannon_threshold(level: float, k: int, n: int, m: int, scarce: float | None = None) -> float:
    return _chi_square_quantile(level, k) * _jensen_shannon_scale(k, n, m, scarce)


def ks_p(statistic: float, n: int, m: int) -> float:
    """The tail of the two-sample D by Kolmogorov's law, with Stephens' correction (1970) weighted by how far apart
    the sizes are: it is right against a known distribution, and too bold between samples of one size. Conservative
    with ties, and with a D taken on a grid."""
    return float(special.kolmogorov(statistic * _ks_scale(n, m)))


def ks_threshold(level: float, n: int, m: int) -> float:
    return float(special.kolmogi(level)) / _ks_scale(n, m)


def rare_event_p(
    k_current: int, n_current: int, k_reference: int, n_reference: int, *, two_sided: bool = False
) -> float:
    """The chance of `k_current` or more of the `k_current + k_reference` events falling into the current sample, when
    each does with probability n_current / (n_current + n_reference): the exact conditional test of two rates
    (Przyborowski and Wilenski 1940). Two-sided: twice the lesser tail. Exact for rare events, conservative for common
    ones. With sizes of 0 there is nothing to say: 1."""
    if not n_current or not n_reference:
        return 1.0
    share = n_current / (n_current + n_reference)
    more = float(special.betainc(k_current, k_reference + 1, share)) if k_current else 1.0
    if not two_sided:
        return more
    fewer = float(special.betainc(k_reference, k_current + 1, 1.0 - share)) if k_reference else 1.0
    return min(1.0, 2.0 * min(more, fewer))


def rare_event_threshold(
    level: float, n_current: int, k_reference: int, n_reference: int, *, fewer: bool = False
) -> float:
    """The least k_current whose one-sided `rare_event_p` is at most `level`; with `fewer`, the greatest whose lower
    tail is. A whole number, or infinity (with `fewer`, -infinity) where no number of events would do."""
    if not n_current or not n_reference:
        return -math.inf if fewer else math.inf
    share = n_current / (n_current + n_reference)
    if fewer:
        greatest = (
            math.floor(float(special.btdtrib(k_reference, level, 1.0 - share)) + 1e-9) - 1.0 if k_reference else -1.0
        )
        return greatest if greatest >= 0.0 else -math.inf
    least = max(1.0, math.ceil(float(special.btdtria(level, k_reference + 1, share)) - 1e-9))
    return least if least <= n_current else math.inf


def _chi_square_tail(statistic: float, k: int) -> float:
    return float(special.chdtrc(k - 1, max(0.0, statistic))) if k > 1 else 1.0


def _chi_square_quantile(level: float, k: int) -> float:
    return float(special.chdtri(k - 1, level)) if k > 1 else math.inf


def _psi_scale(k: int, n: int, m: int, scarce: float | None) -> float:
    scarce = k / min(n, m) if scarce is None else scarce
    return (1 / n + 1 / m) * (1.0 + 0.5 * scarce)


def _jensen_shannon_scale(k: int, n: int, m: int, scarce: float | None) -> float:
    scarce = k / min(n, m) if scarce is None else scarce
    apart = 1.0 - min(n, m) / max(n, m)
    return (1 / n + 1 / m) / 8.0 * (1.0 + (0.25 + 0.75 * apart) * scarce * k / max(1, k - 1))


def _ks_scale(n: int, m: int) -> float:
    root = math.sqrt(n * m / (n + m))
    apart = 1.0 - min(n, m) / max(n, m)
    return root + (0.12 + 0.11 / root) * apart * apart
