"""Golden samples of what events look like on real buses, and the plain events that they hold."""

from collections.abc import Mapping
from typing import Any, NamedTuple

from schemas import codec

RECORD_MS = 1_767_225_600_123
TIME = "2026-01-01T00:00:00Z"


class Sample(NamedTuple):
    """A record of a form, and its plain events; none where it is the other half of a pair."""

    form: str
    body: Any
    events: list[dict[str, Any]]
    headers: Mapping[str, str] = {}
    half: str = "request"

    @property
    def value(self) -> bytes:
        return codec.encode(self.body)

    @property
    def raw_headers(self) -> list[tuple[str, bytes]]:
        return [(name, text.encode()) for name, text in self.headers.items()]


PLAIN = {"event_id": "a-1", "ts": TIME, "model": "loan", "features": {"x": 1.5}, "prediction": 0.5}
CLOUD = {"specversion": "1.0", "id": "9f", "type": "loan.scored", "source": "/scoring", "time": TIME}
CE = {f"ce_{name}": text for name, text in CLOUD.items()} | {"content-type": "application/json"}


def kserve(half: str) -> dict[str, str]:
    """Headers of KServe's logger."""
    extensions = {"inferenceservicename": "loan", "namespace": "prod", "component": "predictor", "endpoint": "default"}
    kind = f"org.kubeflow.serving.inference.{half}"
    return {**CE, "ce_type": kind, **{f"ce_{name}": text for name, text in extensions.items()}}


def seldon(half: str) -> dict[str, str]:
    """Headers of Seldon's logger."""
    kind = f"io.seldon.serving.inference.{half}" if half != "feedback" else "io.seldon.serving.feedback"
    said = {"type": kind, "modelid": "classifier", "requestid": "r-7", "inferenceservicename": "income"}
    return {**said, "namespace": "prod", "endpoint": "default"}


def captured(kind: str, data: str, encoding: str, mode: str) -> dict[str, str]:
    return {"observedContentType": kind, "mode": mode, "data": data, "encoding": encoding}


def sagemaker(asked: Any, answered: Any, **meta: str) -> dict[str, Any]:
    sides = {"endpointInput": asked, "endpointOutput": answered}
    about = {"eventId": "e-1", "inferenceTime": TIME, **meta}
    return {"captureData": {k: v for k, v in sides.items() if v}, "eventMetadata": about, "eventVersion": "0"}


def asked(data: str, kind: str = "text/csv", encoding: str = "CSV") -> dict[str, str]:
    return captured(kind, data, encoding, "INPUT")


def answered(data: str, kind: str = "text/csv", encoding: str = "CSV") -> dict[str, str]:
    return captured(kind, data, encoding, "OUTPUT")


KSERVE = {
    "event_id": "9f", "ts": TIME, "model": "loan",
    "tags": {"namespace": "prod", "component": "predictor", "endpoint": "default"},
}  # fmt: skip
SELDON = {
    "event_id": "r-7", "ts": RECORD_MS, "model": "income/classifier", "tags": {"namespace": "prod", "endpoint": "default"}
}  # fmt: skip
SAGEMAKER = {"event_id": "e-1", "ts": TIME}
V2_ONE = {"id": "9f", "inputs": [{"name": "income", "shape": [1, 4], "datatype": "FP32", "data": [1.0, 2.0, 3.0, 4.0]}]}
V2_COLUMNS = {
    "inputs": [
        {"name": "income", "shape": [2], "datatype": "FP32", "data": [1.0, 2.0]},
        {"name": "grade", "shape": [2, 1], "datatype": "BYTES", "data": [["A"], ["B"]]},
    ]
}
V2_ANSWER = {
    "model_name": "loan", "model_version": "3", "id": "9f",
    "outputs": [{"name": "score", "shape": [2, 1], "datatype": "FP32", "data": [0.1, 0.9]}],
}  # fmt: skip
SHARED = {"event_id": "9f", "ts": TIME, "ce": CLOUD}

