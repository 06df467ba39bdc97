"""What KServe's logger sends: a CloudEvent around the body of a request or of a response, of protocol V1 or V2.

The model is the extension `inferenceservicename`, else the body's `model_name`. The rest of the extensions are tags.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from pipeline.events.formats.envelope import Document, Envelope, Half, half_of, time_of, unwrapped
from pipeline.events.formats.inference import About, halves
from pipeline.events.formats.rows import Features, features_of, joined, tensor_rows

_TAGS = ("namespace", "component", "endpoint")
_V1 = {"instances": "request", "inputs": "request", "predictions": "response", "outputs": "response"}
_V2 = {"inputs": "request", "outputs": "response"}

Body = Mapping[str, Any]


def v1_events(envelope: Envelope, half: Half) -> Sequence[Document]:
    """`{"instances": [...]}` and `{"predictions": [...]}`: an event for each of the list. None of the other half. Raises
    ValueError for anything else."""
    return _events(envelope, half, _V1, v1_rows)


def v2_events(envelope: Envelope, half: Half) -> Sequence[Document]:
    """`{"inputs": [...]}` and `{"outputs": [...]}`, tensors whose first dimension is the batch: an event for each of it.
    None of the other half. Raises ValueError for anything else."""
    return _events(envelope, half, _V2, v2_rows)


def v1_rows(body: Body, key: str) -> list[Features]:
    """The rows under `key`; of one value each, f0 is its name."""
    rows = body[key]
    if not isinstance(rows, list) or not rows:
        raise ValueError(f"{key} must be a list with something in it")
    return [features_of(row) for row in rows]


def v2_rows(body: Body, key: str) -> list[Features]:
    """The rows of the tensors under `key`."""
    return joined([tensor_rows(t["name"], t["shape"], t["data"]) for t in body[key]])


def _events(
    envelope: Envelope, half: Half, halves_by_key: Mapping[str, str], rows_of: Callable[[Body, str], list[Features]]
) -> Sequence[Document]:
    attributes, body = unwrapped(envelope)
    key = next((key for key in halves_by_key if key in body), None)
    if key is None:
        raise ValueError(f"the body has none of {', '.join(halves_by_key)}")
    if (half_of(attributes.get("type")) or halves_by_key[key]) != half:
        return []
    about = About(
        attributes.get("id", body.get("id")),
        time_of(attributes, envelope),
        attributes.get("inferenceservicename") or body.get("model_name"),
        body.get("model_version"),
        {name: attributes[name] for name in _TAGS if name in attributes},
    )
    return halves(about, half, rows_of(body, key))
