"""The false-alarm budget, and how it is shared out: the one threshold that most users ever set."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Budget:
    """At most `at_most` false alarms are expected in `per_ms` of event time, over all of a model's tests together.
    Raises ValueError where either is not positive."""

    at_most: float
    per_ms: int

    def __post_init__(self) -> None:
        if not self.at_most > 0:
            raise ValueError(f"at_most must be above 0, got {self.at_most}")
        if self.per_ms <= 0:
            raise ValueError(f"per_ms must be above 0, got {self.per_ms}")

    def level(self, window_ms: int, tests: int) -> float:
        """The level of each of `tests` tests that are taken once a window: `at_most * window / (per * tests)`.

        A test at level a alarms falsely once in 1 / a windows, so all tests of all windows in `per_ms` together alarm
        `at_most` times on average, however the tests depend on each other. At most 1, which a budget of more alarms
        than there are tests comes to. Raises ValueError where an argument is not positive.
        """
        if window_ms <= 0 or tests <= 0:
            raise ValueError(f"window_ms and tests must be above 0, got {window_ms} and {tests}")
        return min(1.0, self.at_most * window_ms / (self.per_ms * tests))
