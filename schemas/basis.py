"""What a budget rests on: how well a baseline knows what its signals do when nothing is wrong."""

from enum import StrEnum


class Basis(StrEnum):
    """`full`: 50 effective windows or more, over two weeks or more. `thin`: 20 or more; false alarms may come more
    often than the budget says, or drift less often be seen. `assumed`: the baseline has no windows, only their sum,
    so what its signals do from window to window is not known, and a test warns at most."""

    FULL = "full"
    THIN = "thin"
    ASSUMED = "assumed"