SAMPLES = {
    "cloudevent, structured": Sample(
        "cloudevents", {**CLOUD, "data": {"model": "loan", "features": {"x": 1}}}, [{**SHARED, "model": "loan", "features": {"x": 1}}]
    ),
    "cloudevent, structured, whose data have their own id and time": Sample(
        "cloudevents", {**CLOUD, "data": PLAIN}, [{**SHARED, **PLAIN}]
    ),
    "cloudevent, structured, in base64": Sample(
        "cloudevents", {**CLOUD, "data_base64": "eyJtb2RlbCI6ICJtIiwgImZlYXR1cmVzIjoge319"}, [{**SHARED, "model": "m", "features": {}}]
    ),
    "cloudevent, binary": Sample(
        "cloudevents", {"model": "loan", "features": {}}, [{**SHARED, "model": "loan", "features": {}}], CE
    ),
    "cloudevent without a time": Sample(
        "cloudevents", {"specversion": "1.0", "id": "9f", "data": {"features": {}}},
        [{"event_id": "9f", "ts": RECORD_MS, "ce": {"specversion": "1.0", "id": "9f"}, "features": {}}],
    ),
    "kserve v1, request": Sample(
        "kserve-v1", {"instances": [[1.0, 2.0], [3.0, 4.0]]},
        [{**KSERVE, "features": {"f0": 1.0, "f1": 2.0}}, {**KSERVE, "features": {"f0": 3.0, "f1": 4.0}}],
        kserve("request"),
    ),
    "kserve v1, request by name": Sample(
        "kserve-v1", {"instances": [{"income": 1.0, "grade": "A"}]},
        [{**KSERVE, "features": {"income": 1.0, "grade": "A"}}], kserve("request"),
    ),
    "kserve v1, response": Sample(
        "kserve-v1", {"predictions": [0.25, [0.5], [0.1, 0.9]]},
        [
            {**KSERVE, "features": {}, "prediction": 0.25},
            {**KSERVE, "features": {}, "prediction": 0.5},
            {**KSERVE, "features": {"f0": 0.1, "f1": 0.9}},
        ],
        kserve("response"), "response",
    ),
    "kserve v1, the other half": Sample("kserve-v1", {"predictions": [1]}, [], kserve("response")),
    "kserve v2, request": Sample(
        "kserve-v2", V2_ONE,
        [{**KSERVE, "features": {"income_0": 1.0, "income_1": 2.0, "income_2": 3.0, "income_3": 4.0}}], kserve("request"),
    ),
    "kserve v2, a batch of columns, flat and nested": Sample(
        "kserve-v2", V2_COLUMNS,
        [{**KSERVE, "features": {"income": 1.0, "grade": "A"}}, {**KSERVE, "features": {"income": 2.0, "grade": "B"}}],
        kserve("request"),
    ),
    "kserve v2, response": Sample(
        "kserve-v2", V2_ANSWER,
        [{**KSERVE, "version": "3", "features": {}, "prediction": p} for p in (0.1, 0.9)], kserve("response"), "response",
    ),
    "kserve v2, structured": Sample(
        "kserve-v2",
        {**CLOUD, "type": "org.kubeflow.serving.inference.request", "inferenceservicename": "loan", "data": V2_COLUMNS},
        [{"event_id": "9f", "ts": TIME, "model": "loan", "features": {"income": i, "grade": g}} for i, g in ((1.0, "A"), (2.0, "B"))],
    ),
    "kserve v2, without an envelope": Sample(
        "kserve-v2", V2_ANSWER,
        [{"event_id": "9f", "ts": RECORD_MS, "model": "loan", "version": "3", "features": {}, "prediction": p} for p in (0.1, 0.9)],
        half="response",
    ),
    "kserve v2, the other half": Sample("kserve-v2", V2_ONE, [], kserve("request"), "response"),
    "seldon, ndarray": Sample(
        "seldon", {"data": {"names": ["f0"], "ndarray": [[0.77]]}}, [{**SELDON, "features": {"f0": 0.77}}], seldon("request")
    ),
    "seldon, tensor": Sample(
        "seldon", {"data": {"names": ["a", "b"], "tensor": {"shape": [2, 2], "values": [1, 2, 3, 4]}}},
        [{**SELDON, "features": {"a": 1, "b": 2}}, {**SELDON, "features": {"a": 3, "b": 4}}], seldon("request"),
    ),
    "seldon, v2": Sample(
        "seldon", V2_COLUMNS,
        [{**SELDON, "features": {"income": 1.0, "grade": "A"}}, {**SELDON, "features": {"income": 2.0, "grade": "B"}}],
        seldon("request"),
    ),
    "seldon, response": Sample(
        "seldon", {"data": {"names": ["t:0"], "ndarray": [[0.77], [0.2]]}},
        [{**SELDON, "features": {}, "prediction": 0.77}, {**SELDON, "features": {}, "prediction": 0.2}],
        seldon("response"), "response",
    ),
    "seldon, the other half": Sample("seldon", {"data": {"ndarray": [[1]]}}, [], seldon("response")),
    "seldon, feedback": Sample("seldon", {"reward": 1.0}, [], seldon("feedback")),
    "seldon, without headers": Sample(
        "seldon", {"data": {"ndarray": [[1, "a"]]}}, [{"ts": RECORD_MS, "features": {"f0": 1, "f1": "a"}}]
    ),
    "sagemaker, csv": Sample(
        "sagemaker", sagemaker(asked("1,2"), answered("0.5")),
        [{**SAGEMAKER, "features": {"f0": 1.0, "f1": 2.0}, "prediction": 0.5}],
    ),
    "sagemaker, lines of csv, one line of answers": Sample(
        "sagemaker", sagemaker(asked('1,"a"\n2,\n'), answered("0.5,0.25"), inferenceId="i-1"),
        [
            {"event_id": "i-1", "ts": TIME, "features": {"f0": 1.0, "f1": "a"}, "prediction": 0.5},
            {"event_id": "i-1", "ts": TIME, "features": {"f0": 2.0, "f1": None}, "prediction": 0.25},
        ],
    ),
    "sagemaker, json": Sample(
        "sagemaker",
        sagemaker(
            asked('{"instances": [[1, 2], [3, 4]]}', "application/json", "JSON"),
            answered('{"predictions": [[0.1, 0.9], [0.6, 0.4]]}', "application/json", "JSON"),
        ),
        [
            {**SAGEMAKER, "features": {"f0": 1, "f1": 2, "output_0": 0.1, "output_1": 0.9}},
            {**SAGEMAKER, "features": {"f0": 3, "f1": 4, "output_0": 0.6, "output_1": 0.4}},
        ],
    ),
    "sagemaker, json lines": Sample(
        "sagemaker", sagemaker(asked('{"a": 1}\n{"a": 2}', "application/jsonlines", "JSON"), answered("0\n1")),
        [{**SAGEMAKER, "features": {"a": 1}, "prediction": 0.0}, {**SAGEMAKER, "features": {"a": 2}, "prediction": 1.0}],
    ),
    "sagemaker, csv in base64, asked alone": Sample(
        "sagemaker", sagemaker(asked("MSwy", encoding="BASE64"), None), [{**SAGEMAKER, "features": {"f0": 1.0, "f1": 2.0}}]
    ),
    "sagemaker, ground truth": Sample(
        "sagemaker",
        {"groundTruthData": {"data": "1", "encoding": "CSV"}, "eventMetadata": {"eventId": "e-1"}, "eventVersion": "0"},
        [],
    ),
}  # fmt: skip

