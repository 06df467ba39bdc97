"""SageMaker's data capture: what an endpoint was asked and what it answered, in one record.

It names no model. Ground truth is passed over.
"""

import base64
import csv
import io
from collections.abc import Mapping, Sequence
from typing import Any

from pipeline.events.formats.envelope import Document, Envelope, Half
from pipeline.events.formats.inference import About, halves, pairs
from pipeline.events.formats.kserve import v1_rows
from pipeline.events.formats.rows import Features, features_of
from schemas import codec

_LISTS = ("instances", "inputs", "predictions", "outputs")


def events(envelope: Envelope, _: Half) -> Sequence[Document]:
    """An event for each row that was asked, with the answer to it; of what was captured on one side only, that side.
    Raises ValueError where the sides differ in rows, or hold something else than CSV and JSON."""
    document = envelope.document
    if "groundTruthData" in document:
        return []
    captured, meta = document["captureData"], document["eventMetadata"]
    when = meta.get("inferenceTime", envelope.record_ms)
    about = About(meta.get("inferenceId") or meta.get("eventId"), when)
    asked, answered = (captured.get(side) for side in ("endpointInput", "endpointOutput"))
    if asked is None or answered is None:
        half: Half = "response" if asked is None else "request"
        return halves(about, half, _rows(answered if asked is None else asked))
    inputs, outputs = _rows(asked), _rows(answered)
    if len(outputs) == 1 and len(outputs[0]) == len(inputs) > 1:  # one line with an answer for each row
        outputs = [{"f0": value} for value in outputs[0].values()]
    return pairs(about, inputs, [{f"output_{name[1:]}": value for name, value in row.items()} for row in outputs])


def _rows(side: Mapping[str, Any]) -> list[Features]:
    text, encoding, kind = side["data"], side["encoding"], side.get("observedContentType") or ""
    if encoding == "BASE64":
        text, encoding = base64.b64decode(text, validate=True).decode(), "CSV" if "csv" in kind else "JSON"
    rows = _csv(text) if encoding == "CSV" else _json(text, lines="lines" in kind)
    if not rows:
        raise ValueError("captured data without rows")
    return rows


def _csv(text: str) -> list[Features]:
    return [features_of([_value(cell) for cell in row]) for row in csv.reader(io.StringIO(text), strict=True) if row]


def _value(cell: str) -> Any:
    """A number where it is one, nothing where it is empty."""
    stripped = cell.strip()
    try:
        return float(stripped) if stripped and "_" not in stripped else stripped or None
    except ValueError:
        return stripped


def _json(text: str, *, lines: bool) -> list[Features]:
    if lines:
        return [features_of(codec.loads_lenient(line.encode())) for line in text.splitlines() if line.strip()]
    value = codec.loads_lenient(text.encode())
    if isinstance(value, dict):
        key = next((key for key in _LISTS if key in value), None)
        return [value] if key is None else v1_rows(value, key)
    if isinstance(value, list) and value and isinstance(value[0], list | dict):
        return [features_of(row) for row in value]
    return [features_of(value)]
