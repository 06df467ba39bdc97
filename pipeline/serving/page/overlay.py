"""The overlay: a signal's baseline and current distribution, cell by cell, and what each cell adds to the change."""

from collections.abc import Sequence
from typing import NamedTuple

from detectors.comparisons.rate_cells import is_rate
from pipeline.serving.page.words import points, share
from schemas.window import Cell


class Bar(NamedTuple):
    """One cell. Widths are per cent of the widest bar; `moved` is the change of its share, and `weight` what share of
    the whole change it is."""

    label: str
    reference: float
    current: float
    reference_text: str
    current_text: str
    moved: float
    moved_text: str
    moved_width: float
    weight_text: str


def overlay(cells: Sequence[Cell]) -> list[Bar]:
    """The bars of the cells, in their order. Nothing where a side has no events."""
    n, m = sum(cell.reference for cell in cells), sum(cell.current for cell in cells)
    if not n or not m:
        return []
    before, after = [cell.reference / n for cell in cells], [cell.current / m for cell in cells]
    moved = [b - a for a, b in zip(before, after, strict=True)]
    widest, most, whole = max(*before, *after), max(map(abs, moved)) or 1.0, sum(map(abs, moved)) or 1.0
    return [
        Bar(
            cell.label,
            round(100 * a / widest, 2),
            round(100 * b / widest, 2),
            share(a),
            share(b),
            change,
            points(change),
            round(50 * abs(change) / most, 2),
            share(abs(change) / whole),
        )
        for cell, a, b, change in zip(cells, before, after, moved, strict=True)
    ]


def contributions(bars: Sequence[Bar], most: int = 8) -> list[Bar]:
    """The bars that moved, most first; that of a rate that alone says drift before all."""
    return sorted((bar for bar in bars if bar.moved), key=lambda bar: (not is_rate(bar.label), -abs(bar.moved)))[:most]
