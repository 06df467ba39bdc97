"""Events that keep to the default form, and events that do not."""

from typing import Any

_LEAST: dict[str, Any] = {"event_id": "a-1", "ts": 1_769_860_800_000, "model": "m", "features": {}, "prediction": None}

GOOD_EVENTS: dict[str, dict[str, Any]] = {
    "the least": _LEAST,
    "everything": {
        **_LEAST,
        "ts": "2026-01-31T12:00:00Z",
        "version": "7",
        "features": {"age": 41, "income": 1250.5, "city": "Zürich", "vip": False, "note": None, "deep": {"a": [1]}},
        "prediction": 0.93,
        "label": 1,
        "latency_ms": 12.5,
        "tags": {"country": "CH"},
    },
    "a category": {**_LEAST, "prediction": "fraud", "label": "fraud"},
    "a boolean": {**_LEAST, "prediction": True, "label": None},
    "more than it needs": {**_LEAST, "part": "reference"},
}

BAD_EVENTS: dict[str, dict[str, Any]] = {
    "no model": {key: value for key, value in _LEAST.items() if key != "model"},
    "an empty model": {**_LEAST, "model": ""},
    "no ts": {key: value for key, value in _LEAST.items() if key != "ts"},
    "ts is a boolean": {**_LEAST, "ts": True},
    "features is a list": {**_LEAST, "features": [1, 2]},
    "prediction is an object": {**_LEAST, "prediction": {"class": 1}},
    "tags is a string": {**_LEAST, "tags": "CH"},
}