# Not of the form, each by its own fault.
FAULTY = {
    "cloudevents": [PLAIN, {**CLOUD, "data": [1]}, {**CLOUD}, {**CLOUD, "data_base64": "?"}, {**CLOUD, "data": "{"}],
    "kserve-v1": [PLAIN, {"instances": []}, {"instances": {}}, {"instances": [[1, [2]]]}, {**CLOUD, "data": None}],
    "kserve-v2": [
        {"inputs": []},
        {"inputs": [{"name": "x", "shape": [2], "data": [1]}]},
        {"inputs": [{"name": "x", "shape": [1_000_000_000, 0], "data": []}]},
        {"inputs": [{"name": "x", "shape": [0], "data": []}]},
        {"inputs": [{"name": "x", "shape": [True], "data": [1]}]},
        {"inputs": [{"name": "x", "shape": [1]}]},
        {"inputs": [{"name": "x", "shape": [1], "data": [1]}, {"name": "y", "shape": [2], "data": [1, 2]}]},
        {"inputs": [{"name": ["x"], "shape": [1], "data": [1]}]},
    ],
    "seldon": [
        {"strData": "x"},
        {"data": {"names": ["a", "b"], "ndarray": [[1]]}},
        {"data": {"tensor": {"shape": [1_000_000_000, 0], "values": []}}},
        {"data": {"ndarray": []}},
    ],
    "sagemaker": [
        PLAIN,
        {"captureData": {}, "eventMetadata": {}},
        sagemaker(asked("1\n2\n3"), answered("1\n2")),
        sagemaker(asked(""), answered("1")),
        sagemaker(asked("x", "application/json", "JSON"), answered("1")),
        sagemaker(asked("AAA", "application/x-image", "BASE64"), answered("1")),
    ],
}
