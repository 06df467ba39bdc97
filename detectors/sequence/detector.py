"""The contract of sequence detectors."""

from typing import Protocol

from schemas.verdict import Verdict


class SequenceDetector(Protocol):
    """Reads one series from its beginning, in order. Every detector is a function of what it has read: fresh ones fed
    alike answer alike."""

    def update(self, total: float, count: int = 1, squares: float | None = None) -> Verdict:
        """Takes the next slice: the sum, the number and, if known, the sum of squares of its values. `update(x)` is one
        value. Returns how the series stands after it. Raises ValueError where `count` is less than 1 or `total` is
        not finite."""
        ...


def mean_of(total: float, count: int) -> float:
    """The mean of a slice. Raises ValueError as `SequenceDetector.update` says."""
    if count < 1:
        raise ValueError(f"count must be at least 1, got {count}")
    mean = total / count
    if not abs(mean) < float("inf"):
        raise ValueError(f"total must be finite, got {total}")
    return mean


def rate_of(total: float, count: int) -> float:
    """The mean of a slice of values in [0, 1], such as errors. Raises ValueError as `mean_of` does, and where it is not in [0, 1]."""
    rate = mean_of(total, count)
    if not 0.0 <= rate <= 1.0:
        raise ValueError(f"it reads values in [0, 1], such as errors, got {rate}")
    return rate
