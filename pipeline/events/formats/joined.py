"""The plain events of a request and the response to it."""

import re
from collections.abc import Sequence
from typing import Any

from pipeline.events.formats.envelope import Document

_UNNAMED = re.compile(r"f(\d+)")


def joined(request: Sequence[Document], response: Sequence[Document]) -> list[Document]:
    """An event for each row, at the time of the response. An answer of several values is among the features: one without
    a name, or of a name that the request has, goes by `output_` and that. Raises ValueError where they have different
    numbers of rows."""
    return [_one(asked, answered) for asked, answered in zip(request, response, strict=True)]


def _one(asked: Document, answered: Document) -> Document:
    features = asked["features"]
    outputs = {_name(name, features): value for name, value in answered["features"].items()}
    tags = {**asked.get("tags", {}), **answered.get("tags", {})}
    return {**asked, **answered, **({"tags": tags} if tags else {}), "features": {**outputs, **features}}


def _name(output: str, features: Any) -> str:
    unnamed = _UNNAMED.fullmatch(output)
    if unnamed:
        return f"output_{unnamed[1]}"
    return f"output_{output}" if output in features else output
