"""Rows of values: from the lists and tensors that inference servers send, to features by name."""

from collections.abc import Mapping, Sequence
from itertools import chain
from math import prod
from typing import Any

Features = dict[str, Any]


def flattened(values: Any) -> list[Any]:
    """A list in lists, to one list, level by level. Raises ValueError where a level mixes lists with values."""
    if not isinstance(values, list):
        raise ValueError(f"must be a list, got {type(values).__name__}")
    flat: list[Any] = values
    while list in (kinds := set(map(type, flat))):
        if len(kinds) > 1:
            raise ValueError("a list mixes lists with values")
        flat = list(chain.from_iterable(flat))
    return flat


def features_of(row: Any, names: Sequence[str] = ()) -> Features:
    """One row by name: its own names where it has any, else `names`, else f0, f1 and so on."""
    if isinstance(row, dict):
        return row
    values = flattened(row) if isinstance(row, list) else [row]
    if names and len(names) != len(values):
        raise ValueError(f"{len(values)} values go by {len(names)} names")
    return dict(zip(names or [f"f{i}" for i in range(len(values))], values, strict=True))


def tensor_rows(name: str, shape: Sequence[Any], data: Any) -> list[Features]:
    """The rows of a tensor whose first dimension is the batch. A row of one value goes by the tensor's name, a longer one
    by name_0, name_1 and so on. Raises ValueError where the data are not of that shape."""
    if not all(type(side) is int and side > 0 for side in shape):
        raise ValueError(f"a shape has whole numbers above 0, got {shape}")
    n, width = (shape[0] if shape else 1), prod(shape[1:])
    values = flattened(data)
    if len(values) != n * width:
        raise ValueError(f"{name} has {len(values)} values, its shape {shape} asks for {n * width}")
    names = [name] if width == 1 else [f"{name}_{i}" for i in range(width)]
    return [dict(zip(names, values[at : at + width], strict=True)) for at in range(0, len(values), width)]


def joined(parts: Sequence[Sequence[Features]]) -> list[Features]:
    """The rows of several tensors side by side. Raises ValueError where one has more rows than another."""
    if not parts or len({len(part) for part in parts}) != 1:
        raise ValueError("tensors of one message have one number of rows")
    if len(parts) == 1:
        return list(parts[0])
    return [dict(chain.from_iterable(map(Mapping.items, row))) for row in zip(*parts, strict=True)]


def prediction_of(row: Features) -> tuple[Features, Any]:
    """An answer's row as features and prediction: one value is the prediction; of several, each is profiled by its
    name."""
    return (row, None) if len(row) != 1 else ({}, next(iter(row.values())))
