"""What Seldon Core's logger sends straight to Kafka: headers without a prefix, and the body of a request or a response.

The model is `inferenceservicename/modelid`, for each node of a graph has inputs of its own. There is no time but the
record's. Feedback is passed over.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from pipeline.events.formats.envelope import Document, Envelope, Half, half_of, unwrapped
from pipeline.events.formats.inference import About, halves
from pipeline.events.formats.kserve import v2_rows
from pipeline.events.formats.rows import Features, features_of

_TAGS = ("namespace", "endpoint")
_FEEDBACK = "feedback"


def events(envelope: Envelope, half: Half) -> Sequence[Document]:
    """An event for each row of `data.ndarray`, `data.tensor` or the tensors of V2. None of the other half. A record that
    does not say which half it is, is taken for the one asked for. Raises ValueError for anything else."""
    attributes, body = unwrapped(envelope)
    said: Mapping[str, Any] = attributes or envelope.headers
    kind = said.get("type")
    if str(kind).endswith(_FEEDBACK) or (half_of(kind) or half) != half:
        return []
    model = "/".join(str(said[name]) for name in ("inferenceservicename", "modelid") if said.get(name))
    about = About(
        said.get("requestid") or said.get("id"),
        said.get("time", envelope.record_ms),
        model or None,
        tags={name: said[name] for name in _TAGS if said.get(name)},
    )
    return halves(about, half, _rows(body))


def _rows(body: Mapping[str, Any]) -> list[Features]:
    for key in ("inputs", "outputs"):
        if key in body:
            return v2_rows(body, key)
    data = body["data"]
    names = data.get("names") or ()
    rows = _tensor(data["tensor"]) if "tensor" in data else data["ndarray"]
    if not isinstance(rows, list) or not rows:
        raise ValueError("data must have rows")
    return [features_of(row, names) for row in rows]


def _tensor(tensor: Mapping[str, Any]) -> list[list[Any]]:
    """The rows of `{"shape": [n, k], "values": [...]}`."""
    n, width = tensor["shape"]
    values = tensor["values"]
    if type(n) is not int or type(width) is not int or min(n, width) < 1 or len(values) != n * width:
        raise ValueError(f"{len(values)} values are not of shape {tensor['shape']}")
    return [values[at : at + width] for at in range(0, len(values), width)]
