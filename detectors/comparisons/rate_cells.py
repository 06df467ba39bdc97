"""The cells of a signal of which a rate alone says that it drifts. What the rate counts is a cell of its own, the first, and is
taken out of the cells of values: together they are the events that the rate is a share of."""

from collections.abc import Sequence

from detectors.comparisons.watch import beyond_range, beyond_rare
from detectors.profiles.profile import Profile
from detectors.references.reference import Reference
from schemas.window import Cell

# No cell of values has such a label: those of categories are in quotation marks.
LABELS = {
    "null_rate": "null",
    "types": "types that the baseline lacks",
    "unseen": "categories that the baseline lacks",
    "out_of_range": "outside the baseline's range",
    "anomalous": "as anomalous as the baseline's most",
}
_DETECTORS = {label: detector for detector, label in LABELS.items()}


def is_rate(label: str) -> bool:
    """Whether a cell of that label is a rate's."""
    return label in _DETECTORS


def rate_of(cells: Sequence[Cell]) -> str:
    """The detector whose rate has the first cell; empty where all are cells of values."""
    return _DETECTORS.get(cells[0].label, "") if cells else ""


def of_values(cells: Sequence[Cell]) -> tuple[Cell, ...]:
    """Those of values alone."""
    return tuple(cells[1:] if rate_of(cells) else cells)


def with_rate(
    detector: str, cells: Sequence[Cell], known: Reference, current: Profile, missing: int
) -> tuple[Cell, ...]:
    """The cells of values, and before them that of what `detector` counts; `missing` are the window's events without the
    signal. O(buckets)."""
    if detector in ("out_of_range", "anomalous"):
        return _beyond(detector, cells, known, current)
    return (Cell(LABELS[detector], *_counts(detector, known, current, missing)), *cells)


def _counts(detector: str, known: Reference, current: Profile, missing: int) -> tuple[int, int]:
    null, absent, *useless = known.made[3:]
    if detector == "null_rate":
        return null + absent, current.null + missing
    unseen = 0
    if known.cells.categories is not None:
        unseen = int(current.categories.counts[known.cells.categories.unseen(current.categories)].sum())
    if detector == "unseen":
        return 0, unseen
    valued = current.count - current.null - current.missing
    return sum(useless), valued - int(known.cells.count(current).sum()) - unseen


def _beyond(detector: str, cells: Sequence[Cell], known: Reference, current: Profile) -> tuple[Cell, ...]:
    """Of numbers at the ends, which have cells, too: these are the less by them."""
    assert known.cells.numbers is not None, "a baseline without numbers has no range"
    if detector == "anomalous":
        assert known.rare is not None
        below, above, before = 0, beyond_rare(current, known.rare), known.rare.events
    else:
        (below, above), before = beyond_range(current, known.profile), 0
    last = len(known.cells.numbers.edges)
    found = [Cell(LABELS[detector], before, below + above), *cells]
    found[1] = _less(found[1], 0, below)
    found[1 + last] = _less(found[1 + last], before, above)
    return tuple(found)


def _less(cell: Cell, reference: int, current: int) -> Cell:
    return Cell(cell.label, max(0, cell.reference - reference), max(0, cell.current - current))
