"""What is committed of pairs: what a reader that begins at the resume offset cannot see, because it lies before it."""

from collections.abc import Iterable
from typing import Any, NamedTuple

MOST_CHARACTERS = 3_000
_MORE = 8


class Joint(NamedTuple):
    """`clock_ms` is the clock of pairs at the resume offset. Orphans are halves from there on whose other half lies before
    it: their pairs were sent. They are told in one of two ways, as their offsets ascending, or by a rule.

    By the rule, where `until` is above 0, a half that finds none waiting is an orphan where it is a response before `until`;
    at the `exceptions`, ascending, it is the other way round. Where requests come first there are none of these, however many
    were in flight."""

    clock_ms: int
    orphans: tuple[int, ...] = ()
    until: int = 0
    exceptions: tuple[int, ...] = ()

    @property
    def fits(self) -> bool:
        """Whether it fits into what a broker takes beside an offset, 4,096 bytes unless told."""
        return len(_digits(self.exceptions if self.until else self.orphans)) <= MOST_CHARACTERS

    def encoded(self) -> dict[str, Any]:
        if self.until:
            return {"clock_ms": self.clock_ms, "until": self.until, "exceptions": _digits(self.exceptions)}
        return {"clock_ms": self.clock_ms, "orphans": _digits(self.orphans)}


def joint_of(record: Any) -> Joint:
    """What `encoded` made. Raises ValueError, TypeError or LookupError for anything else."""
    clock_ms = int(record["clock_ms"])
    if "until" not in record:
        return Joint(clock_ms, tuple(_numbers(record["orphans"])))
    if not (until := int(record["until"])) > 0:
        raise ValueError(f"until must be above 0, got {until}")
    return Joint(clock_ms, (), until, tuple(_numbers(record["exceptions"])))


def _digits(offsets: Iterable[int]) -> str:
    """The steps from each offset to the next, from 0 on, in hexadecimal digits of three bits each; all digits of a step but
    the last are 8 or above. Steps are small, so that most take one digit."""
    digits: list[str] = []
    last = 0
    for offset in offsets:
        step, last = offset - last, offset
        parts = [step & 7]
        while step := step >> 3:
            parts.append(step & 7 | _MORE)
        digits += [f"{part:x}" for part in reversed(parts)]
    return "".join(digits)


def _numbers(digits: str) -> Iterable[int]:
    offset = step = 0
    for digit in digits:
        part = int(digit, 16)
        step = step << 3 | part & 7
        if part < _MORE:
            offset, step = offset + step, 0
            yield offset
    if step:
        raise ValueError("the last step has no end")
