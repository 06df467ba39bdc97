"""Products of matrices on the thread that asks for them.

OpenBLAS wakes its threads for products of many operations. They spin while they wait for work, so that on a busy machine a
product costs several times the CPU of one cut into pieces that are too small to be shared out.
"""

from collections.abc import Iterator

import numpy as np

from detectors.profiles.ordering import Floats

_MOST_OPERATIONS = 1 << 17


def pieces(n: int, operations: int) -> Iterator[slice]:
    """Stretches of n columns, each of which takes so many operations, that one thread does alone."""
    step = max(1, _MOST_OPERATIONS // operations)
    for start in range(0, n, step):
        yield slice(start, min(start + step, n))


def product(a: Floats, b: Floats) -> Floats:
    """`a @ b.T` of shapes (p, n) and (q, n), summed piece by piece: exact where whole numbers sum to less than 2**53.
    O(n p q)."""
    total = np.zeros((len(a), len(b)))
    for part in pieces(a.shape[1], max(1, len(a) * len(b))):
        total += a[:, part] @ b[:, part].T
    return total
