"""The cells of a signal of which a rate alone says that it drifts. What the rate counts is a cell of its own, the first, and is
taken out of the cells of values: together they are the events that the rate is a share of."""

from collections.abc import Sequence

from detectors.comparisons.watch import USELESS, beyond_range, beyond_rare
from detectors.profiles.profile import Profile
from detectors.references.reference import Reference
from schemas.window import Cell

# No cell of values has such a label: those of categories are in quotation marks.
LABELS = {
    "null_rate": "null",
    "types": "types that the baseline lacks",
    USELESS: "values of no use",
    "unseen": "categories that the baseline lacks",
    "out_of_range": "outside the baseline's range",
    "anomalous": "as anomalous as the baseline's most",
}
_RATES = {label: rate for rate, label in LABELS.items()}


def is_rate(label: str) -> bool:
    """Whether a cell of that label is a rate's."""
    return label in _RATES


def rate_of(cells: Sequence[Cell]) -> str:
    """The rate that has the first cell; empty where all are cells of values."""
    return _RATES.get(cells[0].label, "") if cells else ""


def of_values(cells: Sequence[Cell]) -> tuple[Cell, ...]:
    """Those of values alone."""
    return tuple(cells[1:] if rate_of(cells) else cells)


def with_rate(rate: str, cells: Sequence[Cell], known: Reference, current: Profile, missing: int) -> tuple[Cell, ...]:
    """The cells of values, and before them that of what `rate` counts; `missing` are the window's events without the
    signal. O(buckets)."""
    if rate in ("out_of_range", "anomalous"):
        return _beyond(rate, cells, known, current)
    null, absent, *useless = known.made[3:]
    before = {"null_rate": null + absent, USELESS: sum(useless)}.get(rate, 0)
    after = current.null + missing if rate == "null_rate" else counted(rate, known, current)
    return (Cell(LABELS[rate], before, after), *cells)


def counted(rate: str, known: Reference, some: Profile) -> int:
    """How many events of a profile a rate counts, of a window or of a part of the baseline, on a grid that the reference
    shares with it. O(buckets)."""
    if rate == "null_rate":
        return some.null + some.missing
    if rate == USELESS:
        return some.not_finite + some.other
    if rate == "out_of_range":
        return sum(beyond_range(some, known.profile)) if some.numbers.total else 0
    unseen = 0
    if known.cells.categories is not None:
        unseen = int(some.categories.counts[known.cells.categories.unseen(some.categories)].sum())
    if rate == "unseen":
        return unseen
    useful = some.count - some.null - some.missing - some.not_finite - some.other
    return useful - int(known.cells.count(some).sum()) - unseen


def _beyond(rate: str, cells: Sequence[Cell], known: Reference, current: Profile) -> tuple[Cell, ...]:
    """Of numbers at the ends, which have cells, too: these are the less by them."""
    assert known.cells.numbers is not None, "a baseline without numbers has no range"
    if rate == "anomalous":
        assert known.rare is not None
        below, above, before = 0, beyond_rare(current, known.rare), known.rare.events
    else:
        (below, above), before = beyond_range(current, known.profile), 0
    last = len(known.cells.numbers.edges)
    found = [Cell(LABELS[rate], before, below + above), *cells]
    found[1] = _less(found[1], 0, below)
    found[1 + last] = _less(found[1 + last], before, above)
    return tuple(found)


def _less(cell: Cell, reference: int, current: int) -> Cell:
    return Cell(cell.label, max(0, cell.reference - reference), max(0, cell.current - current))
