"""The plain event of one half of an inference, or of both."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from pipeline.events.formats.envelope import Document, Half
from pipeline.events.formats.rows import Features, prediction_of


class About(NamedTuple):
    """What all rows of a message share. What is None is left out."""

    event_id: Any = None
    ts: Any = None
    model: Any = None
    version: Any = None
    tags: Mapping[str, Any] = {}

    def plain(self) -> Document:
        return {name: value for name, value in self._asdict().items() if value not in (None, {})}


def halves(about: About, half: Half, rows: Sequence[Features]) -> list[Document]:
    """Events of one half: a request's rows are features, a response's are predictions."""
    shared = about.plain()
    if half == "request":
        return [{**shared, "features": row} for row in rows]
    answers = [prediction_of(row) for row in rows]
    return [{**shared, "features": outputs, **_answer(prediction)} for outputs, prediction in answers]


def pairs(about: About, inputs: Sequence[Features], outputs: Sequence[Features]) -> list[Document]:
    """Events of both halves. Raises ValueError where they have different numbers of rows."""
    shared, events = about.plain(), []
    for row, answer in zip(inputs, outputs, strict=True):
        rest, prediction = prediction_of(answer)
        events.append({**shared, "features": {**rest, **row}, **_answer(prediction)})
    return events


def _answer(prediction: Any) -> Document:
    return {} if prediction is None else {"prediction": prediction}
