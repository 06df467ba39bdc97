"""The values of a sample's events by the path they stand at."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

MOST_PATHS = 3_000
_DEPTH = 8

Steps = tuple[str, ...]


@dataclass
class Leaf:
    """What stands at one path: `rows` are the events that have it, of `of`, and `values` what they have."""

    steps: Steps
    of: int
    rows: list[int] = field(default_factory=list)
    values: list[Any] = field(default_factory=list)

    @property
    def path(self) -> str:
        return ".".join(self.steps)

    @property
    def name(self) -> str:
        return self.steps[-1]

    @property
    def parent(self) -> Steps:
        return self.steps[:-1]

    @property
    def readable(self) -> bool:
        """Whether a path can lead there: keys that hold dots themselves are found at the top alone."""
        return all(self.path.split(".")) and (len(self.steps) == 1 or not any("." in step for step in self.steps))

    @property
    def share(self) -> float:
        """How many of the events have it."""
        return len(self.rows) / self.of

    @cached_property
    def known(self) -> list[Any]:
        """The values that are not null."""
        return [value for value in self.values if value is not None]

    @cached_property
    def numbers(self) -> list[float]:
        return [value for value in self.known if type(value) in (int, float)]

    @cached_property
    def texts(self) -> list[str]:
        return [value for value in self.known if isinstance(value, str)]

    @cached_property
    def names(self) -> list[str]:
        """The values that may name a model: texts, and numbers as text."""
        return [str(value) for value in self.known if type(value) in (str, int, float)]

    @cached_property
    def distinct(self) -> int:
        return len({(type(value), value) for value in self.known if not isinstance(value, list)})

    @property
    def all_numbers(self) -> bool:
        return bool(self.known) and len(self.numbers) == len(self.known)

    @property
    def all_texts(self) -> bool:
        return bool(self.known) and len(self.texts) == len(self.known)

    @property
    def all_names(self) -> bool:
        return bool(self.known) and len(self.names) == len(self.known)


def leaves_of(documents: Sequence[Mapping[str, Any]]) -> dict[Steps, Leaf]:
    """Every path that leads to something else than an object, in the order met, at most `MOST_PATHS`. O(values)."""
    found: dict[Steps, Leaf] = {}
    for row, document in enumerate(documents):
        for steps, value in _walk(document, ()):
            leaf = found.get(steps)
            if leaf is None:
                if len(found) == MOST_PATHS:
                    continue
                leaf = found[steps] = Leaf(steps, len(documents))
            leaf.rows.append(row)
            leaf.values.append(value)
    return found


def _walk(document: Mapping[str, Any], above: Steps) -> Iterator[tuple[Steps, Any]]:
    for key, value in document.items():
        steps = (*above, str(key))
        if not isinstance(value, Mapping):
            yield steps, value
        elif len(steps) < _DEPTH:
            yield from _walk(value, steps)
