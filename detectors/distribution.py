"""The verdicts on a signal's distribution: one change seen by several measures, of which one is the primary test."""

from collections.abc import Callable
from dataclasses import dataclass

from detectors import distances, significance
from detectors.bar import Bar
from detectors.grid import Counts
from detectors.ladder import Ladder, Placed
from detectors.points import quantile
from schemas.verdict import State, Verdict


@dataclass(frozen=True, slots=True)
class _Measure:
    """A statistic of two vectors of counts, its tail and its threshold, see `significance`."""

    name: str
    statistic: Callable[[Counts, Counts], float]
    p: Callable[[float, int, int, int, float], float]
    threshold: Callable[[float, int, int, int, float], float]


_MEASURES = (
    _Measure("g", distances.g, significance.g_p, significance.g_threshold),
    _Measure("psi", distances.psi, significance.psi_p, significance.psi_threshold),
    _Measure("chi2", distances.chi_square, significance.chi_square_p, significance.chi_square_threshold),
    _Measure("js", distances.jensen_shannon, significance.jensen_shannon_p, significance.jensen_shannon_threshold),
)


@dataclass(frozen=True, slots=True)
class Numbers:
    """The numbers of a window against those of its baseline, on their common grid. `scaled` is the Wasserstein
    distance in units of the baseline's spread."""

    n_reference: int
    n_current: int
    median: float
    ks: float
    resolution: float
    wasserstein: float
    scaled: float

    @classmethod
    def of(cls, ladder: Ladder, placed: Placed) -> "Numbers":
        """For a window with numbers, placed on the ladder. O(k + l)."""
        reference, counts, blurred = ladder.around(placed)
        distance, most = distances.ks_range(reference, counts, blurred)
        moved = distances.wasserstein(*ladder.union(placed))
        return cls(
            n_reference=ladder.total,
            n_current=int(counts.sum()),
            median=quantile(placed.points, placed.counts, 0.5),
            ks=distance,
            resolution=most - distance,
            wasserstein=moved,
            scaled=moved / ladder.spread,
        )


def distribution_verdicts(reference: Counts, current: Counts, numbers: Numbers | None, bar: Bar) -> tuple[Verdict, ...]:
    """G, PSI, chi-square and Jensen-Shannon where there are two cells or more; KS and Wasserstein where both have
    numbers. The counts, shape (k,), are those of both in the cells that they are tested in.

    The first four are of the cells as merged for testing. Their effect is the total variation over these cells, or KS
    where that is greater, and must be at least the grid's resolution to count. O(cells).
    """
    resolution = numbers.resolution if numbers else None
    floor = max(bar.effect, resolution or 0.0)
    verdicts = []
    if len(reference) > 1:
        verdicts += _cell_verdicts(reference, current, numbers, bar, floor)
    if numbers:
        verdicts += [_ks_verdict(numbers, bar, floor), _wasserstein_verdict(numbers, bar)]
    return tuple(verdicts)


def _cell_verdicts(
    reference: Counts, current: Counts, numbers: Numbers | None, bar: Bar, floor: float
) -> list[Verdict]:
    table = significance.merged(reference, current)
    k, n, m = table.k, table.n, table.m
    effect = distances.total_variation(table.reference, table.current) if m else 0.0
    effect = max(effect, numbers.ks) if numbers else effect
    verdicts = []
    for measure in _MEASURES:
        statistic = measure.statistic(table.reference, table.current)
        p_value = measure.p(statistic, k, n, m, table.scarcity) if k > 1 else 1.0
        verdicts.append(
            Verdict(
                measure.name,
                bar.state(p_value, effect, floor),
                statistic,
                measure.threshold(bar.level, k, n, m, table.scarcity) if k > 1 else None,
                p_value,
                effect,
                numbers.resolution if numbers else None,
                n,
                m,
                "" if k > 1 else "too few events to tell cells apart",
            )
        )
    return verdicts


def _ks_verdict(numbers: Numbers, bar: Bar, floor: float) -> Verdict:
    n, m = numbers.n_reference, numbers.n_current
    p_value = significance.ks_p(numbers.ks, n, m)
    return Verdict(
        "ks",
        bar.state(p_value, numbers.ks, floor),
        numbers.ks,
        significance.ks_threshold(bar.level, n, m),
        p_value,
        numbers.ks,
        numbers.resolution,
        n,
        m,
    )


def _wasserstein_verdict(numbers: Numbers, bar: Bar) -> Verdict:
    return Verdict(
        "wasserstein",
        State.OK if bar.enough else State.INSUFFICIENT,
        numbers.wasserstein,
        effect=numbers.scaled,
        n_reference=numbers.n_reference,
        n_current=numbers.n_current,
        note="an effect, not tested; scaled by the baseline's spread",
    )
