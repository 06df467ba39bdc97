"""Sequence detectors by name, so that a configuration, a command or a benchmark can ask for one.

Adding one: write it in `detectors/sequence`, with its paper and an example, and add it to `_FACTORIES` below; the
checks in `tests/detectors/test_registry.py` then run over it too.
"""

import inspect
from collections.abc import Callable
from difflib import get_close_matches
from typing import Any

from detectors.sequence.adwin import Adwin
from detectors.sequence.cusum import Cusum
from detectors.sequence.ddm import Ddm
from detectors.sequence.detector import SequenceDetector
from detectors.sequence.eddm import Eddm
from detectors.sequence.hddm_a import HddmA
from detectors.sequence.hddm_w import HddmW
from detectors.sequence.kswin import Kswin
from detectors.sequence.onset import Onset
from detectors.sequence.page_hinkley import PageHinkley

Factory = Callable[..., SequenceDetector]

_FACTORIES: dict[str, Factory] = {
    "adwin": Adwin,
    "cusum": Cusum,
    "ddm": Ddm,
    "eddm": Eddm,
    "hddm_a": HddmA,
    "hddm_w": HddmW,
    "kswin": Kswin,
    "onset": Onset,
    "page_hinkley": PageHinkley,
}


def names() -> tuple[str, ...]:
    """The names of all detectors, in order."""
    return tuple(sorted(_FACTORIES))


def register(name: str, factory: Factory) -> None:
    """Adds a detector. Raises ValueError where the name is taken by another."""
    if _FACTORIES.setdefault(name, factory) is not factory:
        raise ValueError(f"a detector named {name!r} is registered already")


def build(name: str, **params: Any) -> SequenceDetector:
    """A fresh detector. Raises ValueError for an unknown name or parameter, with the nearest right one, and for a
    parameter out of its bounds."""
    factory = _FACTORIES.get(name)
    if factory is None:
        raise ValueError(f"no detector is named {name!r}{_instead(name, names())}")
    known = tuple(inspect.signature(factory).parameters)
    for param in params:
        if param not in known:
            raise ValueError(f"{name} has no parameter {param!r}{_instead(param, known)}")
    return factory(**params)


def _instead(wrong: str, right: tuple[str, ...]) -> str:
    near = get_close_matches(wrong, right, n=1, cutoff=0.5)
    return f": did you mean {near[0]!r}?" if near else f": there is {', '.join(right) or 'none'}"
