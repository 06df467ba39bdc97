"""Random projections of an embedding: a few numbers that are signals as any other, frozen by name, dimension and index.

A direction has +1, -1 and 0 in its places, one, one and four in six (Achlioptas 2003), read off BLAKE2b of what it is called,
and length 1. Values are taken in steps of 2**-20, so that sums of products are whole numbers that a float holds exactly,
in whatever order they are added: the same bits on every machine, alone or in a batch.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from functools import cached_property
from hashlib import blake2b

import numpy as np

from detectors.profiles.column import Column, concatenated
from detectors.profiles.ordering import Floats
from detectors.profiles.vectors import vectors_of
from schemas.config import PROJECTION_VERSION

# 2**14 products of 2**38 at most are below 2**53.
_STEPS = float(1 << 20)
_GREATEST = float(1 << 38)
_HALF = float(1 << 19)
# Bits of a norm that are kept: more would tell apart in which precision embeddings were made to have length 1.
_NORM_BITS = 11
_DIE, _SIDES = 252, 6
# So many stay in the processor's cache from one step to the next.
_VALUES_TOGETHER = 1 << 15


@dataclass(frozen=True)
class Projection:
    """Of embeddings at `path`, of `dimension` numbers, onto so many directions, and their norm. A direction depends neither on
    how many others there are, nor on events."""

    path: str
    dimension: int
    projections: int

    @cached_property
    def directions(self) -> Floats:
        """Shape (dimension, projections), -1, 0 and 1."""
        return np.stack([self._direction(at) for at in range(self.projections)], axis=1)

    def names(self, name: str) -> list[str]:
        """The signals of an embedding of that name: its projections, and its norm."""
        return [*(f"{name}[{at}]" for at in range(self.projections)), f"{name}[norm]"]

    def columns(self, values: Sequence[object]) -> list[Column]:
        """A column for each of the signals, in the order of `names`. What is no such vector is of one kind in all of them
        (`detectors.profiles.vectors`). O(n dimension projections)."""
        rows = max(1, _VALUES_TOGETHER // self.dimension)
        parts = [self._part(values[at : at + rows]) for at in range(0, max(1, len(values)), rows)]
        return list(map(concatenated, zip(*parts, strict=True)))

    def _part(self, values: Sequence[object]) -> list[Column]:
        kinds, vectors = vectors_of(values, self.dimension)
        whole = _whole(vectors)
        projected = (whole @ self.directions / self._lengths).T
        return [Column(len(values), kinds, numbers, None) for numbers in (*projected.copy(), _norms(whole))]

    @cached_property
    def _lengths(self) -> Floats:
        """Those of the directions, in steps."""
        found: Floats = np.sqrt(np.abs(self.directions).sum(axis=0)) * _STEPS
        return found

    def told(self, name: str, moved: Collection[str]) -> str:
        """In words, which of the signals of an embedding of that name moved."""
        *projections, norm = self.names(name)
        found = [str(at) for at, signal in enumerate(projections) if signal in moved]
        said = []
        if found:
            said.append(f"in {len(found)} of {self.projections} projections ({', '.join(found)})")
        if norm in moved:
            said.append("in its norm")
        return f"embedding moved {' and '.join(said)}"

    def _direction(self, at: int) -> Floats:
        seed = f"{PROJECTION_VERSION}\0{self.path}\0{self.dimension}\0{at}".encode()
        rolled: list[int] = []
        block = 0
        while len(rolled) < self.dimension:
            digest = blake2b(seed, salt=block.to_bytes(8, "little")).digest()
            rolled += [byte % _SIDES for byte in digest if byte < _DIE]
            block += 1
        faces = np.array(rolled[: self.dimension])
        direction: Floats = (faces == 0).astype(np.float64) - (faces == 1)
        if not direction.any():
            direction[at % self.dimension] = 1.0
        return direction


def _whole(vectors: Floats) -> Floats:
    """In steps, clipped at 2**18."""
    with np.errstate(over="ignore"):
        steps = vectors * _STEPS
    return np.rint(np.clip(steps, -_GREATEST, _GREATEST, out=steps), out=steps)


def _norms(whole: Floats) -> Floats:
    """Shape (n,), to `_NORM_BITS` bits. Squares are summed in halves, each sum of them exact."""
    high = np.rint(whole / _HALF)
    low = whole - high * _HALF
    squares = (_dots(high, high) * _HALF + 2.0 * _dots(high, low)) * _HALF + _dots(low, low)
    parts, exponents = np.frexp(np.sqrt(squares) / _STEPS)
    found: Floats = np.ldexp(np.rint(parts * (1 << _NORM_BITS)) / (1 << _NORM_BITS), exponents)
    return found


def _dots(a: Floats, b: Floats) -> Floats:
    found: Floats = np.einsum("ij,ij->i", a, b)
    return found
