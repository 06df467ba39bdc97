"""One decoder under test: how its inputs are made, and what is held of each."""

from collections.abc import Callable
from dataclasses import dataclass
from random import Random
from typing import Any


@dataclass(frozen=True, slots=True)
class Decoder:
    """`make` draws an input, `check` gives it to the decoder and returns how much of it was read, 0 where it was
    refused as it should be. Whatever else `check` raises is a fault. `share` is out of ten thousand inputs; an input is a
    batch of `batch` where they are read together."""

    name: str
    share: int
    make: Callable[[Random], Any]
    check: Callable[[Any], int]
    batch: int = 1


def same(got: object, wanted: object, what: str) -> None:
    """Raises AssertionError where what was read does not come back as it was."""
    if got != wanted:
        raise AssertionError(f"{what}: {_short(got)} instead of {_short(wanted)}")


def _short(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 300 else f"{text[:300]}... ({len(text)} characters)"
