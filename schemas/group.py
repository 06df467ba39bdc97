"""A group: the events of one model, version and segment, and how it is written as a key."""

from typing import NamedTuple

from schemas import codec

OTHER = "__other__"
MISSING = "__missing__"


class Segment(NamedTuple):
    """One value of one path, as in `tags.country` = `DE`."""

    path: str
    value: str

    def __str__(self) -> str:
        return f"{self.path}={self.value}"


class Group(NamedTuple):
    """`segment` None is the whole of a model's version."""

    model: str
    version: str
    segment: Segment | None = None

    @property
    def key(self) -> bytes:
        """The group as bytes: equal for equal groups, and for no others."""
        return codec.encode([self.model, self.version, *(self.segment or ())])

    @classmethod
    def from_key(cls, key: bytes) -> "Group":
        model, version, *segment = codec.decode(key)
        return cls(model, version, Segment(*segment) if segment else None)

    @property
    def pair(self) -> tuple[str, str] | None:
        """The segment as messages have it: path and value."""
        return None if self.segment is None else (self.segment.path, self.segment.value)

    @property
    def order(self) -> tuple[str, str, bool, str, str]:
        """Groups in a fixed order: the whole before its segments."""
        path, value = self.segment or ("", "")
        return (self.model, self.version, self.segment is not None, path, value)


def segment_text(segment: Segment | None) -> str:
    """The segment as a label or a cell of a table shows it; empty for the whole."""
    return "" if segment is None else str(segment)
